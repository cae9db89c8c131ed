import Crypto
import Imaging
import Tensors

/// How a benchmark's corruptions are made on the fly, beyond what their definition says.
public struct CorruptionMaking: Sendable, Hashable, Codable {
  /// The quality at which corrupted pictures are saved as JPEG and read again, 1 to 100; nil: they are not.
  ///
  /// The published files are of quality 85.
  public let jpegQuality: Int?
  /// Where pictures of frost lie; nil: a texture is drawn.
  public let frost: FrostFolder?

  /// By default pictures are not saved in between, and frost is drawn.
  public init(jpegQuality: Int? = nil, frost: FrostFolder? = nil) {
    self.jpegQuality = jpegQuality
    self.frost = frost
  }

  /// The corrupted picture, saved and read again where that is asked for.
  ///
  /// - Parameter frostPictures: what ``FrostFolder/pictures()`` gives.
  /// - Throws: what `Corruption.apply` throws.
  public func apply(
    _ corruption: Corruption, to image: RGBImage, severity: Int, random: CounterRandom, frostPictures: [RGBImage]
  ) throws(ImageError) -> RGBImage {
    let made = try corruption.apply(image, severity: severity, random: random, frostPictures: frostPictures)
    guard let jpegQuality else { return made }
    return try ImageDecoder.decode(JPEGEncoder.encode(made, quality: jpegQuality), name: corruption.rawValue)
  }
}

/// A folder of pictures of frost.
public struct FrostFolder: Sendable, Hashable, Codable {
  /// The folder.
  public let path: String
  /// The most pictures that a folder may hold, and the most pixels in all: they are kept in memory.
  private static let limits = (pictures: 100, pixels: 200_000_000)
  /// SHA-256 over the names and bytes of its pictures in the order of their names, hexadecimal.
  public let digest: String

  /// The folder at a path, with the digest of what it holds now.
  ///
  /// - Throws: `ListingError` where it holds no picture, `ImageError` where one cannot be read.
  public init(path: String) throws {
    self.path = path
    digest = try Self.read(path).digest
  }

  /// The pictures, in the order of their names.
  ///
  /// - Throws: `ListingError.changedPictures` if they are not those of the digest, `ImageError` for one that cannot be
  ///   decoded.
  public func pictures() throws -> [RGBImage] {
    let (files, found) = try Self.read(path)
    guard found == digest else { throw ListingError.changedPictures(path) }
    var pixels = 0
    return try files.map { file in
      let picture = try ImageDecoder.decode(file.bytes, name: path + "/" + file.name)
      pixels += picture.width * picture.height
      guard pixels <= Self.limits.pixels else {
        throw ListingError.tooManyPictures(path, limit: "\(Self.limits.pixels) pixels")
      }
      return picture
    }
  }

  private static func read(_ path: String) throws -> (files: [(name: String, bytes: [UInt8])], digest: String) {
    let names = try FileTree.entries(of: path).filter { name in
      !name.hasPrefix(".") && ["png", "jpg", "jpeg"].contains { name.lowercased().hasSuffix("." + $0) }
    }
    guard !names.isEmpty else { throw ListingError.noPictures(path) }
    guard names.count <= limits.pictures else {
      throw ListingError.tooManyPictures(path, limit: "\(limits.pictures) pictures")
    }
    var hash = SHA256()
    let files = try names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { name in
      let bytes = try FileTree.contents(of: path + "/" + name)
      hash.update(data: Array("\(name)\t\(bytes.count)\n".utf8))
      hash.update(data: bytes)
      return (name, bytes)
    }
    return (files, hash.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
  }
}
