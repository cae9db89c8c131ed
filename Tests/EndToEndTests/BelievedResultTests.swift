import Archives
import Coordination
import Foundation
import Planning
import Records
import Testing

/// Which results become parts.
@Suite struct BelievedResultTests {
  @Test("A result becomes a part only if it is of what the shard is: number, model, benchmark, condition and images")
  func subjects() throws {
    let scratch = try Scratch()
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
}
