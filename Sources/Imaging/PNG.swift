import CPNG

/// Decodes PNG with libpng; alpha is dropped and gamma ignored, as Pillow does.
enum PNGDecoder {
  static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    var width: UInt32 = 0
    var height: UInt32 = 0
    try run(bytes, &width, &height, nil, name)
    try ImageDecoder.check(width: Int(width), height: Int(height), byteCount: bytes.count, name: name)
    var pixels = [UInt8](repeating: 0, count: Int(width) * Int(height) * 3)
    try run(bytes, &width, &height, &pixels, name)
    return RGBImage(width: Int(width), height: Int(height), pixels: pixels)
  }

  private static func run(
    _ bytes: [UInt8], _ width: inout UInt32, _ height: inout UInt32, _ pixels: UnsafeMutablePointer<UInt8>?,
    _ name: String
  ) throws(ImageError) {
    var source = gauntlet_png_source()
    switch gauntlet_png_decode(bytes, bytes.count, &width, &height, pixels, &source) {
    case 0: return
    case 2: throw .damaged(name, reason: "it is a 16-bit grey PNG, which has no agreed 8-bit form")
    default:
      if source.exhausted != 0 { throw .truncated(name) }
      let message = withUnsafeBytes(of: source.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      throw .damaged(name, reason: message.isEmpty ? "libpng could not start" : message)
    }
  }
}
