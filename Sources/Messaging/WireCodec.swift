import Foundation
import Shards
import SwiftProtobuf

extension WireMessage {
  /// The version of the protocol that this program speaks; peers of another version are refused.
  /// Raised, too, where programs would compute other bits of the same shard: in 2 noises have other random numbers.
  /// Since 3 a worker tells what its surroundings did from what a shard is; since 4 a task says step by step what is done to a
  /// picture; since 5 also what is left out of the network, results hold named variables, and occlusion rounds down.
  /// Since 8 a heartbeat tells how far its worker is; since 9 a worker says what it computes.
  public static let protocolVersion: UInt32 = 9

  /// The message as one frame: a protobuf `Envelope`, see `Protocol/wire.proto`.
  ///
  /// A reason that is too long is cut.
  ///
  /// - Throws: `WireError.field` for a value that the other side would refuse.
  public func encoded() throws(WireError) -> Data {
    var envelope = WireEnvelope()
    envelope.protocol = Self.protocolVersion
    envelope.body = try body()
    do {
      return try envelope.serializedData()
    } catch {
      throw .malformed
    }
  }

  /// Reads a frame and checks every field before it is believed.
  public init(decoding frame: Data) throws(WireError) {
    guard frame.count <= WireLimits.messageBytes else {
      throw .field("size", found: "\(frame.count) bytes", allowed: "at most \(WireLimits.messageBytes) bytes")
    }
    let envelope: WireEnvelope
    do {
      envelope = try WireEnvelope(serializedBytes: frame)
    } catch {
      throw .malformed
    }
    guard envelope.protocol == Self.protocolVersion else {
      throw .version(found: envelope.protocol, expected: Self.protocolVersion)
    }
    guard let body = envelope.body else { throw .unknownKind }
    self = try Self(body)
  }

  private func body() throws(WireError) -> WireEnvelope.OneOf_Body {
    switch self {
    case .hello(let hello): return .hello(try WireHello(hello))
    case .heartbeat(let held, let passes):
      var wire = WireHeartbeat()
      wire.held = try FieldCheck.wire(held, "held")
      wire.passes = try FieldCheck.passes(passes, of: held.count)
      return .heartbeat(wire)
    case .result(let shard, let payload, let computeNanoseconds):
      var wire = WireResult()
      (wire.shard, wire.attempt) = try FieldCheck.wire(shard)
      wire.payload = try FieldCheck.payload(payload, "payload")
      wire.computeNanoseconds = computeNanoseconds
      return .result(wire)
    case .failure(let shard, let reason, let kind):
      var wire = WireFailure()
      (wire.shard, wire.attempt) = try FieldCheck.wire(shard)
      wire.reason = FieldCheck.cut(reason)
      wire.kind = WireFailureKind(kind)
      return .failure(wire)
    case .goodbye: return .goodbye(WireGoodbye())
    case .welcome(let welcome): return .welcome(try WireWelcome(welcome))
    case .lease(let shard, let task):
      var wire = WireLease()
      (wire.shard, wire.attempt) = try FieldCheck.wire(shard)
      wire.task = try FieldCheck.payload(task, "task")
      return .lease(wire)
    case .acknowledgement(let shard, let outcome):
      var wire = WireAcknowledgement()
      (wire.shard, wire.attempt) = try FieldCheck.wire(shard)
      wire.outcome = WireOutcome(outcome)
      return .acknowledgement(wire)
    case .revocation(let shard):
      var wire = WireRevocation()
      (wire.shard, wire.attempt) = try FieldCheck.wire(shard)
      return .revocation(wire)
    case .shutdown(let reason):
      var wire = WireShutdown()
      wire.reason = FieldCheck.cut(reason)
      return .shutdown(wire)
    case .rejection(let reason):
      var wire = WireRejection()
      wire.reason = FieldCheck.cut(reason)
      return .rejection(wire)
    case .heartbeatReply: return .heartbeatReply(WireHeartbeatReply())
    }
  }

  private init(_ body: WireEnvelope.OneOf_Body) throws(WireError) {
    switch body {
    case .hello(let wire): self = .hello(try Hello(wire))
    case .heartbeat(let wire):
      self = .heartbeat(
        held: try FieldCheck.shards(wire.held, "held"),
        passes: try FieldCheck.passes(wire.passes, of: wire.held.count))
    case .result(let wire):
      self = .result(
        try FieldCheck.shard(wire.shard, wire.attempt), payload: try FieldCheck.payload(wire.payload, "payload"),
        computeNanoseconds: wire.computeNanoseconds)
    case .failure(let wire):
      self = .failure(
        try FieldCheck.shard(wire.shard, wire.attempt),
        reason: try FieldCheck.text(wire.reason, "reason", WireLimits.reasonBytes), kind: try FailureKind(wire.kind))
    case .goodbye: self = .goodbye
    case .welcome(let wire): self = .welcome(try Welcome(wire))
    case .lease(let wire):
      self = .lease(
        try FieldCheck.shard(wire.shard, wire.attempt),
        task: try FieldCheck.payload(wire.task, "task"))
    case .acknowledgement(let wire):
      self = .acknowledgement(try FieldCheck.shard(wire.shard, wire.attempt), try Acknowledgement(wire.outcome))
    case .revocation(let wire): self = .revocation(try FieldCheck.shard(wire.shard, wire.attempt))
    case .shutdown(let wire):
      self = .shutdown(reason: try FieldCheck.text(wire.reason, "reason", WireLimits.reasonBytes))
    case .rejection(let wire):
      self = .rejection(reason: try FieldCheck.text(wire.reason, "reason", WireLimits.reasonBytes))
    case .heartbeatReply: self = .heartbeatReply
    }
  }
}
