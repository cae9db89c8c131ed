import ArgumentParser
import Foundation

/// How local workers compute; the same for `run`, `resume` and `work`.
struct ComputeArguments: ParsableArguments {
  @Option(help: "Streams of images that are computed at the same time, one thread each [default: one a core].")
  var streams: Int?
  @Option(help: "Images that a stream puts through the network at once. The logits do not depend on it.")
  var batch = 8

  func validated() throws -> (streams: Int, batch: Int) {
    if let streams { try Usage.check(streams, in: 1...1024, option: "--streams") }
    try Usage.check(batch, in: 1...1024, option: "--batch")
    return (streams ?? ProcessInfo.processInfo.activeProcessorCount, batch)
  }
}

/// Worker processes on this machine; the same for `run` and `resume`.
struct LocalWorkerArguments: ParsableArguments {
  @Option(help: "Worker processes to start on this machine.")
  var workers = 1
  @OptionGroup var compute: ComputeArguments

  /// Streams are shared out between the workers when the user does not say how many each has.
  func validated() throws -> (workers: Int, streams: Int, batch: Int) {
    try Usage.check(workers, in: 1...256, option: "--workers")
    let (streams, batch) = try compute.validated()
    return (workers, compute.streams == nil ? max(1, streams / workers) : streams, batch)
  }
}
