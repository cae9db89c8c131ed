import Foundation
import Synchronization
import TestSupport
import Testing

/// Miniatures that tests share: each size is drawn once in a process of tests, and copied for who asks.
enum Drawings {
  private static let folder = ScratchFolder.freshPath()
  private static let drawn = Mutex<Set<Int>>([])

  /// Puts the miniature of so many images into a folder that does not exist yet.
  static func copy(images: Int, to target: String) throws {
    let source = folder + "/" + String(images)
    try drawn.withLock { drawn in
      guard !drawn.contains(images) else { return }
      let outcome = try CommandLineTool.run(["miniature", source, "--images", String(images)])
      try #require(outcome.status == 0, "\(outcome.errors)")
      drawn.insert(images)
    }
    try FileManager.default.copyItem(atPath: source, toPath: target)
  }
}
