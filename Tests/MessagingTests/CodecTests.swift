import Foundation
import Messaging
import Shards
import TestSupport
import Testing

@Suite struct CodecTests {
  static let examples: [WireMessage] = {
    let shard = ShardAttempt(shard: 12_345_678_901, attempt: 3)
    return [
      .hello(
        .init(
          workerID: "w-1", host: "node", credits: 4, version: "1", instructionSet: "avx2", runID: "r",
          held: [shard])),
      .hello(
        .init(
          workerID: "w-2", host: "", credits: 1, version: "1", instructionSet: "", kind: .python(model: "torch"))),
      .hello(
        .init(workerID: "w-3", host: "", credits: 1, version: "1", instructionSet: "", kind: .python(model: nil))),
      .heartbeat(held: []), .heartbeat(held: [shard, shard], passes: [0, .max]),
      .heartbeat(held: [shard, ShardAttempt(shard: 0, attempt: 1)]),
      .result(shard, payload: Data(0..<255), computeNanoseconds: .max),
      .failure(shard, reason: "bad Ünicode", kind: .computation), .failure(shard, reason: "", kind: .output),
      .goodbye, .welcome(.init(runID: "r", heartbeatMilliseconds: 500, coordinatorVersion: "1")),
      .lease(shard, task: Data("task".utf8)), .acknowledgement(shard, .recorded),
      .acknowledgement(shard, .duplicate), .acknowledgement(shard, .refused), .revocation(shard),
      .shutdown(reason: "done"), .rejection(reason: "no"), .heartbeatReply,
    ]
  }()

  @Test("Every message comes back as it was", arguments: examples)
  func roundTrip(message: WireMessage) throws {
    #expect(try WireMessage(decoding: message.encoded()) == message)
  }

  @Test("What is out of bounds is neither sent nor believed")
  func bounds() throws {
    let shard = ShardAttempt(shard: -1, attempt: 1)
    #expect(throws: WireError.self) { try WireMessage.revocation(shard).encoded() }
    #expect(throws: WireError.self) {
      try WireMessage.heartbeat(
        held: Array(repeating: ShardAttempt(shard: 1, attempt: 1), count: WireLimits.heldShards + 1)
      ).encoded()
    }
    #expect(throws: WireError.self) { try WireMessage.heartbeat(held: [], passes: [1]).encoded() }
    // An envelope of another protocol and of no body at all.
    let spoken = UInt8(WireMessage.protocolVersion)
    #expect(throws: WireError.version(found: UInt32(spoken) - 1, expected: UInt32(spoken))) {
      try WireMessage(decoding: Data([0x08, spoken - 1]))
    }
    #expect(throws: WireError.unknownKind) { try WireMessage(decoding: Data([0x08, spoken])) }
    #expect(throws: WireError.malformed) { try WireMessage(decoding: Data([0xff])) }
    let long = String(repeating: "ü", count: WireLimits.reasonBytes)
    guard case .shutdown(let cut) = try WireMessage(decoding: WireMessage.shutdown(reason: long).encoded()) else {
      Issue.record("not a shutdown")
      return
    }
    #expect(cut.utf8.count <= WireLimits.reasonBytes && cut.hasSuffix(" ..."))
  }

  @Test("Random bytes and changed frames are refused or understood, never more")
  func fuzz() throws {
    var random = SeededRandom(seed: 7)
    let frames = try Self.examples.map { try $0.encoded() }
    var understood = 0
    for _ in 0..<40_000 {
      var frame: Data
      if random.next() % 4 == 0 {
        frame = Data((0..<Int(random.next() % 64)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
      } else {
        frame = frames[Int(random.next() % UInt64(frames.count))]
        for _ in 0...(random.next() % 3) where !frame.isEmpty {
          let position = Int(random.next() % UInt64(frame.count))
          switch random.next() % 3 {
          case 0: frame[position] = UInt8(truncatingIfNeeded: random.next())
          case 1: frame = Data(frame.prefix(position))
          default: frame.insert(UInt8(truncatingIfNeeded: random.next()), at: position)
          }
        }
      }
      guard let message = try? WireMessage(decoding: frame) else { continue }
      understood += 1
      // What was believed is within the bounds, so it can be said again.
      #expect(try WireMessage(decoding: message.encoded()) == message)
    }
    #expect(understood > 0)
  }
}
