import ArgumentParser
import GauntletKit

struct KeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Creates CURVE keys.", subcommands: [New.self, Add.self])

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "add",
      abstract: "Creates another key pair for workers, which the coordinator accepts at once.",
      discussion: """
        A running coordinator need not be restarted. To rotate keys: add a pair, give workers the new bundle, then \
        remove the old pair's file from authorized/, which closes its connections.
        Example: gauntlet keys add runs/r1/keys cluster-b
        """)

    @Argument(help: "The folder with the coordinator's keys.") var directory: String
    @Argument(help: "The pair's name.") var name: String

    func run() throws {
      print("bundle: \(try Keys.add(name, to: directory))  (for gauntlet work --connect ADDRESS --keys FILE)")
    }
  }

  struct New: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "new",
      abstract: "Creates the keys of a coordinator and its workers in a private folder.",
      discussion: """
        `gauntlet run` and `gauntlet coordinate` create a run's keys themselves. Use this to create them beforehand, in \
        RUN/keys, or for workers that must not read the run folder: give them worker.bundle.
        Example: gauntlet keys new runs/r1/keys
        """)

    @Argument(help: "The folder to create; it must not hold keys yet.") var directory: String

    func run() throws {
      let bundle = try Keys.make(in: directory)
      print("keys:   \(directory)")
      print("bundle: \(bundle)  (for gauntlet work --connect ADDRESS --keys FILE)")
    }
  }
}
