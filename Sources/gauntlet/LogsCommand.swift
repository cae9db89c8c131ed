import ArgumentParser
import GauntletKit

struct LogsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs",
    abstract: "Shows the ends of a run's logs: of its workers, its coordinator, its jobs.",
    discussion: """
      The log that was written last comes last. What gauntlet run and coordinate say themselves is on their standard error.
      Examples: gauntlet logs runs/miniature
                gauntlet logs runs/miniature worker-0 --lines 200
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Argument(help: "Only logs whose names hold this.") var name: String?
  @Option(help: "Lines of each log.") var lines = 20

  func run() throws {
    try Usage.check(lines, in: 1...100_000, option: "--lines")
    let tails = try RunLogs(folder).tails(name, lines: lines)
    guard !tails.isEmpty else {
      return print(name.map { "there is no log whose name holds \($0)" } ?? "there are no logs yet")
    }
    for (place, tail) in tails.enumerated() {
      print((place > 0 ? "\n" : "") + "==> \(tail.path.plain) <==")
      for line in tail.lines { print(line) }
    }
  }
}
