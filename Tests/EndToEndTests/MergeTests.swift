import Archives
import Coordination
import Foundation
import Planning
import TestSupport
import Testing

/// Models that were evaluated in runs of their own, and runs that are asked for more, are as one run that had all of it.
@Suite struct MergeTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try Drawings.copy(images: 30, to: scratch.path + "/data")
  }

  private static let plain = [
    "{kind: imagenet-val, root: data/val}",
    "{kind: imagenet-c, from: data/val, corruptions: [contrast, pixelate], severities: [2, 5]}",
  ]

  private func manifest(
    _ name: String, _ models: [String], _ benchmarks: [String] = plain, seed: Int = 7, shardImages: Int = 8
  ) throws -> String {
    let text = """
      run: \(name)
      seed: \(seed)
      models: [\(models.map { "{architecture: \($0), checkpoint: \"\(Repository.path)/models/\($0).safetensors\"}" }
        .joined(separator: ", "))]
      benchmarks: [\(benchmarks.joined(separator: ", "))]
      sharding: {images: \(shardImages)}
      """
    let path = "\(scratch.path)/\(name).yaml"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  /// - Returns: the run's folder.
  private func run(_ manifest: String) throws -> String {
    let folder = manifest.replacing(".yaml", with: "")
    let outcome = try CommandLineTool.run(["run", manifest, "--run", folder])
    try #require(outcome.status == 0, "\(outcome.errors)")
    return folder
  }

  private func expectSame(_ first: String, _ second: String) throws {
    try expectSameLogits(first, second)
    let archives = try [ArchiveReader(path: first), ArchiveReader(path: second)]
    for group in archives[0].groups {
      let metrics = try archives.map { try $0.metrics(group: group.path) }
      #expect(metrics[0].map(\.name) == metrics[1].map(\.name))
      for (one, other) in zip(metrics[0], metrics[1]) {
        #expect(one.values.map(\.bitPattern) == other.values.map(\.bitPattern), "\(group.path) \(one.name)")
      }
    }
    // As texts, since NaN is not itself.
    let comparisons = try archives.map { try $0.comparisons().map { "\($0)" } }
    #expect(comparisons[0] == comparisons[1])
    let verified = try CommandLineTool.run(["verify", second])
    #expect(verified.status == 0 && verified.output.contains("whole and sound"), "\(verified.output)\(verified.errors)")
  }

  @Test("Archives of a model each, one of which has another benchmark, give what one run of both gives", .hangLimit)
  func merge() throws {
    defer { withExtendedLifetime(scratch) {} }
    let adversarial = "{kind: imagenet-a, root: data/imagenet-a, models: [resnet-nano]}"
    let both = try run(manifest("both", ["vit-nano", "resnet-nano"], Self.plain + [adversarial]))
    let one = try run(manifest("one", ["vit-nano"], shardImages: 11))
    let other = try run(manifest("other", ["resnet-nano"], Self.plain + [adversarial]))
    let merged = scratch.path + "/merged.h5"
    let outcome = try CommandLineTool.run(["merge", one, other, "-o", merged])
    #expect(outcome.status == 0, "\(outcome.errors)")
    try expectSame(both + "/archive.h5", merged)
    // Provenance says who computed what in which run.
    let parts = try ArchiveReader(path: merged).parts(withProvenance: true)
    let runs = try [one, other].map { try Plan.read(from: RunFolder($0)).runID }
    #expect(Set(parts.compactMap { $0.attributes["run_id"] }) == Set(runs))
    #expect(parts.map(\.shard) == (0..<Int64(parts.count)).map { $0 })
    let attempts = try ArchiveReader(path: merged).attempts()
    #expect(Set(attempts.map(\.shard)) == Set(parts.map(\.shard)))
    // What both hold is taken once, however it was cut.
    let twice = scratch.path + "/twice.h5"
    #expect(try CommandLineTool.run(["merge", both, merged, one, "-o", twice]).status == 0)
    try expectSame(both + "/archive.h5", twice)
    #expect(try CommandLineTool.run(["report", twice]).status == 0)
  }

  @Test("Parts of one run that were collected while it went on are merged, and what is missing is said", .hangLimit)
  func partial() throws {
    defer { withExtendedLifetime(scratch) {} }
    let whole = try run(manifest("whole", ["vit-nano"]))
    let half = scratch.path + "/half"
    try FileManager.default.copyItem(atPath: whole, toPath: half)
    let reject = try CommandLineTool.run(["mend", half, "--reject", "vit-nano/imagenet-c/severity=5"])
    try #require(reject.status == 0, "\(reject.errors)")
    let collected = try CommandLineTool.run(["collect", half, "--partial"])
    try #require(collected.status == 1, "\(collected.errors)")
    let other = try run(manifest("other", ["resnet-nano"]))
    let merged = scratch.path + "/merged.h5"
    let lacking = try CommandLineTool.run(["merge", half, other, "-o", merged])
    #expect(lacking.status == 1 && lacking.errors.contains("60 of 300 results are missing"), "\(lacking.errors)")
    #expect(try CommandLineTool.run(["verify", merged]).output.contains("sound, but incomplete"))
    // The one that lacks them first, so that what is there is taken from it.
    let healed = try CommandLineTool.run(["merge", half, whole, "-o", merged])
    #expect(healed.status == 0, "\(healed.errors)")
    try expectSame(whole + "/archive.h5", merged)
  }

  @Test("Images that were transferred to other models are none that a merge could drop", .hangLimit)
  func transferred() throws {
    defer { withExtendedLifetime(scratch) {} }
    let attack = "{kind: attack, method: fgsm, root: data/val, budgets: [4/255], images: 6, transfer: true}"
    let two = try run(manifest("two", ["vit-nano", "resnet-nano"], [attack]))
    let three = try run(manifest("three", ["vit-nano", "resnet-nano", "replknet-nano"], [attack]))
    for order in [[two, three], [three, two]] {
      let outcome = try CommandLineTool.run(["merge"] + order + ["-o", scratch.path + "/merged.h5"])
      #expect(outcome.status == 2 && outcome.errors.contains("differs between them: it holds"), "\(outcome.errors)")
    }
  }

  @Test("Archives that are not of the same pictures, models or values are refused by name", .hangLimit)
  func refused() throws {
    defer { withExtendedLifetime(scratch) {} }
    let one = try run(manifest("one", ["vit-nano"]))
    let merged = scratch.path + "/merged.h5"
    func expectRefused(_ other: String, _ words: String) throws {
      let outcome = try CommandLineTool.run(["merge", one, other, "-o", merged])
      #expect(outcome.status == 2 && outcome.errors.contains(words), "\(outcome.errors)")
      #expect(!FileManager.default.fileExists(atPath: merged))
    }
    try expectRefused(run(manifest("seeded", ["resnet-nano"], seed: 8)), "seed 7 in one and seed 8")
    let few = ["{kind: imagenet-val, root: data/val, images: 10}"]
    try expectRefused(run(manifest("few", ["resnet-nano"], few)), "imagenet-val differs between them")
    let other = Self.plain[0] + ", {kind: imagenet-c, from: data/val, corruptions: [contrast], severities: [2]}"
    try expectRefused(run(manifest("graded", ["resnet-nano"], [other])), "imagenet-c differs between them")
    // A model of this name with other weights.
    let text = try String(contentsOfFile: manifest("named", ["resnet-nano"]), encoding: .utf8)
    let named = scratch.path + "/named.yaml"
    try text.replacing("{architecture: resnet-nano", with: "{name: vit-nano, architecture: resnet-nano")
      .write(toFile: named, atomically: true, encoding: .utf8)
    try expectRefused(run(named), "the model vit-nano differs between them: architecture is resnet-nano")
    let alone = try CommandLineTool.run(["merge", one, "-o", merged])
    #expect(alone.status == 2 && alone.errors.contains("name at least two"))
    let itself = try CommandLineTool.run(["merge", one, one, "-o", one + "/archive.h5"])
    #expect(itself.status == 2, "\(itself.errors)")
  }

  @Test("An image that failed in one archive is taken from another, which has to be named first", .hangLimit)
  func failed() throws {
    defer { withExtendedLifetime(scratch) {} }
    let picture = try #require(
      FileManager.default.enumerator(atPath: scratch.path + "/data/val")?.compactMap { $0 as? String }.sorted()
        .last { $0.hasSuffix(".JPEG") })
    let file = URL(fileURLWithPath: scratch.path + "/data/val/" + picture)
    let whole = try Data(contentsOf: file)
    try Data("no picture".utf8).write(to: file)
    let broken = try manifest("broken", ["vit-nano"])
    #expect(try CommandLineTool.run(["run", broken, "--run", scratch.path + "/broken"]).status == 1)
    try whole.write(to: file)
    let healed = try run(manifest("healed", ["vit-nano"]))
    let merged = scratch.path + "/merged.h5"
    let refused = try CommandLineTool.run(["merge", scratch.path + "/broken", healed, "-o", merged])
    #expect(refused.status == 2 && refused.errors.contains("has no result of image 29"), "\(refused.errors)")
    #expect(try CommandLineTool.run(["merge", healed, scratch.path + "/broken", "-o", merged]).status == 0)
    try expectSame(healed + "/archive.h5", merged)
    // Other bytes of a picture, by another model.
    try (whole + [0]).write(to: file)
    let other = try run(manifest("other", ["resnet-nano"]))
    let changed = try CommandLineTool.run(["merge", healed, other, "-o", scratch.path + "/changed.h5"])
    #expect(changed.status == 2 && changed.errors.contains("had different bytes"), "\(changed.errors)")
  }

  @Test("A run that is asked for a model, a condition and a benchmark more computes only these", .hangLimit)
  func add() throws {
    defer { withExtendedLifetime(scratch) {} }
    let first = try run(manifest("first", ["vit-nano"]))
    let wider = [
      "{kind: imagenet-a, root: data/imagenet-a}", Self.plain[0],
      "{kind: imagenet-c, from: data/val, corruptions: [contrast, fog, pixelate], severities: [2, 3, 5]}",
    ]
    let more = try manifest("more", ["resnet-nano", "vit-nano"], wider)
    let folder = scratch.path + "/grown"
    let added = try CommandLineTool.run(["add", more, "--to", first, "--run", folder])
    // Four shards of clean images, and of each of four conditions.
    #expect(added.status == 0 && added.output.contains("20 shards, 150 results, taken over"), "\(added)")
    let again = try CommandLineTool.run(["add", more, "--to", first, "--run", folder])
    #expect(again.status == 0 && again.output.contains("0 shards, 0 results, taken over"), "\(again)")
    let mended = try CommandLineTool.run(["mend", folder])
    #expect(mended.output.contains("20 recorded parts checked, 0 to be recomputed"), "\(mended)")
    let resumed = try CommandLineTool.run(["resume", folder])
    #expect(resumed.status == 0, "\(resumed.errors)")
    let whole = try run(manifest("whole", ["resnet-nano", "vit-nano"], wider))
    try expectSame(whole + "/archive.h5", folder + "/archive.h5")
    let parts = try ArchiveReader(path: folder + "/archive.h5").parts(withProvenance: true)
    let former = try Plan.read(from: RunFolder(first)).runID
    #expect(parts.count { $0.attributes["computed_by_run"] == former } == 20)
    let taken = parts.filter { $0.attributes["computed_by_run"] != nil }
    #expect(taken.allSatisfy { $0.group.hasPrefix("vit-nano/imagenet-") && $0.group != "vit-nano/imagenet-a" })
  }

  @Test("Of shards that were split their pieces are taken over, and what is not the same is computed anew", .hangLimit)
  func addPieces() throws {
    defer { withExtendedLifetime(scratch) {} }
    let first = try run(manifest("first", ["vit-nano"], shardImages: 5))
    // Six shards of five images each are none of one of thirty; as its pieces they are.
    let pieces = try CommandLineTool.run(
      ["add", manifest("wide", ["vit-nano"], shardImages: 30), "--to", first, "--run", scratch.path + "/wide"])
    #expect(pieces.status == 0 && pieces.output.contains("30 shards, 150 results, taken over"), "\(pieces)")
    try #require(try CommandLineTool.run(["resume", scratch.path + "/wide"]).status == 0)
    try expectSame(first + "/archive.h5", scratch.path + "/wide/archive.h5")
    let crossing = try CommandLineTool.run(
      ["add", manifest("narrow", ["vit-nano"], shardImages: 3), "--to", first, "--run", scratch.path + "/narrow"])
    #expect(crossing.status == 0 && crossing.errors.contains("with the other run's sharding.images"), "\(crossing)")
    let seeded = try CommandLineTool.run(
      ["add", manifest("seeded", ["vit-nano"], seed: 8), "--to", first, "--run", scratch.path + "/seeded"])
    #expect(
      seeded.output.contains("0 shards, 0 results") && seeded.errors.contains("seed is 8 instead of 7"), "\(seeded)")
    // A picture that changed since.
    let picture = try #require(
      FileManager.default.enumerator(atPath: scratch.path + "/data/val")?.compactMap { $0 as? String }
        .first { $0.hasSuffix(".JPEG") })
    let file = scratch.path + "/data/val/" + picture
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    bytes.append(0)
    try bytes.write(to: URL(fileURLWithPath: file))
    let changed = try CommandLineTool.run(
      ["add", manifest("changed", ["vit-nano"], shardImages: 5), "--to", first, "--run", scratch.path + "/changed"])
    #expect(changed.output.contains("0 shards, 0 results") && changed.errors.contains("changed since"), "\(changed)")
    let itself = try CommandLineTool.run(["add", scratch.path + "/first.yaml", "--to", first, "--run", first])
    #expect(itself.status != 0)
  }
}
