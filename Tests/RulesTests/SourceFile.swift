import Foundation
import TestSupport

/// A Swift file of this repository, read by the rules as text.
struct SourceFile: Sendable {
  /// Its path in the repository.
  let name: String
  /// As it is written.
  let lines: [Substring]
  /// The same lines with comments and what stands in strings as spaces.
  let code: [Substring]

  /// All that somebody wrote: no generated file, each once where several folders link to it.
  static func all(below folder: String) throws -> [SourceFile] {
    let root = Repository.path + "/" + folder
    let paths = try FileManager.default.subpathsOfDirectory(atPath: root).filter { path in
      guard path.hasSuffix(".swift"), !path.hasSuffix(".pb.swift") else { return false }
      let attributes = try? FileManager.default.attributesOfItem(atPath: root + "/" + path)
      return attributes?[.type] as? FileAttributeType == .typeRegular
    }
    return try paths.sorted().map { SourceFile(name: folder + "/" + $0, text: try Repository.text(folder + "/" + $0)) }
  }

  /// A file of this text.
  init(name: String, text: String) {
    self.name = name
    lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    code = CodeText.blanked(text).split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// The module or the tests that it belongs to.
  var module: String { String(name.split(separator: "/")[1]) }

  /// `Sources/A/B.swift:7`, of the place of a line.
  func place(_ line: Int) -> String { "\(name):\(line + 1)" }

  /// The lines, with their places, whose code a test holds for.
  func places(where holds: (Substring) -> Bool) -> [String] {
    code.indices.filter { holds(code[$0]) }.map { "\(place($0)): \(lines[$0].trimmingCharacters(in: .whitespaces))" }
  }
}

extension Substring {
  /// The identifiers and keywords, in their order.
  var words: [Substring] {
    utf8.split { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): false
      case UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...: false
      default: true
      }
    }.map { Substring($0) }
  }

  /// How many spaces it begins with.
  var indentation: Int { prefix { $0 == " " }.count }
}

/// Swift as text: what is a comment or a string, and what is not.
enum CodeText {
  /// The same text, with comments and the contents of strings as spaces; line ends stay.
  static func blanked(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var result = bytes
    var place = 0
    func starts(_ word: StaticString, at place: Int) -> Bool {
      let count = word.utf8CodeUnitCount
      guard place + count <= bytes.count else { return false }
      return (0..<count).allSatisfy { bytes[place + $0] == word.utf8Start[$0] }
    }
    func blank(_ range: Range<Int>) {
      for index in range where bytes[index] != UInt8(ascii: "\n") { result[index] = UInt8(ascii: " ") }
    }
    while place < bytes.count {
      if starts("//", at: place) {
        let end = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        blank(place..<end)
        place = end
      } else if let end = stringEnd(bytes, from: place) {
        blank(place..<end)
        place = end
      } else {
        place += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Behind the string, or regular expression between number signs, that begins at a place; nil where none does.
  private static func stringEnd(_ bytes: [UInt8], from start: Int) -> Int? {
    let (quote, sign, back) = (UInt8(ascii: "\""), UInt8(ascii: "#"), UInt8(ascii: "\\"))
    var place = start
    while place < bytes.count, bytes[place] == sign { place += 1 }
    let signs = place - start
    guard place < bytes.count, bytes[place] == quote || signs > 0 && bytes[place] == UInt8(ascii: "/") else {
      return nil
    }
    let mark = bytes[place]
    let isLong = mark == quote && bytes[place...].prefix(3).elementsEqual([quote, quote, quote])
    let end = [UInt8](repeating: mark, count: isLong ? 3 : 1) + [UInt8](repeating: sign, count: signs)
    place += isLong ? 3 : 1
    while place < bytes.count, !bytes[place...].prefix(end.count).elementsEqual(end) {
      if bytes[place] == back, bytes[(place + 1)...].prefix(signs).allSatisfy({ $0 == sign }),
        place + 1 + signs < bytes.count, bytes[place + 1 + signs] == UInt8(ascii: "(")
      {
        place = interpolationEnd(bytes, from: place + 2 + signs)
      } else {
        place += bytes[place] == back && signs == 0 ? 2 : 1
      }
    }
    return min(bytes.count, place + end.count)
  }

  /// Behind the parenthesis that closes an interpolation.
  private static func interpolationEnd(_ bytes: [UInt8], from start: Int) -> Int {
    var (place, depth) = (start, 1)
    while place < bytes.count, depth > 0 {
      if bytes[place] == UInt8(ascii: "\""), let end = stringEnd(bytes, from: place) {
        place = end
        continue
      }
      if bytes[place] == UInt8(ascii: "(") { depth += 1 }
      if bytes[place] == UInt8(ascii: ")") { depth -= 1 }
      place += 1
    }
    return place
  }
}
