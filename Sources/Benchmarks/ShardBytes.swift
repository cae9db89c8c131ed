import Crypto
import Foundation

/// What tells the bytes of a shard's files: the SHA-256 over the SHA-256 of each image's file in the shard's order, 32 zeros for
/// one that could not be read.
///
/// A worker makes it of the bytes that it decodes; `gauntlet verify --data` makes it again of those that lie there.
public struct ShardBytes: Sendable {
  /// The attribute that names the digest in parts and archives.
  public static let attribute = "images_sha256"

  private var digests: [UInt8]

  /// The bytes of a shard of `imageCount` images, none of them read.
  public init(imageCount: Int) { digests = Array(repeating: 0, count: 32 * max(0, imageCount)) }

  /// Notes the digest of an image's file.
  public mutating func set(_ digest: [UInt8], at image: Int) {
    guard digest.count == 32, image >= 0, 32 * image + 32 <= digests.count else { return }
    digests.replaceSubrange(32 * image..<32 * image + 32, with: digest)
  }

  /// The SHA-256 of a file's bytes.
  public static func digest(of bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

  /// The digest in hexadecimal.
  public var sha256: String { Hexadecimal.sha256(digests) }

  /// The digests of the files that now are the images at a cell; nil for one that cannot be read.
  public static func digests(
    of paths: some Sequence<String>, at cell: GridCell, of benchmark: BenchmarkDefinition
  ) throws -> [[UInt8]?] {
    let folder = benchmark.folder(of: cell)
    let files = paths.map { benchmark.file(of: $0, in: folder) }
    return try Concurrently.map(files) { file in (try? FileTree.contents(of: file)).map { digest(of: $0) } }
  }

  /// What tells these files' bytes to one who could not read some of them, `unread`.
  public init(_ digests: [[UInt8]?], unread: some Sequence<Int>) {
    self.init(imageCount: digests.count)
    let unread = Set(unread)
    for (image, digest) in digests.enumerated() where !unread.contains(image) {
      if let digest { set(digest, at: image) }
    }
  }
}
