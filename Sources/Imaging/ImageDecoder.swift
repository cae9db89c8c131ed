import Foundation

/// Decodes JPEG and PNG files to what Pillow's `Image.open(...).convert("RGB")` gives.
public enum ImageDecoder {
  /// The largest file that is read, bytes.
  static let maximumFileBytes = 1 << 30

  /// Decodes a file; its first bytes decide the format, not its name.
  ///
  /// - Throws: `ImageError`.
  public static func decode(contentsOf path: String) throws(ImageError) -> RGBImage {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw .unreadable(path, reason: String(cString: strerror(errno)))
    }
    defer { try? handle.close() }
    let data: Data
    do {
      data = try handle.read(upToCount: maximumFileBytes) ?? Data()
    } catch {
      throw .unreadable(path, reason: "it is a folder, or its disk fails")
    }
    return try decode([UInt8](data), name: path)
  }

  /// Decodes the bytes of a file that errors call `name`.
  ///
  /// - Throws: `ImageError`.
  public static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    if bytes.isEmpty { throw .empty(name) }
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return try JPEGDecoder.decode(bytes, name: name) }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      return try PNGDecoder.decode(bytes, name: name)
    }
    throw .unknownFormat(name)
  }

  static func check(width: Int, height: Int, name: String) throws(ImageError) {
    guard width > 0, height > 0, width <= RGBImage.maximumPixels / height else {
      throw .tooLarge(name, width: width, height: height)
    }
  }
}
