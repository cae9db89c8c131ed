import ArgumentParser
import GauntletKit

struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Ends a run's coordinator and the jobs that were launched for it; nothing recorded is lost.",
    discussion: """
      A coordinator on this machine is asked to end (SIGTERM): what workers have finished is recorded, and its workers end \
      with it. Jobs of Slurm are cancelled. gauntlet resume or launch goes on later. Exit status 3 where the coordinator \
      is a process of another machine or user, which cannot be reached from here, or Slurm does not answer.
      Example: gauntlet cancel runs/miniature
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String

  func run() throws {
    let endings = try Run.cancel(folder)
    var isLeft = false
    for ending in endings {
      switch ending {
      case .asked(let process): print("process \(process), the run's coordinator, was asked to end")
      case .cancelled(let engine, let jobs): print("\(engine): cancelled \(jobs.joined(separator: ", "))")
      case .elsewhere(let host, let process):
        Terminal.complain("the coordinator is process \(process) of \(host.plain); end it there: kill \(process)")
        isLeft = true
      case .unknown(let engine, let jobs):
        Terminal.complain(
          "\(engine) does not say how \(jobs.joined(separator: ", ").plain) is; where it does, try once more")
        isLeft = true
      }
    }
    guard !isLeft else { throw ExitStatus.cannotGoOn }
    if endings.isEmpty { print("nobody computes this run; gauntlet status \(folder) says how far it is") }
  }
}
