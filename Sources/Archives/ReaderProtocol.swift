import CConfinement
import Foundation

/// What a process and the child that reads an HDF5 file for it say to each other over a socket.
///
/// A request is a header of four bytes, the length of what follows, then a code and its fields; that which opens a file has
/// the file's descriptor with it. The answer is a row of frames, each a kind and a length of four bytes: data, as many as
/// there are, and then an end or a refusal with its reason. All numbers are little-endian.
enum ReaderProtocol {
  enum Request: UInt8 {
    /// A file's bytes and the limits of reading it; its descriptor comes with the header.
    case open = 1
    /// An object's attributes that are text: names and values by turns.
    case attributes
    /// Whether there is an object: one byte.
    case exists
    /// A dataset's extents, eight bytes each.
    case extents
    /// All of a dataset: its kind, and its values.
    case column
    /// A box of a dataset: its numbers as they lie in memory.
    case box
  }

  enum Frame: UInt8 {
    case data = 1
    case end
    case refusal
  }

  /// The kinds of columns.
  enum Kind: UInt8 {
    case strings = 1
    case integers
    case doubles
  }

  /// A box's numbers.
  enum Element: UInt8 {
    case int8 = 1
    case float32

    var byteCount: Int { self == .int8 ? 1 : 4 }
  }

  /// The longest request: a name, and a box's place.
  static let longestRequest = 1 << 16
  /// Bytes of one frame.
  static let largestFrame = 1 << 20
  /// Bytes of a reason.
  static let longestReason = 400
  /// The most dimensions.
  static let mostDimensions = 16
}

/// Fields that follow each other.
struct FieldWriter {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ value: UInt8) { bytes.append(value) }
  mutating func add(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
  mutating func add(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
  mutating func add(_ text: String) {
    var text = text
    text.withUTF8 {
      add(UInt32($0.count))
      bytes.append(contentsOf: $0)
    }
  }
}

/// Reads fields; nil where they are not there.
struct FieldReader {
  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place == bytes.count }

  private mutating func number(_ count: Int) -> UInt64? {
    guard bytes.count - place >= count else { return nil }
    var value: UInt64 = 0
    for offset in 0..<count { value |= UInt64(bytes[place + offset]) << (8 * UInt64(offset)) }
    place += count
    return value
  }

  mutating func byte() -> UInt8? { number(1).map { UInt8($0) } }
  mutating func uint32() -> UInt32? { number(4).map { UInt32($0) } }
  mutating func uint64() -> UInt64? { number(8) }
  /// A number that is none of sizes beyond what a machine has.
  mutating func size() -> Int? { number(8).flatMap { Int(exactly: $0) } }

  /// Text; what is no UTF-8 is replaced.
  mutating func text() -> String? {
    guard let length = uint32(), bytes.count - place >= Int(length) else { return nil }
    defer { place += Int(length) }
    return String(decoding: bytes[place..<place + Int(length)], as: UTF8.self)
  }
}
