import CTurboJPEG

/// Decodes JPEG with libjpeg-turbo as libjpeg's defaults have it: accurate integer DCT, smooth chroma upsampling.
enum JPEGDecoder {
  static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    guard let handle = tjInitDecompress() else { throw .damaged(name, reason: "no decoder could be made") }
    defer { tjDestroy(handle) }
    var width: Int32 = 0
    var height: Int32 = 0
    var subsampling: Int32 = 0
    var colorspace: Int32 = 0
    guard
      tjDecompressHeader3(handle, bytes, UInt(bytes.count), &width, &height, &subsampling, &colorspace) == 0
        || (width > 0 && height > 0 && tjGetErrorCode(handle) == TJERR_WARNING.rawValue)
    else { throw failure(handle, bytes, name) }
    try ImageDecoder.check(width: Int(width), height: Int(height), name: name)
    let isCMYK = colorspace == Int32(TJCS_CMYK.rawValue) || colorspace == Int32(TJCS_YCCK.rawValue)
    let pixels = Int(width) * Int(height)
    var decoded = [UInt8](repeating: 0, count: pixels * (isCMYK ? 4 : 3))
    let status = tjDecompress2(
      handle, bytes, UInt(bytes.count), &decoded, width, 0, height, Int32((isCMYK ? TJPF_CMYK : TJPF_RGB).rawValue),
      TJFLAG_ACCURATEDCT)
    // Pillow tolerates what libjpeg only warns of, but not a file that ends before its picture.
    if status != 0 {
      let isWarning = tjGetErrorCode(handle) == TJERR_WARNING.rawValue
      if !isWarning || message(handle).contains("Premature end of JPEG file") || lacksEnd(bytes) {
        throw failure(handle, bytes, name)
      }
    }
    return RGBImage(
      width: Int(width), height: Int(height), pixels: isCMYK ? rgb(fromInvertedCMYK: decoded) : decoded)
  }

  private static func message(_ handle: tjhandle) -> String { String(cString: tjGetErrorStr2(handle)) }

  private static func failure(_ handle: tjhandle, _ bytes: [UInt8], _ name: String) -> ImageError {
    let text = message(handle)
    return text.contains("Premature end") || lacksEnd(bytes) ? .truncated(name) : .damaged(name, reason: text)
  }

  /// Whether no end-of-image marker stands after the last start of a scan.
  private static func lacksEnd(_ bytes: [UInt8]) -> Bool {
    var index = bytes.count - 2
    while index >= 0 {
      if bytes[index] == 0xFF {
        if bytes[index + 1] == 0xD9 { return false }
        if bytes[index + 1] == 0xDA { return true }
      }
      index -= 1
    }
    return true
  }

  /// CMYK as Adobe stores it (inverted) to RGB, with Pillow's rounding: (255 - k) - (c (255 - k) / 255).
  private static func rgb(fromInvertedCMYK pixels: [UInt8]) -> [UInt8] {
    var rgb = [UInt8](repeating: 0, count: pixels.count / 4 * 3)
    for pixel in 0..<pixels.count / 4 {
      let white = Int(pixels[pixel * 4 + 3])
      for channel in 0..<3 {
        let product = (255 - Int(pixels[pixel * 4 + channel])) * white + 128
        rgb[pixel * 3 + channel] = UInt8(max(0, white - ((product >> 8) + product) >> 8))
      }
    }
    return rgb
  }
}

/// Encodes JPEG with libjpeg-turbo, whose bits are the same with and without its SIMD code.
public enum JPEGEncoder {
  /// How chroma is stored.
  public enum Subsampling: Sendable {
    /// At half the resolution both ways: the usual.
    case halved
    /// At full resolution.
    case full
  }

  /// The file of a picture.
  ///
  /// - Parameter quality: 1...100, as libjpeg counts.
  public static func encode(
    _ image: RGBImage, quality: Int, subsampling: Subsampling = .halved
  ) throws(ImageError) -> [UInt8] {
    guard (1...65_500).contains(image.width), (1...65_500).contains(image.height), (1...100).contains(quality) else {
      throw .notEncodable(reason: "\(image.width)x\(image.height) at quality \(quality)")
    }
    guard let handle = tjInitCompress() else { throw .notEncodable(reason: "no encoder could be made") }
    defer { tjDestroy(handle) }
    var buffer: UnsafeMutablePointer<UInt8>?
    var size: UInt = 0
    defer { tjFree(buffer) }
    let status = tjCompress2(
      handle, image.pixels, Int32(image.width), 0, Int32(image.height), TJPF_RGB.rawValue, &buffer, &size,
      Int32((subsampling == .halved ? TJSAMP_420 : TJSAMP_444).rawValue), Int32(quality), TJFLAG_ACCURATEDCT)
    guard status == 0, let buffer else { throw .notEncodable(reason: String(cString: tjGetErrorStr2(handle))) }
    return Array(UnsafeBufferPointer(start: buffer, count: Int(size)))
  }
}
