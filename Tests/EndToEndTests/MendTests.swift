import Archives
import Coordination
import Foundation
import Planning
import Records
import TestSupport
import Testing

/// Run folders whose disk lied.
@Suite(.serialized) struct MendTests {
  private let scratch: ScratchFolder
  private let quiet: String
  private let folder: RunFolder

  /// A finished run, and its copy to be damaged.
  init() throws {
    scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 20, shardImages: 5)
    quiet = scratch.path + "/quiet"
    let run = try CommandLineTool.run(["run", manifest, "--run", quiet])
    try #require(run.status == 0, "\(run.errors)")
    folder = RunFolder(scratch.path + "/damaged")
    try FileManager.default.copyItem(atPath: quiet, toPath: folder.path)
    try FileManager.default.removeItem(atPath: folder.archive)
  }

  private func part(_ shard: Int64) -> URL { URL(fileURLWithPath: folder.part(shard: shard)) }

  private func total() throws -> LedgerStatus.Counts {
    try Ledger.open(at: folder.ledger, readOnly: true).status(now: 0).total
  }

  private func expectWhole() throws {
    let resumed = try CommandLineTool.run(["resume", folder.path])
    #expect(resumed.status == 0, "\(resumed.errors)")
    try expectSameLogits(quiet + "/archive.h5", folder.archive)
    #expect(try CommandLineTool.run(["verify", folder.archive]).status == 0)
  }

  @Test("Parts that are damaged or gone are computed anew, and only they", .hangLimit)
  func parts() throws {
    defer { withExtendedLifetime(scratch) {} }
    var bytes = try Data(contentsOf: part(2))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: part(2))
    try FileManager.default.removeItem(at: part(3))
    try Data("half".utf8).write(to: URL(fileURLWithPath: folder.part(shard: 4) + ".tmp-1"))
    let shards = try total().shards

    let collected = try CommandLineTool.run(["collect", folder.path])
    #expect(collected.status == 3 && collected.errors.contains("gauntlet mend"), "\(collected.errors)")
    let mended = try CommandLineTool.run(["mend", folder.path])
    #expect(mended.status == 0, "\(mended.errors)")
    #expect(mended.output.contains("parts/0/2.h5: its bytes do not match the recorded digest"))
    #expect(mended.output.contains("parts/0/3.h5: it is gone"))
    #expect(mended.output.contains("\(shards) recorded parts checked, 2 to be recomputed, 0 adopted"))
    #expect(!FileManager.default.fileExists(atPath: folder.part(shard: 4) + ".tmp-1"))
    #expect(try total().recorded == shards - 2 && total().pending == 2)
    let kept = try Data(contentsOf: part(1))
    try expectWhole()
    #expect(try Data(contentsOf: part(1)) == kept, "a part that was whole was computed again")
    #expect(try Ledger.open(at: folder.ledger, readOnly: true).errors(limit: 9).count == 2)
  }

  @Test(
    "A ledger that is damaged, cut, gone or another run's is made anew from the parts", .hangLimit,
    arguments: ["damaged", "cut", "gone", "foreign"])
  func ledger(_ damage: String) throws {
    defer { withExtendedLifetime(scratch) {} }
    let shards = try total().shards
    let file = URL(fileURLWithPath: folder.ledger)
    var bytes = try Data(contentsOf: file)
    switch damage {
    case "damaged": bytes.replaceSubrange(4096..<bytes.count, with: repeatElement(0x5A, count: bytes.count - 4096))
    case "cut": bytes = bytes.prefix(bytes.count / 3)
    default: break
    }
    for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: folder.ledger + suffix) }
    try FileManager.default.removeItem(at: file)
    if damage == "foreign" {
      let cell = ShardCell(model: 0, benchmark: 0, condition: 0, imageCount: 1, shardImages: 1)
      _ = try Ledger.create(at: folder.ledger, run: ["id": "other"], shards: ShardTable(cells: [cell]))
    } else if damage != "gone" {
      try bytes.write(to: file)
    }
    // A part that does not fit its seal, and one at another one's place: neither may be believed.
    var torn = try Data(contentsOf: part(0))
    torn[100] ^= 1
    try torn.write(to: part(0))
    try FileManager.default.removeItem(at: part(1))
    try FileManager.default.copyItem(at: part(2), to: part(1))

    let resumed = try CommandLineTool.run(["resume", folder.path])
    #expect(resumed.status == 3 && resumed.errors.contains("mend"), "\(resumed.errors)")
    let mended = try CommandLineTool.run(["mend", folder.path])
    #expect(mended.status == 0, "\(mended.errors)")
    #expect(mended.output.contains("\(shards - 2) adopted that the ledger did not know"), "\(mended.output)")
    #expect(FileManager.default.fileExists(atPath: folder.ledger + ".damaged-1") == (damage != "gone"))
    #expect(try total().recorded == shards - 2)
    try expectWhole()
  }

  /// Writes a part of shard 2 that lacks its first images.
  private func write(_ attempt: Int, lacking: Int) throws -> StoredPart {
    let whole = try PartFile.readSealed(RunFolder(quiet).part(shard: 2)).part
    let name = folder.relativePart(shard: 2, attempt: attempt)
    let logits = try #require(whole.observations["logits"]).values
    let classes = logits.count / whole.imageCount
    let part = PartContents(
      shard: 2, group: whole.group, conditionIndex: whole.conditionIndex, firstImage: whole.firstImage,
      imageCount: whole.imageCount,
      observations: [
        .logits(
          Array(repeating: .nan, count: lacking * classes) + logits.dropFirst(lacking * classes), classes: classes)
      ],
      failures: (0..<lacking).map { ImageFailure(offset: $0, reason: "gone", isUnreadable: true) },
      attributes: whole.attributes.merging(["attempt": String(attempt)]) { $1 })
    let written = try PartFile.write(part, to: folder.path + "/" + name)
    return StoredPart(
      path: name, sha256: written.sha256, bytes: written.bytes, failedImages: lacking, unreadableImages: lacking)
  }

  @Test(
    "Of several parts of a shard that which lacks the fewest images is taken up, and none in the place of a better one",
    .hangLimit, arguments: [true, false])
  func better(hasLedger: Bool) throws {
    defer { withExtendedLifetime(scratch) {} }
    try FileManager.default.removeItem(at: part(2))
    let parts = try [(3, 2), (4, 1), (5, 3)].map { try write($0, lacking: $1) }
    if hasLedger {
      let ledger = try Ledger.open(at: folder.ledger)
      try ledger.commit([
        .discarded(shard: 2, reason: "", time: 0),
        .recorded(shard: 2, attempt: 4, worker: "w", part: parts[1], computeNanoseconds: 0, time: 0),
      ])
      _ = try ledger.takeUpSetAside()
      try ledger.close()
    } else {
      for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: folder.ledger + suffix) }
    }
    let mended = try CommandLineTool.run(["mend", folder.path])
    #expect(mended.status == 0, "\(mended.errors)")
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    #expect(try ledger.parts().first { $0.definition.id == 2 }?.part == parts[1])
    #expect(try total().pending == (hasLedger ? 1 : 0))
    // Taken up at once after mending: the new part has another name than any before.
    let resumed = try CommandLineTool.run(["resume", folder.path, "--failed"])
    #expect(resumed.status == 0, "\(resumed.errors)")
    try expectSameLogits(quiet + "/archive.h5", folder.archive)
    let verified = try CommandLineTool.run(["verify", folder.path])
    #expect(verified.status == 0 && verified.output.hasSuffix("whole and sound\n"), "\(verified.output)")
  }

  @Test("A sound run is left as it is; one that is coordinated is not touched", .hangLimit)
  func sound() throws {
    defer { withExtendedLifetime(scratch) {} }
    let mended = try CommandLineTool.run(["mend", folder.path])
    #expect(mended.status == 0 && mended.output.contains(" 0 to be recomputed, 0 adopted"), "\(mended.output)")
    let lock = try RunLock(folder: folder.path)
    defer { withExtendedLifetime(lock) {} }
    let refused = try CommandLineTool.run(["mend", folder.path])
    #expect(refused.status == 3 && refused.errors.contains("another gauntlet process"))
  }

  @Test(
    "What a worker computed is taken back, also where the ledger was lost, and computed again",
    .hangLimit,
    arguments: [true, false])
  func rejectWorker(hasLedger: Bool) throws {
    defer { withExtendedLifetime(scratch) {} }
    let (worker, all): (String, Int)
    do {
      let parts = try Ledger.open(at: folder.ledger, readOnly: true).parts()
      (worker, all) = (try #require(parts.first?.worker), parts.count)
      // Another worker's, so that something is left.
      try change(workerOf: parts.filter { $0.definition.id % 3 == 0 }, to: "other")
    }
    if !hasLedger {
      for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: folder.ledger + suffix) }
    }
    try FileManager.default.copyItem(atPath: quiet + "/archive.h5", toPath: folder.archive)
    let left = (0..<all).count { $0 % 3 == 0 }
    let mended = try CommandLineTool.run(["mend", folder.path, "--reject", worker])
    #expect(mended.status == 0, "\(mended.errors)")
    #expect(mended.output.contains("\(all - left) results discarded"), "\(mended.output)")
    #expect(try total().recorded == left && total().pending == all - left)
    #expect(!FileManager.default.fileExists(atPath: folder.archive), "an archive of what was taken back")
    #expect(FileManager.default.fileExists(atPath: folder.archive + ".rejected-1"))
    // Nor does a later mending take their files for parts.
    let again = try CommandLineTool.run(["mend", folder.path])
    #expect(again.output.contains(" 0 to be recomputed, 0 adopted"), "\(again.output)")
    let unknown = try CommandLineTool.run(["mend", folder.path, "--reject", worker])
    #expect(unknown.status == 2 && unknown.errors.contains("other (\(left))"), "\(unknown.errors)")
    if hasLedger {
      let attempts = try Ledger.open(at: folder.ledger, readOnly: true).attempts()
      #expect(attempts.count { $0.outcome == .withdrawn } == all - left, "the record of it is kept")
    }
    try expectWhole()
  }

  /// Has the ledger and the parts' files say that another worker computed them.
  private func change(workerOf rows: [PartRow], to worker: String) throws {
    let ledger = try Ledger.open(at: folder.ledger)
    for row in rows {
      let old = try PartFile.readSealed(part(row.definition.id).path).part
      let new = PartContents(
        shard: old.shard, group: old.group, conditionIndex: old.conditionIndex, firstImage: old.firstImage,
        imageCount: old.imageCount, observations: old.observations, failures: old.failures,
        attributes: old.attributes.merging(["worker": worker]) { $1 })
      let written = try PartFile.write(new, to: part(row.definition.id).path)
      try ledger.commit([
        .discarded(shard: row.definition.id, reason: "", time: 0),
        .recorded(
          shard: row.definition.id, attempt: row.attempt, worker: worker,
          part: StoredPart(
            path: folder.relativePart(shard: row.definition.id), sha256: written.sha256, bytes: written.bytes,
            failedImages: 0), computeNanoseconds: 1, time: 0),
      ])
    }
    try ledger.close()
  }

  @Test("One shard's result is taken back by its number, and recorded once again", .hangLimit)
  func rejectShard() throws {
    defer { withExtendedLifetime(scratch) {} }
    let shards = try total().shards
    for (number, words) in [("9999", "no shard 9999"), ("-1", "no shard -1")] {
      let refused = try CommandLineTool.run(["mend", folder.path, "--reject=\(number)"])
      #expect(refused.status == 2 && refused.errors.contains(words), "\(refused.errors)")
    }
    let mended = try CommandLineTool.run(["mend", folder.path, "--reject", "2"])
    #expect(mended.status == 0 && mended.output.contains("1 results discarded"), "\(mended.errors)")
    #expect(try total().recorded == shards - 1)
    #expect(FileManager.default.fileExists(atPath: folder.part(shard: 2) + ".rejected-1"))
    try expectWhole()
    let attempts = try Ledger.open(at: folder.ledger, readOnly: true).attempts().filter { $0.shard == 2 }
    #expect(attempts.map(\.attempt) == [1, 2] && attempts.map(\.outcome) == [.withdrawn, .recorded])
  }

  @Test("One condition's results are taken back by their names, and computed once more", .hangLimit)
  func rejectCondition() throws {
    defer { withExtendedLifetime(scratch) {} }
    let shards = try total().shards
    for (name, words) in [
      ("nobody/imagenet-val", "unknown model nobody"),
      ("replknet-nano/imagenet-z", "unknown benchmark imagenet-z"),
      ("replknet-nano/imagenet-c/severity=9", "must be one of 1, 2"),
      ("replknet-nano/imagenet-val/fog", "the form AXIS=VALUE"),
    ] {
      let refused = try CommandLineTool.run(["mend", folder.path, "--reject", name])
      #expect(refused.status == 2 && refused.errors.contains(words), "\(refused.errors)")
    }
    let mended = try CommandLineTool.run(
      ["mend", folder.path, "--reject", "replknet-nano/imagenet-c/corruption=contrast/severity=2"])
    // Twenty images, five a shard.
    #expect(mended.status == 0 && mended.output.contains("4 results discarded"), "\(mended.errors)\(mended.output)")
    #expect(try total().recorded == shards - 4)
    try expectWhole()
  }
}
