import ArgumentParser
import Foundation
import GauntletKit
import Planning

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows how far a run is: progress by model and benchmark, rate, time left, failures.",
    discussion: """
      Reads the run folder only; the coordinator may be running or not, on this machine or on another. Where none has the \
      run it says so. Example: gauntlet status runs/miniature
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Flag(help: "Go on showing it, once a second, until the run is complete.") var watch = false
  @Flag(help: "Print one JSON object (with --watch one a line) instead of text.") var json = false

  func run() throws {
    var reader = try RunStatus.Reader(folder)
    while true {
      let found = try reader.read()
      complain(of: found)
      let text = StatusText(
        status: found.status, presence: found.presence, plan: reader.plan, folder: RunFolder(folder), now: found.time,
        failure: found.failure, live: found.live)
      if json {
        try printObject(text.object(), keys: .convertToSnakeCase)
      } else {
        if watch, isatty(STDOUT_FILENO) == 1 { StandardOutput.write("\u{1B}[H\u{1B}[2J") }
        print(text.lines())
        if let failure = found.failure { print(failure) }
      }
      guard watch, !found.status.isComplete, !StandardOutput.isLost else { return }
      sleep(1)
    }
  }

  private func complain(of found: RunStatus) {
    switch found.remark {
    case .notReported(let host):
      Terminal.complain(
        "the coordinator runs on \(host) and has not reported yet; its ledger may look older here than it is")
    case .silent(let host, let seconds):
      Terminal.complain(
        "the coordinator on \(host) said this \(Terminal.duration(seconds)) ago and nothing since; does it run?")
    case nil: break
    }
  }
}
