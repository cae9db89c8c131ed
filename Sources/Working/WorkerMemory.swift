import Benchmarks
import Networks
import Planning

/// What of a worker's memory goes to what, about.
public enum WorkerMemory {
  /// The program without anything loaded.
  private static let ofProgram = 64 << 20
  /// A thread's picture while it is decoded, corrupted and resized; most are smaller.
  private static let ofDecoding = 24 << 20

  /// Bytes that models, their sessions and the pictures of frost may take in a worker that may take so many.
  public static func ofModels(of memory: Int) -> Int { memory / 4 * 3 }

  /// Bytes that a worker of a run takes with the largest of the run's models.
  ///
  /// - Throws: `CheckpointError` where a checkpoint does not tell what its model is.
  public static func needs(of manifest: Manifest, streams: Int, batch: Int) throws -> Int {
    var largest = 0
    let withGradients = manifest.benchmarks.contains { benchmark in
      benchmark.observed.needsGradients || benchmark.conditions.contains(where: \.needsGradients)
    }
    let kept = manifest.benchmarks.compactMap(\.observed.mostImages).max() ?? 0
    for model in manifest.models {
      guard let architecture = try model.ownArchitecture() else { continue }
      let needs = architecture.estimatedMemory(
        maximumBatch: batch, precision: model.precision, withGradients: withGradients)
      let image = architecture.inputHeight * architecture.inputWidth * 3 * MemoryLayout<Float>.stride
      // Two batches are ready ahead, one is computed; besides those that other models are asked of.
      let images = (3 * batch + kept) * image
      largest = max(largest, needs.weights + streams * (needs.session + images))
    }
    return ofProgram + largest + streams * ofDecoding + (try ofSaliency(manifest, streams: streams, batch: batch))
  }

  /// Bytes of the networks that say what is salient; none where nothing asks them.
  private static func ofSaliency(_ manifest: Manifest, streams: Int, batch: Int) throws -> Int {
    let networks = Set(
      manifest.benchmarks.flatMap(\.conditions).compactMap { condition -> SaliencyNetwork? in
        if case .attention(let network)? = condition.saliency?.source { network } else { nil }
      })
    return try networks.reduce(0) { sum, network in
      guard let found = try Architecture.named(network.architecture, checkpoint: network.checkpoint) else { return sum }
      let needs = found.estimatedMemory(maximumBatch: batch, precision: .fp32)
      return sum + needs.weights + streams * needs.session
    }
  }
}
