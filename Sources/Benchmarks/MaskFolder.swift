import Crypto
import Imaging

/// A folder of masks: a grey picture for each image, at the image's own path but with the extension `.png`.
public struct MaskFolder: Sendable, Hashable, Codable {
  /// The folder.
  public let path: String
  /// SHA-256 over the paths and bytes of its masks in the order of their paths, hexadecimal.
  public let digest: String

  /// The folder at a path, with the digest of what it holds now.
  ///
  /// - Throws: `ListingError` where it holds no mask, `UnreadableFile` where one cannot be read.
  public init(path: String) throws {
    self.path = path
    digest = try Self.digest(of: path)
  }

  /// - Throws: `ListingError.changedPictures` if the masks are not those of the digest.
  public func checkUnchanged() throws {
    guard try Self.digest(of: path) == digest else { throw ListingError.changedPictures(path) }
  }

  /// The file of an image's mask.
  ///
  /// - Parameter image: the image's path as it is listed.
  public func file(of image: String) -> String {
    let stem = image.fileExtension.map { String(decoding: image.utf8.dropLast($0.utf8.count + 1), as: UTF8.self) }
    return "\(path)/\(stem ?? image).png"
  }

  /// The mask of a picture as it covers what the network takes. One of the picture's size is resized and cropped as the picture is;
  /// others are taken as they are.
  ///
  /// - Parameters:
  ///   - picture: the size of the picture in its file.
  ///   - bytes: the mask's file.
  /// - Throws: `ImageError` for a mask that cannot be decoded.
  public static func fitted(
    _ bytes: [UInt8], name: String, to picture: PictureSize, _ preprocessing: Preprocessing
  ) throws(ImageError) -> RGBImage {
    let mask = try ImageDecoder.decode(bytes, name: name)
    return mask.size == picture ? try preprocessing.geometry(mask) : mask
  }

  private static func digest(of folder: String) throws -> String {
    let masks = try ImageWalk(of: folder, isVideo: false).images.filter { $0.fileExtension == "png" }
    guard !masks.isEmpty else { throw ListingError.noMasks(folder, example: nil) }
    var hash = SHA256()
    for mask in masks.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      let bytes = try FileTree.contents(of: folder + "/" + mask)
      hash.update(data: Array("\(mask)\t\(bytes.count)\n".utf8))
      hash.update(data: bytes)
    }
    return hash.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}
