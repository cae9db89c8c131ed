/// Decodes JPEG, PNG, WebP, TIFF, GIF, BMP and PNM files to what Pillow's `Image.open(...).convert("RGB")` gives.
public enum ImageDecoder {
  private static let jpegStart: [UInt8] = [0xFF, 0xD8, 0xFF]
  private static let pngStart: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Decodes the bytes of a file that errors call `name`; its first bytes decide the format, not its name.
  ///
  /// - Throws: `ImageError`.
  public static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    if bytes.isEmpty { throw .empty(name) }
    if bytes.starts(with: jpegStart) { return try JPEGDecoder.decode(bytes, name: name) }
    if bytes.starts(with: pngStart) { return try PNGDecoder.decode(bytes, name: name) }
    if WebPDecoder.accepts(bytes) { return try WebPDecoder.decode(bytes, name: name) }
    if TIFFDecoder.accepts(bytes) { return try TIFFDecoder.decode(bytes, name: name) }
    if GIFDecoder.accepts(bytes) { return try GIFDecoder.decode(bytes, name: name) }
    if BMPDecoder.accepts(bytes) { return try BMPDecoder.decode(bytes, name: name) }
    if PNMDecoder.accepts(bytes) { return try PNMDecoder.decode(bytes, name: name) }
    throw .unknownFormat(name)
  }

  /// Decodes at least what `place` says of a picture of some width and height; of a JPEG little else.
  ///
  /// A damaged file is an error wherever the damage is.
  package static func decode(
    _ bytes: [UInt8], name: String, place: (_ width: Int, _ height: Int) throws(ImageError) -> ImagePart.Place
  ) throws(ImageError) -> ImagePart {
    if bytes.starts(with: jpegStart) { return try JPEGDecoder.decode(bytes, name: name, place: place) }
    let part = ImagePart(try decode(bytes, name: name))
    _ = try place(part.width, part.height)
    return part
  }

  /// Whether a picture may be decoded, before memory is taken for it.
  ///
  /// - Parameter byteCount: of its file.
  static func check(width: Int, height: Int, byteCount: Int, name: String) throws(ImageError) {
    guard width > 0, height > 0, width <= RGBImage.maximumPixels / height else {
      throw .tooLarge(name, width: width, height: height)
    }
    guard width * height <= max(RGBImage.pixelsOfAnyFile, byteCount * RGBImage.maximumPixelsPerByte) else {
      throw .tooDense(name, width: width, height: height, byteCount: byteCount)
    }
  }
}
