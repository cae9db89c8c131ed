import Archives
import Coordination

/// Several archives as one.
public enum Merge {
  /// Merges archives of different models or benchmarks, or of parts of one run, into one, with all metrics and comparisons
  /// counted anew. It is written beside its place, synced and renamed.
  ///
  /// - Parameters:
  ///   - archives: their paths, two at least; the order is that of models and benchmarks.
  ///   - progress: told the share that is done, 0...1.
  /// - Throws: `MergeError` where they do not fit together, `ComparisonError` where one does not say how it was planned,
  ///   `ArchiveError` where one is damaged, `Misuse` where there is only one.
  public static func merge(
    _ archives: [String], to path: String, progress: (Double) -> Void = { _ in }
  ) throws -> CollectionSummary {
    guard archives.count > 1 else { throw Misuse("only one archive was given; name at least two to merge") }
    for archive in archives {
      if let damage = try ArchiveVerifier.brokenSeal(of: archive) {
        throw ArchiveError.unreadable(path: archive, reason: damage)
      }
    }
    return try Collector(merging: archives.map { try ArchiveReader(path: $0) }, version: Release.version)
      .collect(to: path, partial: true, progress: progress)
  }
}
