import CZeroMQ
import Foundation

/// Wakes the thread that waits in an endpoint's `receive`, from any other thread or from a signal handler.
///
/// A wake that nobody waits for is kept, so none is missed; many become one.
public final class Waker: Sendable {
  // A pipe, because ZeroMQ sockets must not be touched by a second thread.
  private let readEnd: Int32
  private let writeEnd: Int32

  init() throws(MessagingError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .system(call: "pipe", reason: KeyFile.systemReason()) }
    (readEnd, writeEnd) = (ends[0], ends[1])
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  /// Makes the endpoint's present or next wait end.
  public func wake() {
    var byte: UInt8 = 1
    // A full pipe wakes just as well.
    while write(writeEnd, &byte, 1) < 0, errno == EINTR {}
  }

  /// For `ZeroMQSocket.wait`: somebody woke us.
  var readable: zmq_pollitem_t { zmq_pollitem_t(socket: nil, fd: readEnd, events: Int16(ZMQ_POLLIN), revents: 0) }

  /// Takes up all wakes until now.
  func drain() {
    var bytes = [UInt8](repeating: 0, count: 256)
    while true {
      let count = read(readEnd, &bytes, bytes.count)
      guard count == bytes.count || (count < 0 && errno == EINTR) else { return }
    }
  }
}
