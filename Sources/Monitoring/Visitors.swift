import Listening
import NIOCore
import NIOHTTP1

/// The server's connections, on its thread.
final class Visitors {
  let limits: MonitoringServer.Limits
  var pages: Pages
  private let loop: any EventLoop
  private var channels: [Int: any Channel] = [:]
  private var deadlines: [Int: NIODeadline] = [:]
  private var crowd = Crowd()
  private var lastNumber = 0
  /// Those who are sent states of the run.
  private var viewers: [Int: Visitor] = [:]
  private var nextFrame = NIODeadline.now()

  init(_ loop: any EventLoop, limits: MonitoringServer.Limits, pages: Pages) {
    self.loop = loop
    self.limits = limits
    self.pages = pages
  }

  var count: Int { channels.count }

  var viewerCount: Int { viewers.count }

  func arrive(_ channel: any Channel) throws {
    if channels.count >= limits.connections, let number = crowd.mostExpendable() {
      channels[number]?.close(promise: nil)
      leave(number)
    }
    lastNumber += 1
    let number = lastNumber
    // Small pieces, of which a thousand requests at once are not many.
    try channel.syncOptions?.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4_096))
    try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
    let pipeline = channel.pipeline.syncOperations
    let head = HeadBound(limits.headBytes)
    try pipeline.addHandler(head)
    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
    try pipeline.addHandler(Visitor(number, self, head))
    channels[number] = channel
    crowd.insert(number, from: Origin(channel.remoteAddress), at: .now())
    extend(number)
  }

  /// Gives a connection the time of another exchange.
  func extend(_ number: Int) { deadlines[number] = .now() + limits.exchange }

  func leave(_ number: Int) {
    channels[number] = nil
    viewers[number] = nil
    deadlines[number] = nil
    crowd.remove(number)
  }

  /// Closes those whose time is over, however slowly they send or take.
  func sweep() {
    let now = NIODeadline.now()
    for (number, deadline) in deadlines where deadline < now {
      channels[number]?.close(promise: nil)
      leave(number)
    }
    guard !viewers.isEmpty, now >= nextFrame, let event = pages.frames?.state() else { return }
    nextFrame = now + limits.frameAge
    for viewer in viewers.values { viewer.show(event) }
  }

  // MARK: Viewers

  /// Whether there is room for one more. Who has one is let be: where each new one dropped another, all would come again.
  var hasRoomForViewer: Bool { viewers.count < limits.viewers }

  /// A visitor stays to be sent states. It is no stranger any more, so that strangers do not crowd it out.
  func stay(_ number: Int, _ visitor: Visitor) {
    viewers[number] = visitor
    crowd.vouch(for: number)
  }

  /// Sends every viewer the run's last state.
  ///
  /// - Returns: done when all have it, or at the latest after a second.
  func endShow() -> EventLoopFuture<Void> {
    let done = loop.makePromise(of: Void.self)
    pages.frames?.renew()
    guard !viewers.isEmpty, let event = pages.frames?.state() else {
      done.succeed()
      return done.futureResult
    }
    let all = EventLoopFuture.andAllComplete(viewers.values.compactMap { $0.write(event) }, on: loop)
    var isDone = false
    func end() {
      guard !isDone else { return }
      isDone = true
      done.succeed()
    }
    all.assumeIsolated().whenComplete { _ in end() }
    loop.assumeIsolated().scheduleTask(in: .seconds(1)) { end() }
    return done.futureResult
  }
}

/// Closes a connection whose request has a longer head than allowed.
final class HeadBound: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let most: Int
  private var count = 0

  init(_ most: Int) { self.most = most }

  /// A head was whole.
  func begin() { count = 0 }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // Counted before it is read, which may call `begin`.
    count += unwrapInboundIn(data).readableBytes
    guard count <= most else { return context.close(promise: nil) }
    context.fireChannelRead(data)
  }
}

/// One connection: answers its requests one after the other.
final class Visitor: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let number: Int
  private unowned let visitors: Visitors
  private let bound: HeadBound
  private var context: ChannelHandlerContext?
  /// A state is on its way: the next ones are left out, so that one who reads slowly costs one state's memory.
  private var isBusy = false

  init(_ number: Int, _ visitors: Visitors, _ bound: HeadBound) {
    self.number = number
    self.visitors = visitors
    self.bound = bound
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // The requests that only read have no body, so a head is all there is.
    guard case .head(let head) = unwrapInboundIn(data) else { return }
    bound.begin()
    guard head.method == .GET || head.method == .HEAD else {
      return answer(
        Page(.methodNotAllowed, "only GET and HEAD are answered\n"), head, isLast: true, context)
    }
    let length = head.headers.first(name: "Content-Length").map { $0 == "0" } ?? true
    guard length, !head.headers.contains(name: "Transfer-Encoding") else {
      return answer(Page(.payloadTooLarge, "request bodies are not accepted\n"), head, isLast: true, context)
    }
    switch visitors.pages.answer(head.uri, host: head.headers.first(name: "Host")) {
    case .page(let page): answer(page, head, isLast: !head.isKeepAlive, context)
    case .stream: beginStream(head, context)
    }
  }

  /// States of the run from now on; the answer has no end.
  private func beginStream(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    guard visitors.hasRoomForViewer else {
      return answer(Page(.serviceUnavailable, "too many viewers are watching this run\n"), head, isLast: true, context)
    }
    guard head.method == .GET, let opening = visitors.pages.frames?.opening() else {
      return answer(Page(.ok, mediaType: Self.stream, ""), head, isLast: true, context)
    }
    let headers = HTTPHeaders([("Content-Type", Self.stream)] + LiveFiles.headers)
    let response = HTTPResponseHead(version: head.version, status: .ok, headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    visitors.stay(number, self)
    show(opening)
  }

  private static let stream = "text/event-stream"

  /// Sends a state, unless one is on its way. Who does not take one in time is dropped as others are.
  func show(_ event: ByteBuffer) {
    guard !isBusy, let written = write(event) else { return }
    isBusy = true
    written.assumeIsolated().whenComplete { [self] outcome in
      isBusy = false
      guard case .success = outcome else { return }
      visitors.extend(number)
    }
  }

  /// Writes an event of the stream; nil where the connection is gone.
  func write(_ event: ByteBuffer) -> EventLoopFuture<Void>? {
    context?.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(event))))
  }

  private func answer(_ page: Page, _ head: HTTPRequestHead, isLast: Bool, _ context: ChannelHandlerContext) {
    var headers = HTTPHeaders(
      [("Content-Type", page.mediaType), ("Content-Length", "\(page.body.readableBytes)")] + page.headers)
    if page.status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
    if isLast { headers.add(name: "Connection", value: "close") }
    let response = HTTPResponseHead(version: head.version, status: page.status, headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    if head.method != .HEAD {
      context.write(wrapOutboundOut(.body(.byteBuffer(page.body))), promise: nil)
    }
    let (visitors, number, channel) = (NIOLoopBound(visitors, eventLoop: context.eventLoop), number, context.channel)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { outcome in
      guard !isLast, case .success = outcome else { return channel.close(promise: nil) }
      visitors.value.extend(number)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    visitors.leave(number)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
