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

  init(_ loop: any EventLoop, limits: MonitoringServer.Limits, pages: Pages) {
    self.loop = loop
    self.limits = limits
    self.pages = pages
  }

  var count: Int { channels.count }

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

  init(_ number: Int, _ visitors: Visitors, _ bound: HeadBound) {
    self.number = number
    self.visitors = visitors
    self.bound = bound
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // The requests that only read have no body, so a head is all there is.
    guard case .head(let head) = unwrapInboundIn(data) else { return }
    bound.begin()
    guard head.method == .GET || head.method == .HEAD else {
      return answer(
        Page(status: .methodNotAllowed, body: "only GET and HEAD are answered\n"), head, isLast: true, context)
    }
    let length = head.headers.first(name: "Content-Length").map { $0 == "0" } ?? true
    guard length, !head.headers.contains(name: "Transfer-Encoding") else {
      return answer(Page(status: .payloadTooLarge, body: "a request has no body here\n"), head, isLast: true, context)
    }
    answer(visitors.pages.page(head.uri), head, isLast: !head.isKeepAlive, context)
  }

  private func answer(_ page: Page, _ head: HTTPRequestHead, isLast: Bool, _ context: ChannelHandlerContext) {
    var headers = HTTPHeaders([("Content-Type", page.mediaType), ("Content-Length", "\(page.body.utf8.count)")])
    if page.status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
    if isLast { headers.add(name: "Connection", value: "close") }
    let response = HTTPResponseHead(version: head.version, status: page.status, headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    if head.method != .HEAD {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: page.body)))), promise: nil)
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
