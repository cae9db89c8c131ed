import Benchmarks
import Synchronization

/// What tells the bytes that were read for a shard: written by the thread that prepares its images, asked for by the one that
/// computes them.
final class ReadBytes: Sendable {
  private let bytes: Mutex<ShardBytes>

  /// Of a shard of so many images, none of them read.
  init(imageCount: Int) { bytes = Mutex(ShardBytes(imageCount: imageCount)) }

  /// Notes the bytes of an image's file.
  func note(_ contents: [UInt8], of image: Int) {
    let digest = ShardBytes.digest(of: contents)
    bytes.withLock { $0.set(digest, at: image) }
  }

  /// The digest of all, hexadecimal.
  var sha256: String { bytes.withLock(\.sha256) }
}
