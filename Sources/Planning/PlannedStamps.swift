import Benchmarks
import Foundation

/// What tells whether a plan's images are those of before. It can be large, and only those who go on with a run need it: of a
/// plan that is read it stays on disk until then.
enum PlannedStamps: Sendable {
  /// Of each benchmark.
  case made([DataStamps])
  /// In files of these digests.
  case stored([(path: String, sha256: String)])

  /// Of each benchmark.
  ///
  /// - Throws: `RunFolderError.damaged`.
  func all() throws -> [DataStamps] {
    switch self {
    case .made(let stamps): stamps
    case .stored(let files): try files.indices.map(of)
    }
  }

  /// Of the benchmark at a place.
  ///
  /// - Throws: `RunFolderError.damaged`.
  func of(_ benchmark: Int) throws -> DataStamps {
    switch self {
    case .made(let stamps): return stamps[benchmark]
    case .stored(let files):
      let file = files[benchmark]
      guard let data = FileManager.default.contents(atPath: file.path), FileDigest.sha256(of: data) == file.sha256,
        let stamps = DataStamps(decoding: data)
      else { throw RunFolderError.damaged(file.path, reason: "its digest does not match plan.json") }
      return stamps
    }
  }
}
