import ArgumentParser
import Foundation
import GauntletKit
import Planning

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows a run's progress: by model and benchmark, rate, time left, failures.",
    discussion: """
      Reads only the run folder; the coordinator may be running or not, here or on another machine. If there is \
      none it says so. Example: gauntlet status runs/miniature
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Flag(help: "Refresh once a second until the run is complete.") var watch = false
  @Flag(help: "Print one JSON object (with --watch, one per line) instead of text.") var json = false

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
        "the coordinator runs on \(host) and has not reported yet; its ledger may appear out of date here")
    case .silent(let host, let seconds):
      Terminal.complain(
        "the coordinator on \(host) last reported \(Terminal.duration(seconds)) ago; is it still running?")
    case nil: break
    }
  }
}
