import Archives
import Coordination
import Foundation
import Planning
import Records
import TestSupport
import Testing

/// Which results become parts.
@Suite struct BelievedResultTests {
  @Test("A result becomes a part only if it is of what the shard is: number, model, benchmark, condition and images")
  func subjects() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let plan = try Plan.make(manifestPath: try scratch.miniature(images: 10, shardImages: 5))
    let folder = RunFolder(scratch.path + "/run")
    try folder.create()
    let source = RunWorkSource(plan: plan, folder: folder)
    let shard = try #require(plan.shards.first { $0.benchmark == 1 && $0.condition == 3 && $0.firstImage == 5 })

    func store(_ id: Int64, _ subject: ShardDefinition, classes: Int = 10) throws -> StoredPart? {
      let output = ShardOutput(
        shard: id, subject: ShardSubject(subject, of: plan),
        observations: [.logits((0..<classes * subject.imageCount).map(Float.init), classes: classes)], failures: [],
        provenance: [:])
      return try source.store(try output.encoded(), for: shard, attempt: 1, worker: "w")
    }
    // As big as the shard, but the neighbour's images; a neighbouring condition; another benchmark; half of it.
    let others = [(1, 3, 0, 5), (1, 4, 5, 5), (0, 0, 5, 5), (2, 3, 5, 5), (1, 3, 5, 4)]
    for (benchmark, condition, first, count) in others {
      let other = ShardDefinition(
        id: shard.id, model: 0, benchmark: benchmark, condition: condition, firstImage: first, imageCount: count)
      #expect(throws: InvalidResult.self, "\(other)") { try store(shard.id, other) }
    }
    #expect(throws: InvalidResult.self) { try store(shard.id + 1, shard) }
    #expect(throws: InvalidResult.self) { try store(shard.id, shard, classes: 9) }
    #expect(!FileManager.default.fileExists(atPath: folder.part(shard: shard.id)))
    let part = try #require(try store(shard.id, shard))
    #expect(try PartFile.read(folder.path + "/" + part.path, expectedSHA256: part.sha256).firstImage == 5)
  }

  private static let texts = [
    "", "x", "a/b", "host", "row", "shard", "worker", "run_id", ".", "\0", "\u{1B}[2J\u{202E}", "one\ntwo",
    String(repeating: "y", count: 100_000), "images_sha256", "group", "file_sha256",
  ]

  /// A result of the shard as a worker might give it that is wrong, or means ill.
  private func output(of shard: ShardDefinition, _ plan: Plan, _ random: inout SeededRandom) -> ShardOutput {
    func text() -> String { Self.texts.randomElement(using: &random) ?? "" }
    var variables = plan.variables(model: shard.model, benchmark: shard.benchmark)
    if random.chance(0.1) { variables = [.logits(classes: Int.random(in: 0..<12, using: &random))] }
    if random.chance(0.1) { variables.append(.logits(classes: 10)) }
    if random.chance(0.1) { variables = [Variable(text(), variables[0].dimensions, description: "")] }
    if random.chance(0.05) { variables = [] }
    var failures: [ImageFailure] = []
    if random.chance(0.5) {
      for _ in 0...Int.random(in: 0..<3, using: &random) {
        failures.append(
          ImageFailure(
            offset: Int.random(in: 0..<shard.imageCount, using: &random), reason: text(),
            isUnreadable: random.chance(0.5)))
      }
    }
    let failed = Set(failures.map(\.offset))
    let isOdd = random.chance(0.2)
    let observations = variables.map { variable in
      let count = variable.count(atMost: 1_000) ?? 0
      return Observation(
        variable,
        (0..<shard.imageCount * count).map { place in
          if failed.contains(place / max(1, count)), !isOdd { return .nan }
          if isOdd, random.chance(0.02) { return [.nan, .infinity, -.infinity].randomElement(using: &random) ?? 0 }
          let number = Float(bitPattern: UInt32.random(in: 0..<0xFF80_0000, using: &random))
          return number.isFinite ? number : 0
        })
    }
    var provenance: [String: String] = ["host": "h", "images_sha256": "0"]
    if random.chance(0.3) { provenance[text()] = text() }
    if random.chance(0.3) { provenance["host"] = text() }
    return ShardOutput(
      shard: shard.id, subject: ShardSubject(shard, of: plan), observations: observations, failures: failures,
      provenance: provenance)
  }

  @Test("Whatever is taken can be collected, whatever a worker sends", .hangLimit)
  func whateverIsTakenIsCollected() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let folder = RunFolder(scratch.path + "/run")
    let run = try PlannedRun.prepare(manifest: try scratch.miniature(images: 10, shardImages: 5), folder: folder)
    let source = RunWorkSource(plan: run.plan, folder: folder)
    let shards = run.plan.shards.filter { $0.firstImage == 5 && $0.condition == 0 }
    var random = SeededRandom(seed: 11)
    var taken = 0
    for trial in 0..<400 {
      let shard = try #require(shards.randomElement(using: &random))
      var payload = try output(of: shard, run.plan, &random).encoded()
      if random.chance(0.3) {
        let place = Int.random(in: 0..<payload.count, using: &random)
        if random.chance(0.5) {
          payload[place] = UInt8.random(in: 0...255, using: &random)
        } else {
          payload.removeLast()
        }
      }
      let part: StoredPart?
      do { part = try source.store(payload, for: shard, attempt: 1, worker: "liar") } catch is InvalidResult {
        continue
      }
      taken += 1
      try run.ledger.commit([
        .recorded(shard: shard.id, attempt: 1, worker: "liar", part: part, computeNanoseconds: .max, time: 0)
      ])
      let collector = Collector(run: run, version: "1")
      #expect(throws: Never.self, "trial \(trial)") {
        _ = try collector.collect(to: folder.archive, partial: true) { _ in }
        let report = try ArchiveVerifier.verify(folder.archive)
        #expect(report.isSound, "trial \(trial): \(report.damage)")
        // The failures' reasons are in it.
        #expect(!report.setAside.joined().unicodeScalars.contains { $0.value < 32 || $0.value == 0x202E })
      }
      try run.ledger.commit([.discarded(shard: shard.id, reason: "", time: 0)])
    }
    #expect((40...300).contains(taken), "\(taken) of 400")
  }

  @Test(
    "What the archive cannot have is refused",
    arguments: ["odd key", "image twice", "numbers of a failed image", "NaN", "infinite", "no classes", "long header"])
  func refused(_ what: String) throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let plan = try Plan.make(manifestPath: try scratch.miniature(images: 10, shardImages: 5))
    let source = RunWorkSource(plan: plan, folder: RunFolder(scratch.path + "/run"))
    let shard = plan.shards[0]
    var values = [Float](repeating: 1, count: 50)
    var failures: [ImageFailure] = []
    var provenance = ["host": "h"]
    func check() throws {
      let output = ShardOutput(
        shard: shard.id, subject: ShardSubject(shard, of: plan),
        observations: [.logits(what == "no classes" ? [] : values, classes: what == "no classes" ? 0 : 10)],
        failures: failures, provenance: provenance)
      try source.check(output.encoded(), for: shard)
    }
    if what != "no classes" { try check() }
    let failure = ImageFailure(offset: 1, reason: "cut short")
    switch what {
    case "odd key": provenance["a/b"] = "x"
    case "image twice":
      failures = [failure, failure]
      values.replaceSubrange(10..<20, with: repeatElement(.nan, count: 10))
    case "numbers of a failed image": failures = [failure]
    case "NaN": values[7] = .nan
    case "infinite": values[7] = .infinity
    case "long header": provenance["host"] = String(repeating: "x", count: 1 << 20)
    default: break
    }
    #expect(throws: InvalidResult.self) { try check() }
  }
}
