import NIOCore

/// One connection's way through the door, on the door's thread: the client before it, ZeroMQ behind it.
///
/// Nothing of a client reaches ZeroMQ until greeting and HELLO are whole, and then no more than INITIATE until the
/// gatekeeper has let its key in. From then on bytes go both ways, each way as fast as the other side takes them.
final class Passage {
  enum Stage {
    /// Greeting and HELLO come.
    case greeting
    /// They are on the way to ZeroMQ, whose own greeting comes first: the client has had that from the door.
    case welcoming(greetingLeft: Int)
    /// WELCOME was sent; INITIATE comes.
    case introducing
    /// INITIATE is whole; others before it are decided on, or it is.
    case deciding
    /// Its key is let in.
    case open
    /// One side has closed, or is to be closed; what is on the way to the other still goes there.
    case parting(Side)
    case closed
  }

  enum Side { case client, backend }

  let number: Int
  let address: String
  private(set) var stage = Stage.greeting
  private let client: any Channel
  private var backend: (any Channel)?
  private unowned let door: DoorFloor
  /// What came of a command that is not whole yet.
  private var early: ByteBuffer
  private var clientReadIsDue = false
  private var backendReadIsDue = false

  /// Bytes of the client that ZeroMQ was given since it was let in.
  private(set) var handedOver = 0
  private(set) var meter: Admissions.Meter?
  /// What the sweeps know of one that waits for the coordinator: how far that was, and since when.
  var stall: (received: Int, since: NIODeadline)?

  init(number: Int, client: any Channel, door: DoorFloor) {
    self.number = number
    self.client = client
    self.door = door
    address = client.remoteAddress?.ipAddress ?? "this machine"
    early = client.allocator.buffer(capacity: 512)
  }

  /// The key that it was let in with.
  private(set) var admittedKey: CurvePublicKey?

  /// What was handed over and the coordinator has not received.
  var unreceivedBytes: Int { handedOver - (meter?.receivedBytes ?? 0) }

  var isFull: Bool { unreceivedBytes >= door.limits.unreceivedBytes }

  // MARK: The client's side

  func clientCame() {
    var greeting = client.allocator.buffer(capacity: ClientHandshake.greetingBytes)
    greeting.writeBytes(ClientHandshake.serverGreeting)
    client.writeAndFlush(greeting, promise: nil)
  }

  func received(_ bytes: ByteBuffer) {
    do throws(Refusal) {
      switch stage {
      case .greeting:
        early.writeImmutableBuffer(bytes)
        guard try ClientHandshake.hasHello(early.readableBytesView) else { return }
        stage = .welcoming(greetingLeft: ClientHandshake.greetingBytes)
        door.connect(self)
      case .introducing:
        early.writeImmutableBuffer(bytes)
        guard try ClientHandshake.hasInitiate(early.readableBytesView) else { return }
        stage = .deciding
        door.decide(self)
      case .open:
        handedOver += bytes.readableBytes
        backend?.write(bytes, promise: nil)
      case .welcoming: throw .notGauntlet
      // It is decided on all the same, and then closed.
      case .deciding: client.close(promise: nil)
      case .parting, .closed: break
      }
    } catch { door.refuse(self, error) }
  }

  func clientPaused() { if case .open = stage { backend?.flush() } }

  func mayReadClient() -> Bool {
    switch stage {
    case .greeting, .introducing: return true
    case .welcoming, .deciding: return false
    case .parting, .closed: return true
    case .open:
      guard isFull, let meter else { return backend?.isWritable ?? false }
      meter.beginWaiting()
      // Something may have been received in between; then nobody resumes.
      return !isFull && backend?.isWritable ?? false
    }
  }

  func clientReadWasDenied() { clientReadIsDue = true }

  /// Reads on, where that was denied and is allowed now.
  func resumeClient() {
    guard clientReadIsDue, mayReadClient() else { return }
    clientReadIsDue = false
    client.read()
  }

