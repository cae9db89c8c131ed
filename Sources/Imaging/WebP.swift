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
      try ImageDecoder.check(width: width, height: height, byteCount: bytes.count, name: name)
      // libwebp's decoder of animations keeps two canvases of four bytes a pixel; the first frame, which nothing is below, needs
      // none.
      var frame = WebPIterator()
      guard WebPDemuxGetFrame(demuxer, 1, &frame) != 0 else { throw failure(bytes, name) }
      defer { WebPDemuxReleaseIterator(&frame) }
      let (left, top) = (Int(frame.x_offset), Int(frame.y_offset))
      guard left >= 0, top >= 0, frame.width > 0, frame.height > 0, left + Int(frame.width) <= width,
        top + Int(frame.height) <= height
      else { throw failure(bytes, name) }
      let isWhole = Int(frame.width) == width && Int(frame.height) == height
      var isDecoded = false
      let pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { target, count in
        guard let start = target.baseAddress else { return }
        if !isWhole { target.update(repeating: 0) }
        let first = (top * width + left) * 3
        isDecoded =
          WebPDecodeRGBInto(
            frame.fragment.bytes, frame.fragment.size, start + first, target.count - first, Int32(width * 3)) != nil
        count = isDecoded ? width * height * 3 : 0
      }
      guard isDecoded else { throw failure(bytes, name) }
      return RGBImage(width: width, height: height, pixels: pixels)
    }
  }

  private static func failure(_ bytes: [UInt8], _ name: String) -> ImageError {
    // RIFF states the length of what follows its first eight bytes.
    let stated = bytes.dropFirst(4).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    return bytes.count < stated + 8 ? .truncated(name) : .damaged(name, reason: "libwebp finds no valid picture in it")
  }
}
