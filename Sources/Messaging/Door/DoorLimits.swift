import NIOCore

/// How much the door takes upon itself.
package struct DoorLimits: Sendable {
  /// Descriptors that a connection takes: the client's, and both ends of that behind the door.
  static let descriptorsEach = 3
  /// What is kept for parts, ledger, logs and what else the process opens.
  private static let reservedDescriptors = 256
  /// The most connections that may be waiting to be let in, however many descriptors there are.
  private static let mostWaiting = 1_024

  /// Connections that are not let in yet.
  package var waiting: Int
  /// Connections that are let in.
  package var admitted: Int
  /// How long one may take until it has shown its key.
  package var handshake = TimeAmount.seconds(10)
  /// Bytes that ZeroMQ may have of one connection before the coordinator has received them: a message as large as may be.
  package var unreceivedBytes: Int
  /// How long a connection may have handed over so many while the coordinator finds no message.
  package var stall = TimeAmount.seconds(10)
  /// How long a connection that was closed may take to receive what was sent to it.
  package var parting = TimeAmount.seconds(2)
  /// How often the clock is looked at.
  package var sweep = TimeAmount.milliseconds(250)

  /// The limits of a process that may have so many descriptors.
  package init(descriptors: Int, largestMessageBytes: Int) {
    let own = descriptors - min(Self.reservedDescriptors, descriptors / 2)
    waiting = max(4, min(Self.mostWaiting, own / 4 / Self.descriptorsEach))
    admitted = max(4, own / Self.descriptorsEach - waiting)
    // A message's last bytes may come with the next one's first.
    unreceivedBytes = largestMessageBytes + (1 << 20)
  }
}
