import CZeroMQ
import Foundation

/// What became of a message that was to be sent.
public enum SendOutcome: Sendable, Equatable {
  /// ZeroMQ has it and sends it while the connection lasts.
  case sent
  /// The peer is not connected.
  case unreachable
  /// The peer takes no more for now.
  case full
}

/// The only owner of a ZeroMQ socket. It is used by one thread at a time and closed when it goes.
struct ZeroMQSocket: ~Copyable {
  private let handle: UnsafeMutableRawPointer
  private let context: ZeroMQContext

  init(_ type: Int32, in context: ZeroMQContext) throws(MessagingError) {
    handle = try context.makeSocket(type)
    self.context = context
  }

  deinit { zmq_close(handle) }

  // MARK: Options

  func set(_ option: Int32, _ value: Int32) throws(MessagingError) {
    try set(option, bytes: withUnsafeBytes(of: value) { Array($0) })
  }

  func set(_ option: Int32, _ value: Int64) throws(MessagingError) {
    try set(option, bytes: withUnsafeBytes(of: value) { Array($0) })
  }

  func set(_ option: Int32, bytes: [UInt8]) throws(MessagingError) {
    guard zmq_setsockopt(handle, option, bytes, bytes.count) == 0 else {
      throw MessagingError.last("zmq_setsockopt(\(option))")
    }
  }

  // MARK: Addresses

  /// Listens at an address.
  ///
  /// - Returns: the address with the port that the system chose.
  func bind(_ address: String) throws(MessagingError) -> String {
    guard zmq_bind(handle, address) == 0 else { throw Self.addressError(address) }
    var text = [CChar](repeating: 0, count: 1_024)
    var size = text.count
    guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &size) == 0 else {
      throw MessagingError.last("zmq_getsockopt(ZMQ_LAST_ENDPOINT)")
    }
    return Z85.string(text)
  }

  func connect(_ address: String) throws(MessagingError) {
    guard zmq_connect(handle, address) == 0 else { throw Self.addressError(address) }
  }

  /// Ends a connection; one that is not there is no error.
  func disconnect(_ address: String) { zmq_disconnect(handle, address) }

  private static func addressError(_ address: String) -> MessagingError {
    let code = zmq_errno()
    return code == EADDRINUSE ? .addressInUse(address) : .badAddress(address, reason: MessagingError.reason(code))
  }

  /// Tells a PAIR socket that connects to `address` of these events.
  func monitor(_ events: Int32, at address: String) throws(MessagingError) {
    guard zmq_socket_monitor(handle, address, events) == 0 else { throw MessagingError.last("zmq_socket_monitor") }
  }

  // MARK: Messages

  /// The frames of the next message, at most `limit` of them; nil if there is none yet. Does not wait.
  func receive(atMost limit: Int) throws(MessagingError) -> [Data]? { try receive(atMost: limit) { _ in } }

  /// A message that ROUTER received.
  struct Message {
    /// The name of the connection and what it sent.
    var frames: [Data]
    /// What the gatekeeper calls the connection.
    var sender = ""
    /// What it took on the wire, all of its frames.
    var wireBytes = 0
  }

  /// As `receive(atMost:)`, with who sent it.
  func receiveWithSender(atMost limit: Int) throws(MessagingError) -> Message? {
    var message = Message(frames: [])
    var isName = true
    // ZeroMQ 4.3.4 tells it of every frame that came, and not always of the name that ROUTER puts before them.
    let frames = try receive(atMost: limit) { frame in
      if !isName { message.wireBytes += Admissions.wireBytes(ofFrame: zmq_msg_size(frame)) }
      isName = false
      guard message.sender.isEmpty, let property = zmq_msg_gets(frame, "User-Id") else { return }
      message.sender = String(cString: property)
    }
    guard let frames else { return nil }
    message.frames = frames
    return message
  }

  private func receive(
    atMost limit: Int, inspecting inspect: (UnsafePointer<zmq_msg_t>) -> Void
  ) throws(MessagingError) -> [Data]? {
    var frames: [Data] = []
    while true {
      let (status, frame, hasMore) = receiveFrame(inspecting: inspect)
      switch status {
      case 0: break
      case EINTR: continue
      case EAGAIN: return nil
      default: throw .system(call: "zmq_msg_recv", reason: MessagingError.reason(status))
      }
      if frames.count < limit { frames.append(frame) }
      if !hasMore { return frames }
    }
  }

  private func receiveFrame(
    inspecting inspect: (UnsafePointer<zmq_msg_t>) -> Void
  ) -> (status: Int32, frame: Data, hasMore: Bool) {
    var message = zmq_msg_t()
    return withUnsafeMutablePointer(to: &message) { message in
      zmq_msg_init(message)
      defer { zmq_msg_close(message) }
      guard zmq_msg_recv(message, handle, ZMQ_DONTWAIT) >= 0 else { return (zmq_errno(), Data(), false) }
      inspect(message)
      let count = zmq_msg_size(message)
      let frame = zmq_msg_data(message).map { Data(bytes: $0, count: count) } ?? Data()
      return (0, frame, zmq_msg_more(message) != 0)
    }
  }

  /// Sends a message of these frames. Does not wait.
  func send(_ frames: [Data]) throws(MessagingError) -> SendOutcome {
    for (position, frame) in frames.enumerated() {
      let flags = ZMQ_DONTWAIT | (position + 1 < frames.count ? ZMQ_SNDMORE : 0)
      var status: Int32
      repeat {
        let count = frame.withUnsafeBytes { zmq_send(handle, $0.baseAddress, $0.count, flags) }
        status = count < 0 ? zmq_errno() : 0
      } while status == EINTR
      switch status {
      case 0: continue
      case EAGAIN: return .full
      case EHOSTUNREACH: return .unreachable
      default: throw .system(call: "zmq_send", reason: MessagingError.reason(status))
      }
    }
    return .sent
  }

  // MARK: Waiting

  /// For `wait`: this socket has a message.
  var readable: zmq_pollitem_t { zmq_pollitem_t(socket: handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0) }

  /// Waits until one of `items` has something to read, or for `timeout`, forever if nil.
  ///
  /// - Returns: which of them have something; none when the time is over.
  static func wait(_ items: [zmq_pollitem_t], timeout: Duration?) throws(MessagingError) -> [Bool] {
    var items = items
    let deadline = timeout.map { ContinuousClock.now + $0 }
    while true {
      let count = zmq_poll(&items, Int32(items.count), milliseconds(until: deadline))
      if count > 0 { return items.map { $0.revents != 0 } }
      if count == 0 {
        guard let deadline, ContinuousClock.now < deadline else { return items.map { _ in false } }
      } else if zmq_errno() != EINTR {
        throw MessagingError.last("zmq_poll")
      }
    }
  }

  private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int {
    guard let deadline else { return -1 }
    let left = deadline - ContinuousClock.now
    // Rounded up, so that the last millisecond is slept and not spun; an hour at a time.
    return max(0, min(3_600_000, Int((left / .milliseconds(1)).rounded(.up))))
  }
}
