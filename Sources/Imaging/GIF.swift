import CGIF

/// Decodes the first frame of a GIF with giflib, on its screen; transparent pixels have their index's colour, as Pillow
/// has it.
enum GIFDecoder {
  /// Whether the bytes start as a file of this format.
  static func accepts(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8)
  }

  static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    try bytes.withUnsafeBufferPointer { file throws(ImageError) in
      var reader = MemoryReader(file)
      return try withUnsafeMutablePointer(to: &reader) { reader throws(ImageError) in
        do throws(ImageError) {
          return try firstFrame(reader, name)
        } catch {
          if case .damaged = error, reader.pointee.isExhausted { throw .truncated(name) }
          throw error
        }
      }
    }
  }

  private static func firstFrame(
    _ reader: UnsafeMutablePointer<MemoryReader>, _ name: String
  ) throws(ImageError) -> RGBImage {
    var status: Int32 = 0
    let opened = DGifOpen(
      reader,
      { gif, target, count in
        guard let reader = gif?.pointee.UserData?.assumingMemoryBound(to: MemoryReader.self) else { return 0 }
        return Int32(reader.pointee.read(target, Int(count)))
      }, &status)
    guard let gif = opened else { throw failure(status, name) }
    defer { DGifCloseFile(gif, nil) }
    var transparent: UInt8?
    while true {
      var kind = UNDEFINED_RECORD_TYPE
      try check(DGifGetRecordType(gif, &kind), gif, name)
      switch kind {
      case IMAGE_DESC_RECORD_TYPE:
        try check(DGifGetImageDesc(gif), gif, name)
        return try frame(of: gif, background: transparent ?? 0, byteCount: reader.pointee.bytes.count, name)
      case EXTENSION_RECORD_TYPE: transparent = try transparentIndex(of: gif, name) ?? transparent
      default: throw .damaged(name, reason: "the GIF holds no picture")
      }
    }
  }

  /// Reads an extension; the index that a graphics control block names as transparent.
  private static func transparentIndex(
    of gif: UnsafeMutablePointer<GifFileType>, _ name: String
  ) throws(ImageError) -> UInt8? {
    var code: Int32 = 0
    var block: UnsafeMutablePointer<UInt8>?
    try check(DGifGetExtension(gif, &code, &block), gif, name)
    var index: UInt8?
    if code == GRAPHICS_EXT_FUNC_CODE, let block, block[0] >= 4, block[1] & 1 == 1 { index = block[4] }
    while block != nil { try check(DGifGetExtensionNext(gif, &block), gif, name) }
    return index
  }

  private static func frame(
    of gif: UnsafeMutablePointer<GifFileType>, background: UInt8, byteCount: Int, _ name: String
  ) throws(ImageError) -> RGBImage {
    let description = gif.pointee.Image
    let (left, top) = (Int(description.Left), Int(description.Top))
    let (columns, rows) = (Int(description.Width), Int(description.Height))
    guard left >= 0, top >= 0, columns > 0, rows > 0 else { throw .damaged(name, reason: "its frame has no pixels") }
    let (width, height) = (max(Int(gif.pointee.SWidth), left + columns), max(Int(gif.pointee.SHeight), top + rows))
    try ImageDecoder.check(width: width, height: height, byteCount: byteCount, name: name)
    var indices = [UInt8](repeating: background, count: width * height)
    var line = [UInt8](repeating: 0, count: columns)
    for row in description.Interlace ? interlaced(rows) : Array(0..<rows) {
      try check(DGifGetLine(gif, &line, Int32(columns)), gif, name)
      let start = (top + row) * width + left
      indices.replaceSubrange(start..<start + columns, with: line)
    }
    let map = description.ColorMap ?? gif.pointee.SColorMap
    guard let map, let colours = map.pointee.Colors else {
      return RGBImage(width: width, height: height, pixels: RGBPixels.grey(indices))
    }
    let palette = (0..<Int(map.pointee.ColorCount)).map { (colours[$0].Red, colours[$0].Green, colours[$0].Blue) }
    return RGBImage(width: width, height: height, pixels: RGBPixels.looked(up: indices, in: palette))
  }

  /// The rows in the order of the four passes.
  private static func interlaced(_ rows: Int) -> [Int] {
    [(0, 8), (4, 8), (2, 4), (1, 2)].flatMap { Array(stride(from: $0.0, to: rows, by: $0.1)) }
  }

  private static func check(
    _ status: Int32, _ gif: UnsafeMutablePointer<GifFileType>, _ name: String
  ) throws(ImageError) {
    guard status == GIF_OK else { throw failure(gif.pointee.Error, name) }
  }

  private static func failure(_ status: Int32, _ name: String) -> ImageError {
    .damaged(name, reason: GifErrorString(status).map { String(cString: $0) } ?? "giflib could not read it")
  }
}
