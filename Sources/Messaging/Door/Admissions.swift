import NIOCore
import Synchronization

/// What the door's thread, the gatekeeper's and the coordinator's tell each other of connections.
///
/// The door lets one connection at a time ask to be let in, so the gatekeeper, which ZeroMQ tells keys but no
/// connections of a Unix socket, knows whose key it is asked about. Its answer carries the connection's number, which
/// ZeroMQ then tells of every message.
final class Admissions: Sendable {
  /// How many bytes of a connection ZeroMQ has that the coordinator has not received.
  final class Meter: Sendable {
    private let received = Atomic<Int>(0)
    private let waits = Atomic(false)
    let resume: @Sendable () -> Void

    /// - Parameter resume: called, on any thread, once something was received after `beginWaiting`.
    init(resume: @escaping @Sendable () -> Void) { self.resume = resume }

    var receivedBytes: Int { received.load(ordering: .acquiring) }

    func beginWaiting() { waits.store(true, ordering: .sequentiallyConsistent) }

    /// The coordinator received a message that was so many bytes on the wire.
    func add(_ bytes: Int) {
      received.wrappingAdd(bytes, ordering: .sequentiallyConsistent)
      if waits.exchange(false, ordering: .sequentiallyConsistent) { resume() }
    }
  }

  /// Who sent a message.
  struct Sender: Sendable {
    let key: CurvePublicKey
    /// Nil where the connection is closed already.
    let meter: Meter?
  }

  private struct Candidate {
    let number: Int
    var key: CurvePublicKey?
  }

  private let candidate = Mutex<Candidate?>(nil)
  private let senders = Mutex<[String: Sender]>([:])
  private let idleTurns = Atomic<Int>(0)

  // MARK: Door and gatekeeper

  /// A connection asks to be let in, and no other until `decision`.
  func ask(_ number: Int) { candidate.withLock { $0 = Candidate(number: number) } }

  /// Lets the connection that asks in; nil where none does, as where somebody got past the door.
  ///
  /// - Returns: the name by which ZeroMQ tells its messages.
  func admit(_ key: CurvePublicKey) -> String? {
    candidate.withLock { candidate in
      candidate?.key = key
      return candidate.map { Self.name($0.number, key) }
    }
  }

  /// The key that the connection that asked was let in with; nil where it was not.
  func decision() -> CurvePublicKey? {
    candidate.withLock { candidate in
      defer { candidate = nil }
      return candidate?.key
    }
  }

  // MARK: Door and coordinator

  /// A message's sender, from the name that the gatekeeper gave it; nil for a name that is none of those.
  func sender(_ name: String) -> Sender? {
    if let sender = senders.withLock({ $0[name] }) { return sender }
    return CurvePublicKey(z85: name.prefix { $0 != " " }).map { Sender(key: $0, meter: nil) }
  }

  func open(_ number: Int, _ key: CurvePublicKey, _ meter: Meter) {
    senders.withLock { $0[Self.name(number, key)] = Sender(key: key, meter: meter) }
  }

  func close(_ number: Int, _ key: CurvePublicKey) {
    _ = senders.withLock { $0.removeValue(forKey: Self.name(number, key)) }
  }

  private static func name(_ number: Int, _ key: CurvePublicKey) -> String { "\(key.z85) \(number)" }

  /// The coordinator looked for a message, and there was none.
  func foundNothing() { idleTurns.wrappingAdd(1, ordering: .relaxed) }

  /// How often the coordinator found no message.
  var idleCount: Int { idleTurns.load(ordering: .relaxed) }

  /// What a frame of so many bytes takes on the wire: a command MESSAGE of name, nonce, authenticator and flags (RFC 26),
  /// in a frame with a short or a long size (RFC 23).
  static func wireBytes(ofFrame bytes: Int) -> Int {
    let command = 8 + 8 + 16 + 1 + bytes
    return command + (command > 255 ? 9 : 2)
  }
}
