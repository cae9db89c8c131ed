import ArgumentParser
import Coordination
import Foundation
import Launching
import Logging
import Messaging
import Planning
import Working

struct WorkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "work",
    abstract: "Computes shards for a coordinator until the run is done.",
    discussion: """
      With --run, address and keys are read from a run folder that this machine sees. Without, give the coordinator's \
      address and the key bundle, a copy of the run folder's keys/worker.bundle. Data and checkpoints must be at the \
      paths that the manifest names. SIGTERM drains: the shards at hand are finished, the others handed back.
      Examples: gauntlet work --run /shared/runs/r1
                gauntlet work --connect tcp://head:5757 --keys worker.bundle
      """)

  @Option(name: .customLong("run"), help: "The run folder; waits until its coordinator listens.") var runFolder: String?
  @Option(help: "The coordinator's address, tcp://HOST:PORT or ipc://PATH.") var connect: String?
  @Option(help: "The key bundle's file, mode 0600.") var keys: String?
  @OptionGroup var compute: ComputeArguments
  @OptionGroup var log: LogArguments
  @Option(help: "Seconds to wait for a coordinator that is not there yet, or does not answer.") var patience = 600
  @Flag(help: .hidden) var exitWithParent = false

  func run() throws {
    log.begin()
    let computation = try compute.validated()
    try Usage.check(patience, in: 1...1_000_000, option: "--patience")
    if exitWithParent { ParentWatch.dieWithParent() }
    try checkPlace()
    let logger = Logs.stderrLogger("gauntlet.worker", format: log.logFormat)
    logger.info(
      "started",
      metadata: [
        "version": "\(Gauntlet.version)", "host": "\(ProcessInfo.processInfo.hostName)",
        "process": "\(ProcessInfo.processInfo.processIdentifier)", "streams": "\(computation.streams)",
        "memory": "\(computation.memory >> 20)M", "coordinator": "\(connect ?? "of " + (runFolder ?? ""))",
      ])
    guard let place = try place({ logger.info("waiting", metadata: ["reason": "\($0)"]) }) else {
      logger.info("the run is done")
      return
    }
    let times = StreamTimes()
    let daemon = try WorkerDaemon(
      connect: place.address, security: place.security,
      configuration: WorkerConfiguration(
        streams: computation.streams, prefetch: computation.streams, version: Gauntlet.version, runID: place.runID,
        patience: .seconds(patience), locate: place.locate, remark: place.remark),
      computer: ShardEvaluator(
        batch: computation.batch, memory: WorkerMemory.ofModels(of: computation.memory), version: Gauntlet.version,
        times: times), times: times, logger: logger)
    let signals = TerminationSignals { daemon.drain() }
    defer { withExtendedLifetime(signals) {} }
    let outcome = try daemon.run()
    if let summary = times.summary { logger.info("compute threads", metadata: ["times": "\(summary)"]) }
    logger.info("done", metadata: ["outcome": "\(outcome)"])
  }

  /// Refuses, before anything is logged, what never becomes a place to work at.
  private func checkPlace() throws {
    var isFolder: ObjCBool = false
    if let runFolder, FileManager.default.fileExists(atPath: runFolder, isDirectory: &isFolder), !isFolder.boolValue {
      throw UsageError("--run is \(runFolder), which is a file; give the run's folder")
    }
    guard (runFolder != nil) == (connect == nil), (connect == nil) == (keys == nil) else {
      throw UsageError("give either --run DIR, or both --connect ADDRESS and --keys FILE; see gauntlet work --help")
    }
    if let connect { _ = try Usage.address(connect, option: "--connect", takesAnyPort: false) }
    if let keys { try Usage.checkExists(keys, what: "key bundle") }
  }

  private struct Place {
    let address: String
    let security: ClientSecurity
    let runID: String?
    /// Looks where the coordinator is now.
    let locate: (@Sendable () -> Whereabouts?)?
    /// What the run folder says about reaching it.
    let remark: (@Sendable () -> String?)?
  }

  /// nil where the run is done.
  private func place(_ tell: (String) -> Void) throws -> Place? {
    switch (runFolder, connect, keys) {
    case (let run?, nil, nil):
      let folder = RunFolder(run)
      let endpoint = try CoordinatorEndpoint.wait(in: folder, seconds: patience, tell: tell)
      guard let address = endpoint.address else { return nil }
      return Place(
        address: address, security: try KeyStore(folder: folder.keys).clientSecurity(), runID: endpoint.runID,
        locate: {
          guard let now = CoordinatorEndpoint(in: folder), now.runID == endpoint.runID else { return nil }
          return now.address.map { .listening($0) } ?? .done
        },
        remark: {
          guard let now = CoordinatorEndpoint(in: folder) else { return CoordinatorFailure(in: folder)?.description }
          return now.unreachable()
        })
    case (nil, let connect?, let keys?):
      return Place(
        address: try Usage.address(connect, option: "--connect", takesAnyPort: false),
        security: try KeyBundle.read(from: keys).clientSecurity, runID: nil, locate: nil, remark: nil)
    default:
      throw UsageError("give either --run DIR, or both --connect ADDRESS and --keys FILE; see gauntlet work --help")
    }
  }
}