  func clientLeft() {
    switch stage {
    case .open: part(from: .backend)
    // ZeroMQ's question must not be taken for that of the next one.
    case .deciding where door.isDeciding(self): break
    case .greeting where early.readableBytes == 0: close()
    case .greeting, .welcoming, .introducing, .deciding: door.refuse(self, .hungUp)
    case .parting(.client): close()
    case .parting(.backend), .closed: break
    }
  }

  // MARK: ZeroMQ's side

  func backendCame(_ channel: any Channel) {
    guard case .welcoming = stage else { return channel.close(promise: nil) }
    backend = channel
    channel.writeAndFlush(early, promise: nil)
    early.clear()
  }

  /// Asks ZeroMQ to let it in.
  func introduce() {
    backend?.writeAndFlush(early, promise: nil)
    early = ByteBuffer()
  }

  func sent(_ bytes: ByteBuffer) {
    var bytes = bytes
    if case .welcoming(let left) = stage {
      let skipped = min(left, bytes.readableBytes)
      bytes.moveReaderIndex(forwardBy: skipped)
      guard bytes.readableBytes > 0 else {
        stage = .welcoming(greetingLeft: left - skipped)
        return
      }
      stage = .introducing
      door.vouch(for: self)
      resumeClient()
    }
    client.write(bytes, promise: nil)
    if case .deciding = stage { door.learnDecision(self, hungUp: false) }
  }

  func backendPaused() { client.flush() }

  func mayReadBackend() -> Bool { client.isWritable }

  func backendReadWasDenied() { backendReadIsDue = true }

  func resumeBackend() {
    guard backendReadIsDue, mayReadBackend() else { return }
    backendReadIsDue = false
    backend?.read()
  }

  func backendLeft() {
    switch stage {
    case .open: part(from: .client)
    case .greeting, .welcoming, .introducing: door.refuse(self, .otherCoordinator)
    case .deciding: door.learnDecision(self, hungUp: true)
    case .parting(.backend): close()
    case .parting(.client), .closed: break
    }
  }

  // MARK: Ends

  func open(_ key: CurvePublicKey, _ meter: Admissions.Meter) {
    self.meter = meter
    admittedKey = key
    stage = .open
    if client.isActive { resumeClient() } else { part(from: .backend) }
  }

  /// Closes both sides once this one has what was sent to it. ZeroMQ takes its time where the coordinator does; a client
  /// has not for ever.
  func part(from side: Side) {
    guard let channel = side == .client ? client : backend, channel.isActive else { return close() }
    stage = .parting(side)
    let passage = NIOLoopBound(self, eventLoop: channel.eventLoop)
    channel.writeAndFlush(ByteBuffer()).whenComplete { _ in passage.value.close() }
    guard side == .client else { return }
    channel.eventLoop.scheduleTask(in: door.limits.parting) { passage.value.close() }
  }

  func close() {
    if case .closed = stage { return }
    stage = .closed
    // The meter's closure has the passage.
    meter = nil
    client.close(promise: nil)
    backend?.close(promise: nil)
    door.left(self)
  }
}

/// One side of a passage in its channel.
final class PassageEnd: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer

  private let passage: Passage
  private let side: Passage.Side

  init(_ passage: Passage, _ side: Passage.Side) {
    self.passage = passage
    self.side = side
  }

  func channelActive(context: ChannelHandlerContext) {
    if side == .client { passage.clientCame() }
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    switch side {
    case .client: passage.received(bytes)
    case .backend: passage.sent(bytes)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    switch side {
    case .client: passage.clientPaused()
    case .backend: passage.backendPaused()
    }
  }

  func read(context: ChannelHandlerContext) {
    switch side {
    case .client: passage.mayReadClient() ? context.read() : passage.clientReadWasDenied()
    case .backend: passage.mayReadBackend() ? context.read() : passage.backendReadWasDenied()
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    guard context.channel.isWritable else { return }
    switch side {
    case .client: passage.resumeBackend()
    case .backend: passage.resumeClient()
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    switch side {
    case .client: passage.clientLeft()
    case .backend: passage.backendLeft()
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
