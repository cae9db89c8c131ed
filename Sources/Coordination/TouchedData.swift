import Archives
import Benchmarks
import Foundation
import Planning

extension PlannedRun {
  /// The most recorded shards whose files are read again where files have other times than when the run was planned.
  private static let comparedShards = 64

  /// Compares the bytes of files that were touched, and that no sample knows, with what recorded shards read of them. Where no
  /// shard read them yet, nothing depends on what they were.
  ///
  /// - Throws: `RunFolderError.changedFile` where a shard was computed from other bytes.
  func compareRecorded(_ touched: [TouchedData]) throws {
    guard !touched.isEmpty else { return }
    var rows: [(part: StoredPart, shard: ShardDefinition)] = []
    try ledger.forEachPart { row in
      guard let part = row.part, touched.contains(where: { $0.touches(row.definition, of: plan) }) else { return }
      rows.append((part, row.definition))
    }
    let step = max(1, (rows.count + Self.comparedShards - 1) / Self.comparedShards)
    for row in stride(from: 0, to: rows.count, by: step).map({ rows[$0] }) {
      let benchmark = plan.manifest.benchmarks[row.shard.benchmark]
      guard let contents = try? PartFile.read(folder.path + "/" + row.part.path, expectedSHA256: row.part.sha256),
        let recorded = contents.attributes[ShardBytes.attribute],
        let cell = benchmark.grid.cell(at: row.shard.condition)
      else { continue }
      let paths = plan.listings[row.shard.benchmark].paths[
        row.shard.firstImage..<row.shard.firstImage + row.shard.imageCount]
      // What the worker could not read says nothing of its bytes, nor does what cannot be read now.
      let unread = contents.failures.filter(\.isUnreadable).map(\.offset)
      let digests = try ShardBytes.digests(of: paths, at: cell, of: benchmark)
      guard digests.indices.allSatisfy({ digests[$0] != nil || isFailed(contents, $0) }),
        ShardBytes(digests, unread: unread).sha256 != recorded
      else { continue }
      throw RunFolderError.changedFile(
        benchmark: benchmark.name, path: benchmark.file(of: paths.first ?? "", at: cell),
        reason: "this file or one of the \(row.shard.imageCount - 1) after it has changed")
    }
  }

  private func isFailed(_ part: PartContents, _ image: Int) -> Bool { part.failures.contains { $0.offset == image } }
}

extension TouchedData {
  /// Whether a shard read one of the files.
  func touches(_ shard: ShardDefinition, of plan: Plan) -> Bool {
    guard shard.benchmark == benchmark else { return false }
    let definition = plan.manifest.benchmarks[benchmark]
    guard let its = definition.grid.cell(at: shard.condition),
      let first = definition.grid.cell(at: files.condition),
      its.index == first.index || definition.layout.sharesFiles(its, first)
    else { return false }
    return files.holds(anyOf: shard.firstImage..<shard.firstImage + shard.imageCount)
  }
}
