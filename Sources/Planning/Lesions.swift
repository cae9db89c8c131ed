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
  /// Refuses a benchmark that leaves out more blocks than a model has.
  ///
  /// - Throws: `ManifestError`, or `CheckpointError` where a checkpoint does not tell what its model is.
  func checkLesions(_ file: String) throws {
    for benchmark in manifest.benchmarks {
      guard let most = benchmark.conditions.compactMap(\.lesion).max(by: { $0.count < $1.count }) else { continue }
      for model in manifest.models {
        guard let architecture = try Architecture.named(model.architecture, checkpoint: model.checkpoint) else {
          continue
        }
        let count = most.candidates(in: architecture).count
        guard count < most.count else { continue }
        throw ManifestError(
          file: file, line: nil, column: nil,
          problem:
            "\(benchmark.name) leaves out \(most.count) blocks, but \(model.name) has \(count) that can be left out"
            + "; ask for fewer with the key removed, or for unit: half, or blocks: all")
      }
    }
  }
}
