/// A file that was planned and cannot be read here and now: it is missing, may not be read, or lies on storage that is away.
/// That says nothing of what is in it; a file whose bytes are no picture is an `ImageError`.
public struct UnreadableFile: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file's path.
  public let path: String
  /// The operating system's words, or what an archive lacks.
  public let reason: String

  /// A file with the reason.
  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  /// One sentence that names the file.
  public var description: String { "cannot read \(path): \(reason)" }
}
