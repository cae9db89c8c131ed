import ArgumentParser
import Foundation
import Kernels
import Networks

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows what is in a checkpoint, a manifest or an archive.",
    discussion: """
      A manifest is checked as a run checks it before starting, and the run's cost is estimated: forward passes, \
      core-hours at the speed measured here over a few batches, bytes of the archive. A \
      checkpoint is a .pth or .pt (also from PyTorch \
      before 1.6), .safetensors, .npz, .index.json or .onnx file; nothing in it is ever executed. For an ONNX model it \
      lists the operators and says whether it will run. With --reference, logits, and input gradients if the file \
      has them, are compared with those in a file written by tools/replknet.py, tools/timm_networks.py or \
      tools/onnx_networks.py. Exit status 1: it will not run, or does not match --architecture.
      Examples: gauntlet inspect models/replknet-nano.safetensors
                gauntlet inspect runs/miniature/archive.h5
      """)

  @Argument(help: "The file, or the folder of a run.") var file: String
  @Flag(help: "Also list every tensor of a checkpoint.") var tensors = false
  @Option(help: "A .safetensors file with images and their expected logits.") var reference: String?
  @Option(help: "The expected architecture: every mismatch is listed.") var architecture: String?
  @Option(help: "The arithmetic for --reference: fp32, or bf16.") var precision = "fp32"
  @Flag(help: "Do not measure the speed of a manifest's models, which takes a few seconds each.") var noMeasure = false
  @Flag(help: "Print a manifest's summary as one JSON object.") var json = false

  func run() throws {
    let precision = try Usage.precision(precision)
    try Usage.checkExists(file, what: "file")
    let isManifest = ["yaml", "yml"].contains((file as NSString).pathExtension.lowercased()) && !Usage.isFolder(file)
    if json || noMeasure, !isManifest {
      throw UsageError("\(json ? "--json" : "--no-measure") is for manifests, but \(file) is not one")
    }
    switch (file as NSString).pathExtension.lowercased() {
    case _ where Usage.isFolder(file):
      if let refusal = CheckpointReader.refusal(ofFolder: file) { throw refusal }
      try describeArchive(Usage.archive(file))
    case _ where isManifest: try describeManifest()
    case "h5", "hdf5", "nc": try describeArchive(Usage.archive(file))
    case _ where CheckpointReader.isONNX(file): try describeONNX(precision)
    default: try describeCheckpoint(precision)
    }
  }

  private func describeCheckpoint(_ precision: Precision) throws {
    let checkpoint = try CheckpointReader.open(file)
    let parameters = checkpoint.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    print("\(file): \(checkpoint.tensors.count) tensors, \(parameters) numbers")
    let matching = checkpoint.matchingArchitectures()
    for line in CheckpointNotes.lines(of: checkpoint, matching) { print(line) }
    let misfits = try architecture.map { try CheckpointNotes.misfits(of: checkpoint, to: $0) } ?? []
    for problem in misfits { print("  \(problem)") }
    guard misfits.isEmpty else { throw ExitCode(1) }
    if tensors {
      for tensor in checkpoint.tensors {
        print("  \(tensor.name) \(tensor.elementType) \(tensor.shape.map(String.init).joined(separator: "x"))")
      }
    }
    if !matching.isEmpty {
      do {
        try checkpoint.checkNumbers()
      } catch {
        print("will not run: \(error)")
        throw ExitCode(1)
      }
    }
    guard reference != nil else { return }
    guard let chosen = try architecture.flatMap({ try Architecture.named($0, checkpoint: file) }) ?? matching.first
    else {
      throw UsageError(
        "no architecture matches \(file); name one from gauntlet models with --architecture")
    }
    try compare(chosen, precision)
  }

  private func describeONNX(_ precision: Precision) throws {
    let summary = try ONNXSummary(file)
    print("\(file): \(summary.title)")
    for (name, count) in summary.operators {
      print("  \(name.padding(toLength: 24, withPad: " ", startingAt: 0))\(count)")
    }
    if summary.problems.isEmpty {
      print("will run: \(summary.verdict)")
      if let note = summary.outputNote { print("output: \(note)") }
    } else {
      for problem in summary.problems { print("will not run: \(problem)") }
      throw ExitCode(1)
    }
    if reference != nil { try compare(.onnx(file), precision) }
  }

  private func compare(_ chosen: Architecture, _ precision: Precision) throws {
    guard let reference else { return }
    try Usage.checkExists(reference, what: "reference file")
    let results = try ReferenceCheck.run(
      checkpoint: file, architecture: chosen, reference: reference,
      options: ComputeOptions(precision: precision))
    for result in results {
      let theirs = result.theirError.map { String(format: " (the reference's own float32: %.3g)", $0) } ?? ""
      print(
        "\(result.name): "
          + String(
            format: "largest difference %.3g of the largest %.4g: ratio %.3g; error %.3g%@", result.largestDifference,
            result.largest, result.largestDifference / result.largest, result.relativeError, theirs))
    }
  }
}
