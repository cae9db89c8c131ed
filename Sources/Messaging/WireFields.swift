import Foundation
import Shards

/// Checks of single fields, the same in both directions.
enum FieldCheck {
  static func wire(_ shard: ShardAttempt) throws(WireError) -> (Int64, UInt32) {
    guard shard.shard >= 0 else { throw .field("shard", found: "\(shard.shard)", allowed: "not negative") }
    guard (1...Int(Int32.max)).contains(shard.attempt) else {
      throw .field("attempt", found: "\(shard.attempt)", allowed: "1 to \(Int32.max)")
    }
    return (shard.shard, UInt32(shard.attempt))
  }

  static func shard(_ shard: Int64, _ attempt: UInt32) throws(WireError) -> ShardAttempt {
    let result = ShardAttempt(shard: shard, attempt: Int(attempt))
    _ = try wire(result)
    return result
  }

  static func wire(_ shards: [ShardAttempt], _ name: String) throws(WireError) -> [WireShardAttempt] {
    try count(shards.count, name)
    var result: [WireShardAttempt] = []
    result.reserveCapacity(shards.count)
    for shard in shards {
      var wire = WireShardAttempt()
      (wire.shard, wire.attempt) = try self.wire(shard)
      result.append(wire)
    }
    return result
  }

  static func shards(_ shards: [WireShardAttempt], _ name: String) throws(WireError) -> [ShardAttempt] {
    try count(shards.count, name)
    var result: [ShardAttempt] = []
    result.reserveCapacity(shards.count)
    for wire in shards { result.append(try shard(wire.shard, wire.attempt)) }
    return result
  }

  /// One of each shard, or none.
  static func passes(_ passes: [UInt64], of shards: Int) throws(WireError) -> [UInt64] {
    guard passes.isEmpty || passes.count == shards else {
      throw .field("passes", found: "\(passes.count) numbers", allowed: "none, or one of each of \(shards) shards")
    }
    return passes
  }

  private static func count(_ count: Int, _ name: String) throws(WireError) {
    guard count <= WireLimits.heldShards else {
      throw .field(name, found: "\(count) shards", allowed: "at most \(WireLimits.heldShards)")
    }
  }

  static func payload(_ payload: Data, _ name: String) throws(WireError) -> Data {
    guard payload.count <= WireLimits.payloadBytes else {
      throw .field(name, found: "\(payload.count) bytes", allowed: "at most \(WireLimits.payloadBytes) bytes")
    }
    return payload
  }

  static func text(
    _ text: String, _ name: String, _ limit: Int = WireLimits.nameBytes, mayBeEmpty: Bool = true
  ) throws(WireError) -> String {
    guard text.utf8.count <= limit, mayBeEmpty || !text.isEmpty else {
      throw .field(
        name, found: "\(text.utf8.count) bytes long", allowed: "\(mayBeEmpty ? 0 : 1) to \(limit) bytes of UTF-8")
    }
    return text
  }

  static func milliseconds(_ value: Int, _ name: String) throws(WireError) -> UInt32 {
    UInt32(try number(value, name, 1...WireLimits.durationMilliseconds))
  }

  static func number(_ value: Int, _ name: String, _ allowed: ClosedRange<Int>) throws(WireError) -> Int {
    guard allowed.contains(value) else {
      throw .field(name, found: "\(value)", allowed: "\(allowed.lowerBound) to \(allowed.upperBound)")
    }
    return value
  }

  /// The reason, cut at a character so that it fits.
  static func cut(_ reason: String) -> String {
    guard reason.utf8.count > WireLimits.reasonBytes else { return reason }
    let mark = " ..."
    var end = reason.utf8.index(reason.startIndex, offsetBy: WireLimits.reasonBytes - mark.utf8.count)
    while end.samePosition(in: reason) == nil { end = reason.utf8.index(before: end) }
    return String(reason[..<end]) + mark
  }
}

