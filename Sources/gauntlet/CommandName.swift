import ArgumentParser

/// Refuses, before arguments are parsed, commands that do not exist: the parser answers `gauntlet fly --help` with the
/// overview, as if there were such a command. And words that are empty, as of a shell's variable that is not set: an empty
/// path would stand for the current folder.
enum CommandName {
  /// Follows the words that name commands from the program down.
  ///
  /// - Throws: `UsageError` for the first word in a command's place that is none, and for an empty one.
  static func check(_ arguments: [String]) throws {
    if let empty = arguments.firstIndex(of: "") {
      let before = empty > 0 ? arguments[empty - 1].prefix(60) : "gauntlet"
      throw UsageError("the word after \(before) is empty; give one, or omit the option")
    }
    if let option = arguments.first(where: { $0.hasPrefix("--") && $0.firstIndex(of: "=") == $0.indices.last }) {
      throw UsageError("\(option.prefix(60)) has no value; give one, or omit the option")
    }
    var place: ParsableCommand.Type = Gauntlet.self
    var path = "gauntlet"
    var words = arguments.drop { ["-h", "--help", "-help", "help"].contains($0) }
    while let word = words.first, !word.hasPrefix("-"), !place.configuration.subcommands.isEmpty {
      let names = place.configuration.subcommands.map { $0.configuration.commandName ?? "" }
      guard let index = names.firstIndex(of: word) else {
        let known = names.joined(separator: ", ")
        throw UsageError("unknown command \(path) \(word.prefix(60)); the commands are \(known)")
      }
      path += " " + word
      place = place.configuration.subcommands[index]
      words = words.dropFirst()
    }
  }
}
