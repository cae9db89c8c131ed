import Archives
import ArgumentParser
import Coordination
import Foundation
import Launching
import Messaging
import Planning
import Reporting
import Synchronization

/// A run on this machine from its plan to its report: a coordinator in this process, workers as processes.
struct LocalRun {
  let run: PlannedRun
  let workers: Int
  let computation: Computation
  var takeUpFailed = false

  func perform() throws {
    try compute()
    let outcome = try Collecting.collect(run, to: run.folder.archive, partial: false)
    let model = try ReportModel(archives: [ArchiveReader(path: outcome.path)])
    try Reports.write(model, page: run.folder.report)
    Reports.printTable(of: model)
    print("archive: \(outcome.path)")
    print("report:  \(run.folder.report)")
    try outcome.throwIfIncomplete()
  }

  private func compute() throws {
    let session = try CoordinatorSession(
      run: run, listen: "tcp://127.0.0.1:*", takeUpFailed: takeUpFailed, mayHaveWorkers: false)
    guard try !session.isDone() else { return }
    let givingUp = Mutex<String?>(nil)
    let coordinator = session.coordinator
    let local = LocalWorkers(
      executable: Executable.path,
      arguments: ["work", "--run", run.folder.path] + computation.arguments + ["--exit-with-parent"],
      logFolder: run.folder.logs, logger: session.logger
    ) { reason in
      givingUp.withLock { $0 = reason }
      coordinator.drain()
    }
    try local.start(count: workers)
    // Workers end by themselves when the run does; this ends them when it does not.
    defer { local.stop(grace: .seconds(20)) }
    let outcome = try session.perform()
    if let reason = givingUp.withLock({ $0 }) { throw RunEnd.workersGaveUp(reason) }
    try session.throwIfUnfinished(outcome)
  }
}

/// Why a run ended before its work.
enum RunEnd: Error, CustomStringConvertible {
  case workersGaveUp(String)
  case drained(folder: String, left: Int)
  case stalled(folder: String, left: Int, reason: String)

  var description: String {
    switch self {
    case .workersGaveUp(let reason): reason
    case .drained(let folder, let left):
      "stopped with \(left) shards left; nothing is lost, go on with gauntlet resume \(folder)"
    case .stalled(let folder, let left, let reason):
      "no worker could compute anything for long: \(reason.prefix(300)); \(left) shards are left and nothing is "
        + "lost: once it can be read, go on with gauntlet resume \(folder)"
    }
  }
}

/// This program's own file, for starting workers.
enum Executable {
  static let path: String = {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? Bundle.main.executablePath ?? CommandLine.arguments[0]
  }()
}
