import ArgumentParser
import GauntletKit

struct KeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Makes CURVE keys.", subcommands: [New.self, Add.self])

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "add",
      abstract: "Makes another pair of keys for workers, which the coordinator lets in from now on.",
      discussion: """
        A coordinator that runs need not be started again. To change keys: add some, give workers the new bundle, then \
        remove the old one's file from authorized/, which closes its connections.
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
      abstract: "Makes the keys of a coordinator and its workers in a folder that is yours alone.",
      discussion: """
        `gauntlet run` and `gauntlet coordinate` make a run's keys by themselves. Use this to make them beforehand, in \
        RUN/keys, or for workers that are not to read the run folder: give them worker.bundle.
        Example: gauntlet keys new runs/r1/keys
        """)

    @Argument(help: "The folder to make; it must not hold keys yet.") var directory: String

    func run() throws {
      let bundle = try Keys.make(in: directory)
      print("keys:   \(directory)")
      print("bundle: \(bundle)  (for gauntlet work --connect ADDRESS --keys FILE)")
    }
  }
}
