import Foundation

/// Where the files of this repository lie, found from this one.
public enum Repository {
  /// The repository's folder.
  public static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The checkpoint of one of the miniature's networks, such as `vit-nano`.
  public static func checkpoint(_ network: String) -> String { "\(path)/models/\(network).safetensors" }

  /// A photograph of 444x333 pixels, JPEG.
  public static let photograph = path + "/Tests/ImagingTests/Fixtures/444.jpg"

  /// A file's text; the name is relative to the repository.
  public static func text(_ name: String) throws -> String {
    try String(contentsOfFile: path + "/" + name, encoding: .utf8)
  }

  /// A program of the package that was built beside these tests.
  public static func program(_ name: String) -> String {
    URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent(name).path
  }
}
