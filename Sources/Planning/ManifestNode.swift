import Foundation
import Imaging
import Yams

/// A place in the YAML tree that knows its path and its line, so that every refusal names both.
struct ManifestNode {
  let node: Node
  let file: String
  /// The key path for people: `models[0].preprocess`.
  let path: String

  func failure(_ problem: String) -> ManifestError {
    ManifestError(file: file, line: node.mark?.line, column: node.mark?.column, problem: problem)
  }

  /// The mapping's values by key.
  ///
  /// - Throws: where this is no mapping, a key is there twice, or a key is none of `known`.
  func mapping(known: [String]) throws -> [String: ManifestNode] {
    guard case .mapping(let mapping) = node else { throw failure("\(path) must be a mapping of keys to values") }
    var result: [String: ManifestNode] = [:]
    for (key, value) in mapping {
      let place = ManifestNode(node: key, file: file, path: path)
      guard let name = key.string else { throw place.failure("\(path) has a key that is not text") }
      guard known.contains(name) else {
        throw place.failure(
          "unknown key \"\(name)\" in \(path); known keys: \(known.sorted().joined(separator: ", "))"
            + Self.suggestion(for: name, among: known))
      }
      let child = ManifestNode(node: value, file: file, path: path == "the manifest" ? name : "\(path).\(name)")
      if result.updateValue(child, forKey: name) != nil { throw place.failure("duplicate key \"\(name)\"") }
    }
    return result
  }

  /// Whether it is a mapping that has each of these keys.
  func hasAll(_ keys: [String]) -> Bool {
    guard case .mapping(let mapping) = node else { return false }
    return keys.allSatisfy { mapping[Node($0)] != nil }
  }

  /// The sequence's elements.
  func sequence() throws -> [ManifestNode] {
    guard case .sequence(let sequence) = node else { throw failure("\(path) must be a list") }
    return sequence.enumerated().map { ManifestNode(node: $1, file: file, path: "\(path)[\($0)]") }
  }

  func text() throws -> String {
    guard let text = node.string, case .scalar = node, !text.isEmpty else { throw failure("\(path) must be text") }
    return text
  }

  func integer(in range: ClosedRange<Int>) throws -> Int {
    // With colons it would be a number of base 60, which the parser adds up whatever its size.
    guard case .scalar(let scalar) = node, !scalar.string.contains(":"), let value = node.int else {
      throw failure("\(path) must be an integer")
    }
    guard range.contains(value) else {
      throw failure("\(path) is \(value), but must be from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// A number from a range without its lower end.
  func number(above low: Double, upTo high: Double) throws -> Double {
    guard case .scalar(let scalar) = node, !scalar.string.contains(":"), let value = node.float, value.isFinite else {
      throw failure("\(path) must be a number")
    }
    guard value > low, value <= high else {
      throw failure("\(path) is \(value), but must be greater than \(low) and at most \(high)")
    }
    return value
  }

  /// A number from a range without its lower end, which may be written as a fraction: `0.03` or `8/255`.
  func fraction(above low: Double, upTo high: Double) throws -> Double {
    let parts = try text().split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      let found = node.float ?? .nan
      if high == 1, found > 1, found < 256, found == found.rounded() {
        throw failure(
          "\(path) is \(found), but must be greater than \(low) and at most \(high); of a picture's 255 levels, \(Int(found)) are "
            + "\(Int(found))/255")
      }
      return try number(above: low, upTo: high)
    }
    let numbers = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }.filter(\.isFinite)
    guard numbers.count == 2, numbers[1] > 0 else {
      throw failure("\(path) must be a number, or a fraction such as 8/255")
    }
    let value = numbers[0] / numbers[1]
    guard value > low, value <= high else {
      throw failure("\(path) is \(try text()), but must be greater than \(low) and at most \(high)")
    }
    return value
  }

  /// A grid of 1 to 1,024 patches a side: `14`, or rows and columns as in `4x8`.
  func patchGrid() throws -> PatchGrid {
    let text = try text()
    let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard let first = sides.first, let last = sides.last, sides.count <= 2,
      sides.allSatisfy({ (1...1024).contains($0) })
    else {
      throw failure(
        "\(path) is \"\(text.prefix(60))\", but must be patches a side from 1 to 1024, or rows and columns as in 4x8")
    }
    return PatchGrid(rows: first, columns: last)
  }

  /// A name that goes into paths and archive groups.
  func identifier() throws -> String {
    let name = try text()
    let allowed = name.unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "-_.+".unicodeScalars.contains($0))
    }
    guard allowed, !name.hasPrefix("."), name.utf8.count <= 100 else {
      throw failure("\(path) is \"\(name)\", but may contain only ASCII letters, digits, - _ + and ., at most 100")
    }
    return name
  }

  /// One of a closed set of words.
  func choice<Value>(_ choices: [(word: String, value: Value)]) throws -> Value {
    let word = try text()
    guard let match = choices.first(where: { $0.word == word }) else {
      let words = choices.map(\.word)
      let shown = words.prefix(20).joined(separator: ", ") + (words.count > 20 ? " and \(words.count - 20) more" : "")
      throw failure(
        "\(path) is \"\(word.prefix(60))\", but must be one of \(shown)" + Self.suggestion(for: word, among: words))
    }
    return match.value
  }

  /// Seconds from `120`, `120s`, `2m` or `1h`.
  func seconds(in range: ClosedRange<Double>) throws -> Double {
    let word = try text()
    let units: [(suffix: String, factor: Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("", 1)]
    for unit in units where word.hasSuffix(unit.suffix) {
      guard let number = Double(word.dropLast(unit.suffix.count)), number.isFinite else { continue }
      let value = number * unit.factor
      guard range.contains(value) else {
        throw failure("\(path) is \(word), but must be from \(range.lowerBound) s to \(range.upperBound) s")
      }
      return value
    }
    throw failure("\(path) is \"\(word)\", but must be a duration such as 500ms, 120s, 2m or 1h")
  }

  /// A hint where a word is one or two slips away from a known one.
  static func suggestion(for word: String, among known: [String]) -> String {
    let near = known.map { ($0, editDistance(word, $0)) }.min { $0.1 < $1.1 }
    guard let near, near.1 <= 2 else { return "" }
    return "; did you mean \"\(near.0)\"?"
  }

  private static func editDistance(_ left: String, _ right: String) -> Int {
    let right = Array(right.prefix(64))
    var row = Array(0...right.count)
    for (i, character) in left.prefix(64).enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in right.indices {
        let above = row[j + 1]
        row[j + 1] = min(above + 1, row[j] + 1, diagonal + (character == right[j] ? 0 : 1))
        diagonal = above
      }
    }
    return row[right.count]
  }
}
