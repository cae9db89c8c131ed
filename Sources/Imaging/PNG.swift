import CPNG
import Foundation

/// Decodes PNG with libpng; alpha is dropped and gamma ignored, as Pillow does.
enum PNGDecoder {
  static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    var width: UInt32 = 0
    var height: UInt32 = 0
    try run(bytes, &width, &height, pixels: nil, name: name)
    try ImageDecoder.check(width: Int(width), height: Int(height), byteCount: bytes.count, name: name)
    var pixels = [UInt8](repeating: 0, count: Int(width) * Int(height) * 3)
    try run(bytes, &width, &height, pixels: &pixels, name: name)
    return RGBImage(width: Int(width), height: Int(height), pixels: pixels)
  }

  private static func run(
    _ bytes: [UInt8], _ width: inout UInt32, _ height: inout UInt32, pixels: UnsafeMutablePointer<UInt8>?,
    name: String
  ) throws(ImageError) {
    var source = gauntlet_png_source()
    switch gauntlet_png_decode(bytes, bytes.count, &width, &height, pixels, &source) {
    case 0: return
    case 2: throw .damaged(name, reason: "it is a 16-bit grey PNG, which has no standard 8-bit form")
    default:
      if source.exhausted != 0 { throw .truncated(name) }
      let message = text(source.message)
      throw .damaged(name, reason: message.isEmpty ? "libpng could not start" : message)
    }
  }
}

/// Encodes PNG with libpng: 8-bit RGB and nothing beside. The pixels are those that are decoded again; a file's bytes depend on
/// the version of zlib.
public enum PNGEncoder {
  /// The file of a picture.
  public static func encode(_ image: RGBImage) throws(ImageError) -> [UInt8] {
    guard (1...1_000_000).contains(image.width), (1...1_000_000).contains(image.height) else {
      throw .notEncodable(reason: "\(image.width)x\(image.height)")
    }
    var sink = gauntlet_png_sink()
    defer { free(sink.bytes) }
    guard gauntlet_png_encode(image.pixels, UInt32(image.width), UInt32(image.height), &sink) == 0 else {
      let message = text(sink.message)
      throw .notEncodable(reason: message.isEmpty ? "libpng could not start" : message)
    }
    return Array(UnsafeBufferPointer(start: sink.bytes, count: sink.count))
  }
}

/// What libpng said: a C array of characters that ends with a zero.
private func text(_ message: some Any) -> String {
  withUnsafeBytes(of: message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
