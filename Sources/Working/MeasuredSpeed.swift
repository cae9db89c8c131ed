import Benchmarks
import Durable
import Foundation
import Imaging
import Networks
import Planning

/// How long one core of this machine takes for what a run asks of it, measured in a few seconds.
public struct MeasuredSpeed: Sendable {
  /// Seconds of a forward pass of one image.
  public let forward: Double
  /// Seconds of logits and gradient of one image; nil where no attack asks for them.
  public let gradient: Double?
  /// Seconds to read, decode, change and resize a picture, by benchmark; nil where none could be.
  public let pictures: [Double?]

  /// Measures a model of a plan: batches that are computed, and a few pictures of each benchmark.
  ///
  /// nil of a model that Python computes.
  ///
  /// - Throws: `CheckpointError` where the checkpoint cannot be read, or what measuring throws.
  public init?(of plan: Plan, model: Int, batch: Int) throws {
    let specification = plan.manifest.models[model]
    guard let architecture = try specification.ownArchitecture() else { return nil }
    func seconds(withGradient: Bool) throws -> Double {
      1
        / (try ModelBenchmark.run(
          architecture: architecture, checkpoint: specification.checkpoint, threads: 1, batch: batch,
          repeats: Self.repeats, withGradient: withGradient,
          options: ComputeOptions(gemm: specification.gemm, precision: specification.precision))).median
    }
    let needsGradients = plan.costs.contains { $0.model == model && $0.passes.gradients > 0 }
    forward = try seconds(withGradient: false)
    gradient = needsGradients ? try seconds(withGradient: true) : nil
    pictures = try plan.manifest.benchmarks.indices.map { try Self.pictures(of: plan, model: model, benchmark: $0) }
  }

  /// Batches of which the median counts.
  private static let repeats = 5
  /// Pictures of a benchmark of which the mean counts.
  private static let samples = 8

  /// The mean of pictures that lie evenly among conditions and images.
  private static func pictures(of plan: Plan, model: Int, benchmark: Int) throws -> Double? {
    let conditions = plan.manifest.benchmarks[benchmark].conditions
    let (images, size) = (plan.listings[benchmark].paths.count, plan.inputs[model])
    var (seconds, count) = (0.0, 0)
    for sample in 0..<samples {
      let condition = conditions[sample * conditions.count / samples]
      let task = try ShardTask(
        ShardDefinition(
          id: 0, model: model, benchmark: benchmark, condition: condition.cell.index,
          firstImage: sample * images / samples, imageCount: 1),
        of: plan, labels: { _, _ in [Int32](repeating: -1, count: images) })
      guard let frost = try? task.condition.frost?.pictures() ?? [] else { continue }
      let preparation = ImagePreparation(
        task: task, frostPictures: frost, inputHeight: size.height, inputWidth: size.width)
      let start = ThreadClock.now
      guard (try? preparation.values(of: 0)) != nil else { continue }
      seconds += (ThreadClock.now - start).inSeconds
      count += 1
    }
    return count > 0 ? seconds / Double(count) : nil
  }

  /// Hours of one core that a part of the plan takes.
  public func coreHours(of cost: PlannedCost) -> Double {
    let network = Double(cost.passes.forward) * forward + Double(cost.passes.gradients) * (gradient ?? forward)
    return (network + Double(cost.results) * (pictures[cost.benchmark] ?? 0)) / 3600
  }
}