extension WireMessage.Hello {
  init(_ wire: WireHello) throws(WireError) {
    self.init(
      workerID: wire.workerID, host: wire.host, credits: Int(wire.credits),
      version: wire.version, instructionSet: wire.instructionSet, runID: wire.runID,
      held: try FieldCheck.shards(wire.held, "held"), kind: try Self.kind(wire))
    try check()
  }

  private static let python = "python"

  private static func kind(_ wire: WireHello) throws(WireError) -> WorkerKind {
    switch wire.engine {
    case "" where wire.model.isEmpty: return .native
    case python: return .python(model: wire.model.isEmpty ? nil : wire.model)
    default:
      throw .field("engine", found: "\(wire.engine.prefix(60))", allowed: "nothing without a model, or \(python)")
    }
  }

  /// The kind as a message has it.
  fileprivate var engine: (engine: String, model: String) {
    switch kind {
    case .native: ("", "")
    case .python(let model): (Self.python, model ?? "")
    }
  }

  fileprivate func check() throws(WireError) {
    _ = try FieldCheck.text(workerID, "worker_id", WireLimits.workerIDBytes, mayBeEmpty: false)
    _ = try FieldCheck.text(host, "host")
    _ = try FieldCheck.text(version, "version")
    _ = try FieldCheck.text(instructionSet, "instruction_set")
    _ = try FieldCheck.text(runID, "run_id")
    _ = try FieldCheck.text(engine.model, "model")
    _ = try FieldCheck.number(credits, "credits", 1...WireLimits.heldShards)
  }
}

extension WireHello {
  init(_ hello: WireMessage.Hello) throws(WireError) {
    try hello.check()
    self.init()
    workerID = hello.workerID
    host = hello.host
    credits = UInt32(hello.credits)
    version = hello.version
    instructionSet = hello.instructionSet
    runID = hello.runID
    held = try FieldCheck.wire(hello.held, "held")
    (engine, model) = hello.engine
  }
}

extension WireMessage.Welcome {
  init(_ wire: WireWelcome) throws(WireError) {
    self.init(
      runID: wire.runID, heartbeatMilliseconds: Int(wire.heartbeatMilliseconds),
      coordinatorVersion: wire.coordinatorVersion)
    try check()
  }

  fileprivate func check() throws(WireError) {
    _ = try FieldCheck.text(runID, "run_id", mayBeEmpty: false)
    _ = try FieldCheck.text(coordinatorVersion, "coordinator_version")
    _ = try FieldCheck.milliseconds(heartbeatMilliseconds, "heartbeat_milliseconds")
  }
}

extension WireWelcome {
  init(_ welcome: WireMessage.Welcome) throws(WireError) {
    try welcome.check()
    self.init()
    runID = welcome.runID
    heartbeatMilliseconds = UInt32(welcome.heartbeatMilliseconds)
    coordinatorVersion = welcome.coordinatorVersion
  }
}

extension WireMessage.FailureKind {
  init(_ wire: WireFailureKind) throws(WireError) {
    switch wire {
    case .computation: self = .computation
    case .output: self = .output
    case .surroundings: self = .surroundings
    case .unspecified, .UNRECOGNIZED: throw .field("kind", found: "\(wire.rawValue)", allowed: "1 to 3")
    }
  }
}

extension WireFailureKind {
  init(_ kind: WireMessage.FailureKind) {
    switch kind {
    case .computation: self = .computation
    case .output: self = .output
    case .surroundings: self = .surroundings
    }
  }
}

extension Acknowledgement {
  init(_ wire: WireOutcome) throws(WireError) {
    switch wire {
    case .recorded: self = .recorded
    case .duplicate: self = .duplicate
    case .refused: self = .refused
    case .unspecified, .UNRECOGNIZED: throw .field("outcome", found: "\(wire.rawValue)", allowed: "1 to 3")
    }
  }
}

extension WireOutcome {
  init(_ outcome: Acknowledgement) {
    switch outcome {
    case .recorded: self = .recorded
    case .duplicate: self = .duplicate
    case .refused: self = .refused
    }
  }
}
