import Benchmarks
import Networks

extension Lesion {
  /// What it leaves out of a network.
  public func change(of architecture: Architecture, seed: UInt64) -> NetworkChange {
    NetworkChange(leavingOut: chosen(of: candidates(in: architecture), seed: seed))
  }

  /// The blocks that it is drawn of.
  func candidates(in architecture: Architecture) -> [String] {
    architecture.removableBlocks(halves: unit == .half, studied: scope == .study)
  }
}

extension Plan {
  /// Refuses a benchmark that leaves out more blocks than a model has, or draws more sets of them than there are.
  ///
  /// - Throws: `ManifestError`, or `CheckpointError` where a checkpoint does not tell what its model is.
  func checkLesions(_ file: String) throws {
    for benchmark in manifest.benchmarks {
      let lesions = benchmark.conditions.compactMap(\.lesion)
      guard let first = lesions.first else { continue }
      for model in manifest.models where benchmark.evaluates(model.name) {
        guard let architecture = try model.ownArchitecture() else {
          continue
        }
        let candidates = first.candidates(in: architecture).count
        guard let wrong = lesions.first(where: { $0.draw >= $0.sets(of: candidates) }) else { continue }
        let blocks = "\(wrong.count) \(first.unit == .half ? "half-blocks" : "block\(wrong.count == 1 ? "" : "s")")"
        throw ManifestError(
          file: file, line: nil, column: nil,
          problem: wrong.count > candidates
            ? "\(benchmark.name) leaves out \(blocks), but \(model.name) has \(candidates) that can be left out; ask for "
              + "fewer with the key removed"
            : "\(benchmark.name) draws more sets of \(blocks) than the \(wrong.sets(of: candidates)) that \(model.name) has of "
              + "its \(candidates); lower the key draws to that")
      }
    }
  }
}
