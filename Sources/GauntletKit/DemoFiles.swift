import Durable
import Foundation

/// The miniature's manifests and networks, which lie beside the program where it was unpacked and above it where it was built.
public struct DemoFiles: Sendable {
  /// The manifest that the demo evaluates, below the folder.
  public static let manifest = "manifests/miniature.yaml"
  private static let names = [
    manifest, "manifests/study-miniature.yaml", "models/replknet-nano.safetensors", "models/resnet-nano.safetensors",
    "models/vit-nano.safetensors",
  ]

  /// The folder that holds manifests and models.
  public let root: String

  /// Looks near the program.
  ///
  /// - Parameter program: the program's own file, no link.
  /// - Throws: `Misuse` where no folder near the program holds all of them.
  public static func find(near program: String = OwnExecutable.path) throws -> DemoFiles {
    var above = URL(fileURLWithPath: program).deletingLastPathComponent()
    for _ in 0..<4 {
      for root in [above.appendingPathComponent("share/gauntlet").path, above.path] where isWhole(root) {
        return DemoFiles(root: root)
      }
      above.deleteLastPathComponent()
    }
    throw Misuse(
      "the miniature's manifests and models, which ship with the program, were not found near \(program); unpack "
        + "the whole archive, or run make run in a clone of the project")
  }

  private static func isWhole(_ root: String) -> Bool {
    names.allSatisfy { FileManager.default.fileExists(atPath: root + "/" + $0) }
  }

  /// Copies what is not there yet. Files of other contents are left as they are: whoever changed a manifest meant it.
  ///
  /// - Throws: `FileError` where the folder cannot be written.
  public func copy(to folder: String) throws {
    for name in Self.names {
      let (source, target) = (root + "/" + name, folder + "/" + name)
      guard !FileManager.default.fileExists(atPath: target) else { continue }
      try DurableFile.makeFolder(DurableFile.folder(of: target), mode: 0o755)
      try DurableFile.write(Data(contentsOf: URL(fileURLWithPath: source)), to: target, mode: 0o644)
    }
  }
}
