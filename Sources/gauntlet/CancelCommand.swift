import ArgumentParser
import GauntletKit

struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Stops a run's coordinator and cancels the jobs launched for it; nothing recorded is lost.",
    discussion: """
      A coordinator on this machine is asked to stop (SIGTERM): it records what workers have finished, and its workers stop \
      with it. Slurm jobs are cancelled. gauntlet resume or launch continues the run later. Exit status 3: the coordinator \
      belongs to another machine or user and cannot be reached from here, or Slurm does not answer.
      Example: gauntlet cancel runs/miniature
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String

  func run() throws {
    let endings = try Run.cancel(folder)
    var isLeft = false
    for ending in endings {
      switch ending {
      case .asked(let process): print("process \(process), the run's coordinator, was asked to stop")
      case .cancelled(let engine, let jobs): print("\(engine): cancelled \(jobs.joined(separator: ", "))")
      case .elsewhere(let host, let process):
        Terminal.complain("the coordinator is process \(process) of \(host.plain); stop it there: kill \(process)")
        isLeft = true
      case .unknown(let engine, let jobs):
        Terminal.complain(
          "\(engine) does not report the state of \(jobs.joined(separator: ", ").plain); try again once it answers")
        isLeft = true
      }
    }
    guard !isLeft else { throw ExitStatus.cannotGoOn }
    if endings.isEmpty { print("nothing is computing this run; gauntlet status \(folder) shows its progress") }
  }
}
