import ArgumentParser

/// Refuses commands that do not exist before arguments are parsed: the parser answers `gauntlet fly --help` with the
/// overview, as if there were such a command.
enum CommandName {
  /// Follows the words that name commands from the program down.
  ///
  /// - Throws: `UsageError` for the first word in a command's place that is none.
  static func check(_ arguments: [String]) throws {
    var place: ParsableCommand.Type = Gauntlet.self
    var path = "gauntlet"
    var words = arguments.drop { ["-h", "--help", "-help", "help"].contains($0) }
    while let word = words.first, !word.hasPrefix("-"), !place.configuration.subcommands.isEmpty {
      let names = place.configuration.subcommands.map { $0.configuration.commandName ?? "" }
      guard let index = names.firstIndex(of: word) else {
        let known = names.joined(separator: ", ")
        throw UsageError("there is no command \(path) \(word.prefix(60)); there are \(known)")
      }
      path += " " + word
      place = place.configuration.subcommands[index]
      words = words.dropFirst()
    }
  }
}
