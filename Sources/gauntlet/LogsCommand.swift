import ArgumentParser
import GauntletKit

struct LogsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs",
    abstract: "Shows the last lines of a run's logs: workers, coordinator, jobs.",
    discussion: """
      The most recently written log comes last. gauntlet run and coordinate log to their own standard error.
      Examples: gauntlet logs runs/miniature
                gauntlet logs runs/miniature worker-0 --lines 200
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Argument(help: "Only logs whose name contains this.") var name: String?
  @Option(help: "Lines of each log.") var lines = 20

  func run() throws {
    try Usage.check(lines, in: 1...100_000, option: "--lines")
    let tails = try RunLogs(folder).tails(name, lines: lines)
    guard !tails.isEmpty else {
      return print(name.map { "no log has a name containing \($0)" } ?? "there are no logs yet")
    }
    for (place, tail) in tails.enumerated() {
      print((place > 0 ? "\n" : "") + "==> \(tail.path.plain) <==")
      for line in tail.lines { print(line) }
    }
  }
}
