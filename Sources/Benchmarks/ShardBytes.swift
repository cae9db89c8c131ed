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

  /// The digest of the files that now are the images at a cell.
  public static func sha256(
    of paths: some Sequence<String>, at cell: GridCell, of benchmark: BenchmarkDefinition
  ) throws -> String {
    let folder = benchmark.folder(of: cell)
    let files = paths.map { benchmark.file(of: $0, in: folder) }
    let found = try Concurrently.map(files) { file in (try? FileTree.contents(of: file)).map { digest(of: $0) } }
    var bytes = ShardBytes(imageCount: files.count)
    for (image, digest) in found.enumerated() { if let digest { bytes.set(digest, at: image) } }
    return bytes.sha256
  }
}
