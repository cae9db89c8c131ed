/// Decodes JPEG and PNG files to what Pillow's `Image.open(...).convert("RGB")` gives.
public enum ImageDecoder {
  /// Decodes the bytes of a file that errors call `name`; its first bytes decide the format, not its name.
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
