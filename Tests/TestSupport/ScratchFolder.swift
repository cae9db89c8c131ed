import Foundation
import Synchronization

/// A new folder of one test, removed with this object. What is made by `fresh` goes when the process of tests ends.
public final class ScratchFolder {
  /// Where it lies. Short, because the path of a Unix socket has at most 107 bytes.
  public let path: String

  /// Makes it, empty.
  public init() throws {
    path = Self.freshPath()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, and the folders above it.
  ///
  /// - Returns: its path.
  @discardableResult
  public func write(_ data: Data, to name: String) throws -> String {
    let file = URL(fileURLWithPath: path + "/" + name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: file)
    return file.path
  }

  /// Writes a file of text, and the folders above it.
  ///
  /// - Returns: its path.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> String { try write(Data(text.utf8), to: name) }

  /// Gives a body a new folder, which goes with its end.
  public static func with<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = try ScratchFolder()
    defer { withExtendedLifetime(folder) {} }
    return try body(folder.path)
  }

  // MARK: - Until the process ends

  private static let count = Mutex(0)

  /// The folder of all that this process makes.
  private static let parent: String = {
    let place = NSTemporaryDirectory()
    let template = (place.utf8.count > 50 ? "/tmp/" : place) + "gauntlet-tests-XXXXXX"
    var bytes = Array(template.utf8CString)
    guard mkdtemp(&bytes) != nil else { preconditionFailure("no folder can be made at \(template)") }
    atexit { try? FileManager.default.removeItem(atPath: ScratchFolder.parent) }
    return String(decoding: bytes.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }()

  /// A path at which nothing is yet.
  public static func freshPath() -> String {
    let number = count.withLock { number in
      number += 1
      return number
    }
    return "\(parent)/\(number)"
  }

  /// The path of a new folder.
  public static func fresh() throws -> String {
    let path = freshPath()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
}
