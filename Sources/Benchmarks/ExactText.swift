/// A file's name or path as a key: the same only where its UTF-8 bytes are the same.
///
/// Two Swift strings are equal where Unicode calls them equivalent, as an e with an accent in one code point or in two; a file
/// system keeps both as files of their own.
package struct ExactText: Hashable, Comparable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The text.
  package let text: String

  /// A key of a text.
  package init(_ text: String) { self.text = text }

  package init(stringLiteral value: String) { text = value }

  package var description: String { text }

  package static func == (one: ExactText, other: ExactText) -> Bool {
    one.text.utf8.elementsEqual(other.text.utf8)
  }

  package static func < (one: ExactText, other: ExactText) -> Bool {
    one.text.utf8.lexicographicallyPrecedes(other.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension String {
  private static let slash = UInt8(ascii: "/")

  /// The parts between slashes, empty ones left out. A slash counts also before a combining mark, which is one character with
  /// it to `split(separator:)`.
  var pathParts: [String] { utf8.split(separator: Self.slash).map { String(decoding: $0, as: UTF8.self) } }

  /// The first part of a path, and what follows its slash.
  var firstPathPart: (first: String, rest: String) {
    guard let end = utf8.firstIndex(of: Self.slash) else { return (self, "") }
    return (
      String(decoding: utf8[..<end], as: UTF8.self), String(decoding: utf8[utf8.index(after: end)...], as: UTF8.self)
    )
  }

  /// What follows the last dot, in lower case; nil where there is no dot but perhaps one at the start.
  var fileExtension: String? {
    guard let dot = utf8.lastIndex(of: UInt8(ascii: ".")), dot > startIndex else { return nil }
    return String(decoding: utf8[utf8.index(after: dot)...], as: UTF8.self).lowercased()
  }

  /// Whether it begins with exactly these bytes.
  func begins(with prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

  /// Whether it ends in exactly these bytes.
  func ends(with suffix: String) -> Bool { utf8.reversed().starts(with: suffix.utf8.reversed()) }
}
