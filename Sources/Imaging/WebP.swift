import CWebP

/// Decodes WebP with libwebp: of an animation the first frame; alpha is dropped, as Pillow does.
enum WebPDecoder {
  /// Whether the bytes start as a file of this format.
  static func accepts(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: "RIFF".utf8) && bytes.dropFirst(8).starts(with: "WEBP".utf8)
  }

  static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    try bytes.withUnsafeBufferPointer { file throws(ImageError) in
      var data = WebPData(bytes: file.baseAddress, size: file.count)
      guard let demuxer = WebPDemux(&data) else { throw failure(bytes, name) }
      defer { WebPDemuxDelete(demuxer) }
      let width = Int(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH))
      let height = Int(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT))
      try ImageDecoder.check(width: width, height: height, name: name)

      var options = WebPAnimDecoderOptions()
      guard WebPAnimDecoderOptionsInit(&options) != 0 else { throw .damaged(name, reason: "libwebp could not start") }
      options.color_mode = MODE_RGBA
      options.use_threads = 0
      guard let decoder = WebPAnimDecoderNew(&data, &options) else { throw failure(bytes, name) }
      defer { WebPAnimDecoderDelete(decoder) }
      var canvas: UnsafeMutablePointer<UInt8>?
      var time: Int32 = 0
      guard WebPAnimDecoderGetNext(decoder, &canvas, &time) != 0, let canvas else { throw failure(bytes, name) }
      return RGBImage(
        width: width, height: height,
        pixels: RGBPixels.dropping(UnsafeBufferPointer(start: canvas, count: width * height * 4)))
    }
  }

  private static func failure(_ bytes: [UInt8], _ name: String) -> ImageError {
    // RIFF states the length of what follows its first eight bytes.
    let stated = bytes.dropFirst(4).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    return bytes.count < stated + 8 ? .truncated(name) : .damaged(name, reason: "libwebp finds no valid picture in it")
  }
}
