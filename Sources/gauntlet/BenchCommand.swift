import ArgumentParser
import Benches
import Kernels
import Networks

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Benchmarks this machine: kernels, whole models, the coordinator, corruptions, preprocessing.",
    subcommands: [
      KernelBench.self, ModelBench.self, CoordinatorBench.self, CorruptionBench.self,
      PreprocessingBench.self, PhotographsBench.self,
    ])

  struct KernelBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "kernels",
      abstract:
        "Times each kernel of RepLKNet-31B on one thread, against the fused multiply-add peak measured beside it.",
      discussion: "Example: gauntlet bench kernels --only depthwise --repeats 3")

    @Option(help: "How often each kernel is run; the median is reported.") var repeats = 5
    @Option(help: "The instruction set: \(InstructionSet.choice) [default: the fastest].")
    var instructionSet: String?
    @Option(help: "Only kernels whose name contains this, such as depthwise.") var only: String?

    func run() throws {
      try Usage.check(repeats, in: 1...1000, option: "--repeats")
      try InstructionSet.choose(instructionSet)
      print("instruction set \(InstructionSet.chosen.rawValue), one thread, median of \(repeats)")
      KernelBenchmark.run(repeats: repeats, only: only) { print($0) }
    }
  }

  struct ModelBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "model",
      abstract: "Times a whole network, in images a second.",
      discussion: "Example: gauntlet bench model resnet18 --threads 1 --batch 8")

    @Argument(help: "The architecture, such as replknet-31b.") var architecture: String
    @Option(help: "Threads, each running its own stream.") var threads = 1
    @Option(help: "Images in a stream's batch.") var batch = 8
    @Option(help: "How often it is run; the median is reported.") var repeats = 5
    @Option(help: "The GEMM: native, or openblas.") var gemm = "native"
    @Option(help: "The arithmetic: fp32, or bf16.") var precision = "fp32"
    @Option(help: "The instruction set: \(InstructionSet.choice) [default: the fastest].")
    var instructionSet: String?
    @Option(help: "The checkpoint to take weights from [default: random weights].") var checkpoint: String?
    @Flag(help: "Also compute the gradient of each image's cross-entropy.") var gradient = false

    func run() throws {
      try Usage.check(threads, in: 1...1024, option: "--threads")
      try Usage.check(batch, in: 1...1024, option: "--batch")
      try Usage.check(repeats, in: 1...1000, option: "--repeats")
      if architecture == Architecture.onnxName, checkpoint == nil { throw UsageError("onnx needs a --checkpoint") }
      guard
        let found = try checkpoint.map({ try Architecture.named(architecture, checkpoint: $0) })
          ?? Architecture.named(architecture)
      else {
        throw UsageError("unknown architecture \(architecture.prefix(60)); see gauntlet models")
      }
      guard let backend = GEMMBackend(rawValue: gemm) else {
        throw UsageError("--gemm is \(gemm), but must be native or openblas")
      }
      let arithmetic = try Usage.precision(precision)
      try InstructionSet.choose(instructionSet)
      let result = try ModelBenchmark.run(
        architecture: found, checkpoint: checkpoint, threads: threads, batch: batch, repeats: repeats,
        withGradient: gradient, options: ComputeOptions(gemm: backend, precision: arithmetic))
      print(result)
    }
  }
}
