/// What a Swift file declares, as far as its text tells: the repository's format has one declaration a line, indented by
/// two spaces a level.
enum Declarations {
  private static let kinds: Set<Substring> = [
    "func", "var", "let", "struct", "class", "enum", "protocol", "typealias", "actor", "init", "subscript", "case",
    "associatedtype",
  ]

  // MARK: - Comments

  /// Public declarations, cases of public enumerations and requirements of public protocols without a comment.
  static func undocumented(in file: SourceFile) -> [String] {
    var found: [String] = []
    // The indentations of public enumerations and protocols that are open.
    var open: [Int] = []
    for (place, line) in file.code.enumerated() where !line.allSatisfy(\.isWhitespace) {
      let indentation = line.indentation
      while let last = open.last, indentation <= last, line.dropFirst(indentation).hasPrefix("}") { open.removeLast() }
      let words = line.words
      let isPublic = words.first { !attributes.contains($0) } == "public"
      let kind = words.first { kinds.contains($0) }
      let isMember = open.last.map { indentation == $0 + 2 } ?? false
      if isPublic ? kind != nil : isMember && isRequirement(line.dropFirst(indentation)) {
        if !isDocumented(place, in: file) {
          found.append("\(file.place(place)): \(line.trimmingPrefix { $0 == " " })")
        }
      }
      if isPublic, kind == "enum" || kind == "protocol", line.contains("{"), !line.contains("}") {
        open.append(indentation)
      }
    }
    return found
  }

  private static let attributes: Set<Substring> = [
    "discardableResult", "inlinable", "frozen", "unchecked", "inline", "always",
  ]

  /// Whether a line within an enumeration or protocol is a case or a requirement: without a body of its own.
  private static func isRequirement(_ line: Substring) -> Bool {
    if line.hasPrefix("case ") || line.hasPrefix("indirect case ") { return true }
    guard ["func ", "var ", "init", "static func ", "static var ", "mutating func "].contains(where: line.hasPrefix)
    else { return false }
    return line.hasPrefix("var ") || line.hasPrefix("static var ")
      ? line.contains("{ get") : !line.hasSuffix("{") && !line.hasSuffix("}")
  }

  private static func isDocumented(_ place: Int, in file: SourceFile) -> Bool {
    var above = place - 1
    while above >= 0, file.lines[above].trimmingPrefix(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
    return above >= 0 && file.lines[above].trimmingPrefix(while: { $0 == " " }).hasPrefix("///")
  }

  // MARK: - Parameters

  /// Functions and initialisers with so many parameters that a call does not name.
  static func unlabelled(in file: SourceFile, atLeast limit: Int) -> [String] {
    var found: [String] = []
    for (place, line) in file.code.enumerated() {
      guard let start = line.firstRange(of: "func ") ?? line.firstRange(of: "init(") ?? line.firstRange(of: "init<")
      else {
        continue
      }
      let head = line[..<start.lowerBound]
      guard head.isEmpty || head.last == " " else { continue }
      let signature = line[start.lowerBound...] + "\n" + file.code[(place + 1)...].prefix(12).joined(separator: "\n")
      if unlabelledParameters(of: signature) >= limit {
        found.append("\(file.place(place)): \(line.trimmingPrefix { $0 == " " })")
      }
    }
    return found
  }

  private static func unlabelledParameters(of signature: Substring) -> Int {
    guard let open = signature.firstIndex(of: "(") else { return 0 }
    var depth = 0
    var count = 0
    var parameter = ""
    for character in signature[open...] {
      switch character {
      case "(", "[": depth += 1
      case ")", "]": depth -= 1
      default: break
      }
      if depth == 1 && character == "," || depth == 0 {
        if parameter.trimmingPrefix(while: { $0.isWhitespace || $0 == "(" }).hasPrefix("_ ") { count += 1 }
        parameter = ""
      } else {
        parameter.append(character)
      }
      if depth == 0 { break }
    }
    return count
  }

  // MARK: - What ends the process

  /// Whether a line of code may end the process where its author was wrong.
  static func mayCrash(_ line: Substring) -> Bool {
    guard line.contains("!") || line.contains("fatalError") else { return false }
    if line.words.contains("fatalError") || line.contains("try!") || line.contains("as!") { return true }
    let characters = Array(line)
    return characters.indices.dropFirst().contains { place in
      guard characters[place] == "!",
        characters[place - 1].isLetter || characters[place - 1].isNumber || ")]_".contains(characters[place - 1])
      else { return false }
      let next = place + 1 < characters.count ? characters[place + 1] : "\n"
      return next != "="
    }
  }

  // MARK: - Names

  /// The names that a file declares for others: of types, functions, properties and cases that are not private.
  static func names(in file: SourceFile) -> Set<Substring> {
    var found: Set<Substring> = []
    for line in file.code {
      let words = line.words
      guard let place = words.firstIndex(where: { kinds.contains($0) }), place + 1 < words.count,
        !words[..<place].contains("private"), !words[..<place].contains("fileprivate")
      else { continue }
      found.insert(words[place + 1])
      // What extends a type of another file is read with it.
      if words[place] == "case" { found.formUnion(words[(place + 1)...]) }
    }
    return found
  }
}
