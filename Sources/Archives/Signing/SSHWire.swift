import Foundation

/// The encoding of SSH's messages (RFC 4251, section 5): numbers of 32 bits, big-endian, and strings of bytes after their
/// length.
struct SSHWire {
  private var rest: Data

  /// A reader of these bytes.
  init(_ bytes: Data) { rest = bytes }

  /// Nothing is left.
  var isAtEnd: Bool { rest.isEmpty }

  /// As many bytes as they are; nil where there are fewer.
  mutating func bytes(_ count: Int) -> Data? {
    guard count >= 0, rest.count >= count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return Data(rest.prefix(count))
  }

  mutating func number() -> UInt32? { bytes(4)?.reduce(0) { $0 << 8 | UInt32($1) } }

  mutating func string() -> Data? { number().flatMap { bytes(Int($0)) } }

  /// Whether the next bytes are these.
  mutating func takes(_ expected: Data) -> Bool { bytes(expected.count) == expected }

  static func number(_ value: UInt32) -> Data { withUnsafeBytes(of: value.bigEndian) { Data($0) } }

  static func string(_ bytes: Data) -> Data { number(UInt32(bytes.count)) + bytes }

  static func string(_ text: String) -> Data { string(Data(text.utf8)) }
}

/// Bytes between a first and a last line, as base64.
enum Armour {
  /// The bytes; nil where the text is none of this kind.
  static func open(_ text: String, _ kind: String) -> Data? {
    let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
    guard lines.count > 2, lines.first == "-----BEGIN \(kind)-----", lines.last == "-----END \(kind)-----" else {
      return nil
    }
    return Data(base64Encoded: lines.dropFirst().dropLast().joined())
  }

  static func close(_ bytes: Data, _ kind: String) -> String {
    var lines = ["-----BEGIN \(kind)-----"]
    var rest = bytes.base64EncodedString()[...]
    while !rest.isEmpty {
      lines.append(String(rest.prefix(70)))
      rest = rest.dropFirst(70)
    }
    return (lines + ["-----END \(kind)-----"]).joined(separator: "\n") + "\n"
  }
}
