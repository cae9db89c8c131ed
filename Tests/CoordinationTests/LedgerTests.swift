import Coordination
import Foundation
import Planning
import TestSupport
import Testing

/// The journal by itself: what is entered is what is read, and nothing impossible is entered.
@Suite struct LedgerTests {
  private let folder = ScratchFolder.freshPath()
  private let ledger: Ledger

  /// Two cells: shards 0, 1 of 10 and 5 images, shards 2, 3 of 4 images each.
  private static let table = ShardTable(cells: [
    ShardCell(model: 0, benchmark: 0, condition: 3, imageCount: 15, shardImages: 10),
    ShardCell(model: 1, benchmark: 0, condition: 0, imageCount: 8, shardImages: 4),
  ])

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    ledger = try Ledger.create(at: folder + "/ledger.sqlite", run: ["id": "a"], shards: Self.table)
  }

  private func recorded(_ shard: Int64, time: Double = 0) -> LedgerEntry {
    .recorded(
      shard: shard, attempt: 1, worker: "w",
      part: StoredPart(path: "parts/\(shard)", sha256: "00", bytes: 1, failedImages: 0), computeNanoseconds: 1,
      time: time)
  }

  @Test("A ledger whose folder is moved, deleted or replaced takes nothing in any more, and says so")
  func gone() throws {
    defer { for place in [folder, folder + "-moved"] { try? FileManager.default.removeItem(atPath: place) } }
    let path = folder + "/ledger.sqlite"
    try ledger.commit([recorded(0)])
    try FileManager.default.moveItem(atPath: folder, toPath: folder + "-moved")
    #expect(throws: LedgerError.gone(path: path)) { try ledger.commit([recorded(2)]) }
    try FileManager.default.copyItem(atPath: folder + "-moved", toPath: folder)
    #expect(throws: LedgerError.gone(path: path)) { try ledger.checkPlace() }
    try FileManager.default.removeItem(atPath: folder)
    #expect(throws: LedgerError.gone(path: path)) { try ledger.checkPlace() }
    try FileManager.default.moveItem(atPath: folder + "-moved", toPath: folder)
    try ledger.checkPlace()
    try Ledger.open(at: path, readOnly: true).checkPlace()
  }

  @Test("Cells count their shards and images, whether they were handed out or not")
  func counts() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try ledger.commit([
      .leased(shard: 3, attempt: 1, worker: "w", time: 0),
      .leased(shard: 0, attempt: 1, worker: "w", time: 0), recorded(0, time: 1),
      // Its lease was lost in a crash.
      recorded(2, time: 3),
      .setAside(shard: 1, reason: "no", time: 4),
    ])
    let reopened = try Ledger.open(at: folder + "/ledger.sqlite", readOnly: true)
    #expect(reopened.shards == Self.table)
    let status = try reopened.status(now: 3)
    #expect(status.cells.map(\.model) == [0, 1] && status.cells.map(\.condition) == [3, 0])
    let first = status.cells[0].counts
    #expect((first.pending, first.running, first.recorded, first.setAside) == (0, 0, 1, 1))
    #expect((first.images, first.recordedImages, first.setAsideImages) == (15, 10, 5))
    let second = status.cells[1].counts
    #expect((second.pending, second.running, second.recorded, second.setAside) == (1, 1, 1, 0))
    #expect(status.total.shards == 4 && status.total.images == 23 && status.total.recordedImages == 14)
    // One shard of four images in the two seconds after the first record; four images are left, none of shard 1.
    #expect(status.imagesPerSecond.map { abs($0 - 3.5) < 1e-9 } == true)
    #expect(status.secondsLeft.map { abs($0 - 4 / 3.5) < 1e-9 } == true)
    // Where images of the second cell cost a hundred: work of 410, half of it, in two seconds; 400 are left.
    let weighed = try reopened.status(now: 3) { $0.model == 1 ? 100 : 1 }
    #expect(weighed.imagesPerSecond == status.imagesPerSecond)
    #expect(weighed.secondsLeft.map { abs($0 - 400 / (410 / 2 / 2)) < 1e-9 } == true)
    #expect(try reopened.parts().map(\.definition) == [Self.table[0], Self.table[2]])
    let takenUp = try ledger.takeUpSetAside()
    #expect(takenUp == (1, 0))
    let again = try reopened.status(now: 3).cells[0].counts
    #expect((again.pending, again.setAside, again.setAsideImages) == (1, 0, 0))
    for file in ["", "-wal", "-shm"] {
      let mode = try FileManager.default.attributesOfItem(atPath: ledger.path + file)[.posixPermissions] as? Int
      #expect(mode == 0o600, "ledger.sqlite\(file)")
    }
  }

  @Test("A second record, or one of a shard that was not planned, is refused with all of its batch")
  func refusals() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try ledger.commit([recorded(0)])
    #expect(throws: LedgerError.notRecordable(shard: 0)) { try ledger.commit([recorded(1), recorded(0)]) }
    for shard in [4, -1, .max] as [Int64] {
      #expect(throws: LedgerError.noShard(shard)) { try ledger.commit([recorded(1), recorded(shard)]) }
    }
    #expect(try ledger.parts().map(\.definition.id) == [0])
    // What is set aside late stays recorded.
    try ledger.commit([.setAside(shard: 0, reason: "late", time: 0)])
    #expect(try ledger.status(now: 0).total.recorded == 1)
  }

  @Test("A shard's pieces take its place: they are counted, recorded and read again as shards")
  func pieces() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let halves = [(4, 0, 5), (5, 5, 5)].map { id, first, count in
      ShardDefinition(
        id: Int64(id), model: 0, benchmark: 0, condition: 3, firstImage: first, imageCount: count)
    }
    let reader = try Ledger.open(at: ledger.path, readOnly: true)
    try ledger.commit([
      .split(shard: 0, into: halves), .leased(shard: 5, attempt: 1, worker: "w", time: 0), recorded(5),
    ])
    #expect(ledger.definition(of: 5) == halves[1] && ledger.definition(of: 6) == nil)
    #expect(try reader.parts().map(\.definition) == [halves[1]])
    for ledger in [ledger, reader, try Ledger.open(at: ledger.path)] {
      let counts = try ledger.status(now: 0).cells[0].counts
      #expect((counts.pending, counts.recorded, counts.shards) == (2, 1, 3))
      #expect((counts.images, counts.recordedImages) == (15, 5))
      #expect(ledger.definition(of: 4) == halves[0])
    }
    // What was split is no shard any more, what was handed out is not split, and no number is left out.
    #expect(throws: LedgerError.notRecordable(shard: 0)) { try ledger.commit([recorded(0)]) }
    #expect(throws: LedgerError.notRecordable(shard: 0)) { try ledger.commit([.split(shard: 0, into: halves)]) }
    #expect(throws: LedgerError.notRecordable(shard: 5)) { try ledger.commit([.split(shard: 5, into: [])]) }
    let far = ShardDefinition(id: 9, model: 0, benchmark: 0, condition: 3, firstImage: 10, imageCount: 5)
    #expect(throws: LedgerError.self) { try ledger.commit([.split(shard: 1, into: [far])]) }
    #expect(throws: LedgerError.self) {
      try ledger.commit([
        .split(
          shard: 1,
          into: [
            ShardDefinition(
              id: 6, model: 0, benchmark: 0, condition: 3, firstImage: 10, imageCount: 5)
          ]),
        recorded(0),
      ])
    }
    #expect(ledger.definition(of: 6) == nil, "of a batch that was refused")
    #expect(try ledger.status(now: 0).total.shards == 5)
  }

  @Test("A file that is truncated, of another kind or of another version is refused")
  func damage() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/ledger.sqlite"
    try ledger.close()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let copy = folder + "/copy.sqlite"
    try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: copy))
    #expect(throws: LedgerError.self) { try Ledger.open(at: copy) }
    try Data(
      "a letter to nobody, long enough to be taken for a header of one hundred bytes, or even more than that".utf8
    )
    .write(to: URL(fileURLWithPath: copy))
    #expect(throws: LedgerError.foreign(path: copy)) { try Ledger.open(at: copy) }
    var other = bytes
    // The version that SQLite keeps for its users, at offset 60.
    other.replaceSubrange(60..<64, with: [0, 0, 0, 1])
    try other.write(to: URL(fileURLWithPath: copy))
    #expect(throws: LedgerError.version(path: copy, found: 1, expected: 3)) { try Ledger.open(at: copy) }
    // Numbers that no plan has would be memory without bound.
    let vast = ShardTable(cells: [
      ShardCell(model: 0, benchmark: 0, condition: 0, imageCount: 1 << 41, shardImages: 1)
    ])
    #expect(throws: LedgerError.self) { try Ledger.create(at: folder + "/vast.sqlite", run: ["id": "c"], shards: vast) }
    // A journal that another ledger left behind is not taken for the new one's.
    let left = folder + "/left.sqlite"
    let former = try Ledger.create(at: left, run: ["id": "d"], shards: Self.table)
    try former.commit([recorded(0)])
    try FileManager.default.copyItem(atPath: left + "-wal", toPath: folder + "/kept-wal")
    try former.close()
    for file in [left, left + "-wal"] where FileManager.default.fileExists(atPath: file) {
      try FileManager.default.removeItem(atPath: file)
    }
    try FileManager.default.moveItem(atPath: folder + "/kept-wal", toPath: left + "-wal")
    #expect(try Ledger.create(at: left, run: ["id": "e"], shards: Self.table).status(now: 0).total.recorded == 0)
    #expect(throws: LedgerError.exists(path: path)) {
      try Ledger.create(at: path, run: ["id": "b"], shards: Self.table)
    }
  }

  @Test("Images that could not be read are taken up with their shard, whose part stays until there is another")
  func unreadableImages() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func record(_ shard: Int64, _ path: String, failed: Int, unreadable: Int) -> LedgerEntry {
      let part = StoredPart(
        path: path, sha256: path, bytes: 1, failedImages: failed, unreadableImages: unreadable)
      return .recorded(shard: shard, attempt: 1, worker: "w", part: part, computeNanoseconds: 1, time: 0)
    }
    try ledger.commit([
      record(0, "parts/0", failed: 3, unreadable: 2), record(1, "parts/1", failed: 1, unreadable: 0),
    ])
    var counts = try ledger.status(now: 0).total
    #expect((counts.failedImages, counts.unreadableImages, counts.recorded) == (4, 2, 2))
    let takenUp = try ledger.takeUpSetAside()
    #expect(takenUp == (0, 2))
    counts = try ledger.status(now: 0).total
    #expect((counts.failedImages, counts.recorded, counts.pending) == (1, 1, 3))
    #expect(try ledger.parts().compactMap(\.part?.path) == ["parts/0", "parts/1"])
    try ledger.commit([record(0, "parts/0-2", failed: 1, unreadable: 0)])
    #expect(throws: LedgerError.notRecordable(shard: 0)) {
      try ledger.commit([record(0, "parts/0-3", failed: 1, unreadable: 0)])
    }
    #expect(try ledger.parts().compactMap(\.part?.path) == ["parts/0-2", "parts/1"])
    counts = try ledger.status(now: 0).total
    #expect((counts.failedImages, counts.unreadableImages, counts.recorded) == (2, 0, 2))
  }
}
