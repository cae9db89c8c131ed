import CJPEG

/// Decodes JPEG with libjpeg-turbo as libjpeg's defaults have it: accurate integer DCT, smooth chroma upsampling.
enum JPEGDecoder {
  /// Decodes the whole picture.
  static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    try decode(bytes, name: name) { ImagePart.Place(columns: 0..<$0, rows: 0..<$1) }.image
  }

  /// Decodes at least what `place` says of a picture of some width and height, and little else.
  ///
  /// What is wrong with the file is found wherever it is, as if all of it were decoded.
  static func decode(
    _ bytes: [UInt8], name: String, place: (_ width: Int, _ height: Int) throws(ImageError) -> ImagePart.Place
  ) throws(ImageError) -> ImagePart {
    var report = gauntlet_jpeg_report()
    // The decoder points into the file's bytes until it is closed.
    return try bytes.withUnsafeBufferPointer { file throws(ImageError) in
      guard let start = file.baseAddress, let jpeg = gauntlet_jpeg_open(start, file.count, &report) else {
        throw failure(report, bytes, name)
      }
      defer { gauntlet_jpeg_close(jpeg) }
      let (width, height) = (Int(gauntlet_jpeg_width(jpeg)), Int(gauntlet_jpeg_height(jpeg)))
      try ImageDecoder.check(width: width, height: height, byteCount: bytes.count, name: name)
      let place = try place(width, height)
      precondition(
        place.columns.lowerBound >= 0 && place.columns.upperBound <= width && place.rows.lowerBound >= 0
          && place.rows.upperBound <= height && !place.rows.isEmpty && !place.columns.isEmpty,
        "the part is not in the picture")
      var left: Int32 = 0
      let columns = Int(
        gauntlet_jpeg_start(jpeg, Int32(place.columns.lowerBound), Int32(place.columns.count), &left, &report))
      guard columns > 0 else { throw failure(report, bytes, name) }
      let (rows, channels) = (place.rows.count, Int(gauntlet_jpeg_channels(jpeg)))
      var isDecoded = false
      let decoded = [UInt8](unsafeUninitializedCapacity: columns * rows * channels) { target, count in
        guard let pixels = target.baseAddress else { return }
        isDecoded =
          gauntlet_jpeg_decode(jpeg, Int32(place.rows.lowerBound), Int32(rows), pixels, columns * channels, &report)
          == 1
        count = isDecoded ? columns * rows * channels : 0
      }
      // Pillow tolerates what libjpeg only warns of, but not a file that ends before its picture.
      guard isDecoded, report.warnings == 0 || (report.ended_early == 0 && !lacksEnd(bytes)) else {
        throw failure(report, bytes, name)
      }
      return ImagePart(
        image: RGBImage(
          width: columns, height: rows, pixels: channels == 4 ? RGBPixels.fromCMYK(decoded, isInverted: true) : decoded),
        left: Int(left), top: place.rows.lowerBound, width: width, height: height)
    }
  }

  private static func failure(_ report: gauntlet_jpeg_report, _ bytes: [UInt8], _ name: String) -> ImageError {
    report.ended_early != 0 || lacksEnd(bytes) ? .truncated(name) : .damaged(name, reason: text(report))
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
    var report = gauntlet_jpeg_report()
    let (width, height) = (Int32(image.width), Int32(image.height))
    let bound = gauntlet_jpeg_bound(width, height)
    let bytes = [UInt8](unsafeUninitializedCapacity: bound) { target, count in
      guard let file = target.baseAddress else { return }
      count = gauntlet_jpeg_encode(
        image.pixels, width, height, Int32(quality), subsampling == .halved ? 1 : 0, file, bound, &report)
    }
    guard !bytes.isEmpty else { throw .notEncodable(reason: text(report)) }
    return bytes
  }
}

/// What libjpeg said.
private func text(_ report: gauntlet_jpeg_report) -> String {
  withUnsafeBytes(of: report.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
