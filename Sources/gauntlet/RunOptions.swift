import ArgumentParser
import GauntletKit
import Kernels
import Planning

/// How local workers compute; the same for `run`, `resume` and `work`.
struct ComputeArguments: ParsableArguments {
  @Option(
    help: """
      Streams of images computed in parallel, one thread each [default: one for each processor that is \
      allowed (by affinity, control groups, ulimit, Slurm and the like), divided among the workers].
      """)
  var streams: Int?
  @Option(help: "Images in a stream's batch. The logits do not depend on it.")
  var batch = Computation.usualBatch
  @Option(
    help:
      "Memory of a worker, such as 8G; models are unloaded to stay within it [default: what is allowed, divided among the workers]."
  )
  var memory: String?
  @Option(help: "The instruction set, for comparisons: \(InstructionSet.choice) [default: the fastest].")
  var instructionSet: String?

  /// The options, with their defaults for one of `workers` workers that share what this process is allowed.
  func validated(workers: Int = 1) throws -> Computation {
    if let streams { try Usage.check(streams, in: 1...1024, option: "--streams") }
    try Usage.check(batch, in: 1...1024, option: "--batch")
    try InstructionSet.choose(instructionSet)
    let bytes = try memory.map { text in
      guard let bytes = ClusterValue.bytes(text), ClusterValue.isMemory(text) else {
        throw UsageError("--memory is \(text), but must be \(ClusterValue.memoryForm)")
      }
      return bytes
    }
    return Computation(streams: streams, batch: batch, memory: bytes, workers: workers)
  }
}

/// Conditions of a benchmark; the same for `export` and `show`.
struct ConditionArguments: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Only conditions with this value of an axis; several values of one axis are combined [default: all conditions].",
      valueName: "axis=value"))
  var condition: [String] = []
}

/// Worker processes on this machine; the same for `run` and `resume`.
struct LocalWorkerArguments: ParsableArguments {
  @Option(help: "Worker processes to start on this machine.")
  var workers = 1
  @Option(
    help:
      "Where the run's live page is served: ADDRESS:PORT, with a token unless it is a loopback address, or none [default: a free port of this machine]."
  )
  var live: String?
  @OptionGroup var compute: ComputeArguments

  /// Processors and memory are shared out between the workers when the user does not say how much each has.
  func validated() throws -> LocalRun.Options {
    try Usage.check(workers, in: 1...256, option: "--workers")
    var options = LocalRun.Options()
    options.workers = workers
    options.computation = try compute.validated(workers: workers)
    options.live = try live.map { try $0 == "none" ? .nowhere : .at(Usage.place($0, option: "--live")) } ?? .anywhere
    return options
  }
}
