import ArgumentParser
import Foundation
import GauntletKit

struct WorkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "work",
    abstract: "Computes shards for a coordinator until the run is done.",
    discussion: """
      With --run, address and keys are read from the run folder, which must be visible here. Otherwise give the coordinator's \
      address and the key bundle, a copy of the run folder's keys/worker.bundle. Data and checkpoints must be at the \
      paths in the manifest. SIGTERM drains: shards in progress are finished, the others handed back.
      Examples: gauntlet work --run /shared/runs/r1
                gauntlet work --connect tcp://head:5757 --keys worker.bundle
      """)

  @Option(name: .customLong("run"), help: "The run folder; waits until its coordinator is listening.") var runFolder:
    String?
  @Option(help: "The coordinator's address, tcp://HOST:PORT or ipc://PATH.") var connect: String?
  @Option(help: "The key bundle file, mode 0600.") var keys: String?
  @OptionGroup var compute: ComputeArguments
  @OptionGroup var log: LogArguments
  @Option(help: "Seconds to wait for a coordinator that has not started or does not answer.") var patience = 600
  @Flag(help: .hidden) var exitWithParent = false
  // The Python package starts this program with these: see `python/src/gauntlet/_work.py`.
  @Option(help: .hidden) var pythonExchange: String?
  @Option(help: .hidden) var pythonModel: String?
  @Option(help: .hidden) var pythonSummary: String?

  func run() throws {
    log.begin()
    let computation = try compute.validated()
    try Usage.check(patience, in: 1...1_000_000, option: "--patience")
    if exitWithParent { Worker.dieWithParent() }
    let place = try place()
    let python = try pythonHost()
    let logger = Logs.stderrLogger("gauntlet.worker", format: log.logFormat)
    logger.info(
      "started",
      metadata: [
        "version": "\(Release.version)", "host": "\(ProcessInfo.processInfo.hostName)",
        "process": "\(ProcessInfo.processInfo.processIdentifier)", "streams": "\(computation.streams)",
        "memory": "\(computation.memory >> 20)M", "coordinator": "\(connect ?? "of " + (runFolder ?? ""))",
      ])
    guard
      let worker = try Worker.join(place, computation: computation, patience: patience, python: python, logger: logger)
    else {
      logger.info("the run is done")
      return
    }
    let signals = TerminationSignals { worker.drain() }
    defer { withExtendedLifetime(signals) {} }
    try worker.perform()
  }

  /// The process that started this one to compute with it.
  private func pythonHost() throws -> Worker.PythonHost? {
    guard let pythonExchange else { return nil }
    let descriptors = pythonExchange.split(separator: ",").compactMap { Int32($0) }
    guard descriptors.count == 3, descriptors.allSatisfy({ $0 > 2 && fcntl($0, F_GETFD) >= 0 }) else {
      throw UsageError(
        "--python-exchange must be three open descriptors; gauntlet.work of the Python package gives them")
    }
    return Worker.PythonHost(
      model: pythonModel, summary: pythonSummary ?? "", questions: descriptors[0], answers: descriptors[1],
      memory: descriptors[2])
  }

  /// Refuses, before anything is logged, what never becomes a place to work at.
  private func place() throws -> Worker.Place {
    switch (runFolder, connect, keys) {
    case (let run?, nil, nil):
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: run, isDirectory: &isFolder), !isFolder.boolValue {
        throw UsageError("--run is \(run), which is a file; give the run folder")
      }
      return .run(folder: run)
    case (nil, let connect?, let keys?):
      let address = try Usage.address(connect, option: "--connect", takesAnyPort: false)
      try Usage.checkExists(keys, what: "key bundle")
      return .coordinator(address: address, keys: keys)
    default:
      throw UsageError("give either --run DIR, or both --connect ADDRESS and --keys FILE; see gauntlet work --help")
    }
  }
}
