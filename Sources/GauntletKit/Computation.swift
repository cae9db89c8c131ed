import Machine
import Planning

/// How a worker computes. The logits depend on none of it.
public struct Computation: Sendable, Equatable {
  /// Images that a stream puts through the network at once unless told otherwise.
  public static let usualBatch = 8

  /// Streams of images that are computed at the same time, one thread each.
  public let streams: Int
  /// Images that a stream puts through the network at once.
  public let batch: Int
  /// Bytes that the worker may take; models are dropped to keep within them.
  public let memory: Int

  /// A way to compute; what is not said is this process's allowance (affinity, control groups, ulimit, Slurm and its like),
  /// shared out between `workers` workers.
  public init(streams: Int? = nil, batch: Int = Computation.usualBatch, memory: Int? = nil, workers: Int = 1) {
    let allowance = Allowance.current
    self.streams = streams ?? max(1, allowance.processors / workers)
    self.batch = batch
    self.memory = memory ?? max(ClusterValue.smallestMemory, allowance.memory / workers)
  }

  /// The options of `gauntlet work` that say so.
  var arguments: [String] {
    ["--streams", String(streams), "--batch", String(batch), "--memory", "\(memory >> 10)K"]
  }
}
