/// Reads BMP as Pillow does: 1, 4, 8, 16, 24 and 32 bits a pixel, with and without run lengths; alpha is dropped.
struct BMPDecoder {
  /// Whether the bytes start as a file of this format.
  static func accepts(_ bytes: [UInt8]) -> Bool { bytes.starts(with: "BM".utf8) }

  static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    var decoder = BMPDecoder(bytes: bytes, name: name)
    try decoder.readHeader()
    try ImageDecoder.check(width: decoder.width, height: decoder.height, byteCount: bytes.count, name: name)
    return try decoder.picture()
  }

  private enum Compression: Int {
    case none, runsOf8, runsOf4, bitFields
  }

  private let bytes: [UInt8]
  private let name: String
  private var width = 0
  private var height = 0
  private var isTopDown = false
  private var bits = 0
  private var compression = Compression.none
  /// Of red, green and blue where the file states them.
  private var masks: [UInt32]?
  private var palette: [(UInt8, UInt8, UInt8)] = []
  private var pixelsStart = 0

  private init(bytes: [UInt8], name: String) {
    (self.bytes, self.name) = (bytes, name)
  }

  private func number(at place: Int, _ length: Int) throws(ImageError) -> Int {
    guard place >= 0, place <= bytes.count - length else { throw .truncated(name) }
    return (0..<length).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
  }

  private func unsupported(_ what: String) -> ImageError {
    .damaged(name, reason: "it is a BMP with \(what), which is not supported; save it as PNG")
  }
}

extension BMPDecoder {
  private mutating func readHeader() throws(ImageError) {
    pixelsStart = try number(at: 10, 4)
    let size = try number(at: 14, 4)
    let isOld = size == 12
    guard [12, 40, 52, 56, 64, 108, 124].contains(size) else { throw unsupported("a header of \(size) bytes") }
    width = try number(at: 18, isOld ? 2 : 4)
    height = try isOld ? number(at: 20, 2) : Int(Int32(truncatingIfNeeded: number(at: 22, 4)))
    (isTopDown, height) = (height < 0, abs(height))
    bits = try number(at: isOld ? 24 : 28, 2)
    let scheme = try isOld ? 0 : number(at: 30, 4)
    guard let compression = Compression(rawValue: scheme) else { throw unsupported("compression \(scheme)") }
    self.compression = compression
    var place = 14 + size
    if compression == .bitFields {
      // Three masks behind the first 40 bytes, which larger headers count as theirs.
      masks = try (0..<3).map { index throws(ImageError) in UInt32(try number(at: 54 + 4 * index, 4)) }
      if size == 40 { place += 12 }
    }
    guard [1, 4, 8, 16, 24, 32].contains(bits) else { throw unsupported("\(bits) bits per pixel") }
    guard compression != .bitFields || bits >= 16,
      compression != .runsOf8 || bits == 8, compression != .runsOf4 || bits == 4
    else { throw unsupported("\(bits) bits per pixel with compression \(scheme)") }
    if bits <= 8 { try readPalette(at: place, entry: isOld ? 3 : 4, stated: isOld ? 0 : number(at: 46, 4)) }
    if pixelsStart == 0 { pixelsStart = place }
  }

  private mutating func readPalette(at place: Int, entry: Int, stated: Int) throws(ImageError) {
    let count = stated == 0 ? 1 << bits : stated
    guard count <= 65_536 else { throw unsupported("a palette of \(count) colours") }
    palette = try (0..<min(count, 256)).map { index throws(ImageError) in
      let colour = try number(at: place + index * entry, 3)
      return (UInt8(colour >> 16), UInt8(colour >> 8 & 255), UInt8(colour & 255))
    }
    // Some writers leave the palette out of the offset.
    if pixelsStart == place || pixelsStart == 0 { pixelsStart = place + count * entry }
  }

  private func picture() throws(ImageError) -> RGBImage {
    var rows: [UInt8]
    switch compression {
    case .runsOf8, .runsOf4: rows = RGBPixels.looked(up: try runs(), in: palette)
    case .none where bits <= 8: rows = RGBPixels.looked(up: try indices(), in: palette)
    case .none, .bitFields: rows = try colours()
    }
    if !isTopDown { turn(&rows) }
    return RGBImage(width: width, height: height, pixels: rows)
  }

  /// Puts the last row first, without a second picture in memory.
  private func turn(_ rows: inout [UInt8]) {
    let bytes = width * 3
    for row in 0..<height / 2 {
      let (upper, lower) = (row * bytes..<(row + 1) * bytes, (height - 1 - row) * bytes..<(height - row) * bytes)
      let line = Array(rows[upper])
      rows.withUnsafeMutableBufferPointer { rows in
        rows[upper] = rows[lower]
        _ = rows[lower].update(fromContentsOf: line)
      }
    }
  }

  /// Where each row starts; rows are of whole words. The last one need not be whole.
  private func rowStarts() throws(ImageError) -> [Int] {
    let stride = (width * bits + 31) / 32 * 4
    guard pixelsStart <= bytes.count, (bytes.count - pixelsStart + stride - (width * bits + 7) / 8) / stride >= height
    else { throw .truncated(name) }
    return (0..<height).map { pixelsStart + $0 * stride }
  }

  private func indices() throws(ImageError) -> [UInt8] {
    let mask = UInt8((1 << bits) - 1)
    var indices: [UInt8] = []
    indices.reserveCapacity(width * height)
    for start in try rowStarts() {
      for column in 0..<width {
        let bit = column * bits
        indices.append(bytes[start + bit / 8] >> UInt8(8 - bits - bit % 8) & mask)
      }
    }
    return indices
  }

  private func colours() throws(ImageError) -> [UInt8] {
    let masks = try channelMasks()
    let length = bits / 8
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 3)
    for start in try rowStarts() {
      for column in 0..<width {
        let place = start + column * length
        let word = (0..<length).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
        for mask in masks {
          let largest = mask >> UInt32(mask.trailingZeroBitCount)
          pixels.append(UInt8((word & mask) >> UInt32(mask.trailingZeroBitCount) * 255 / largest))
        }
      }
    }
    return pixels
  }

  /// The bits of red, green and blue in a pixel's word.
  private func channelMasks() throws(ImageError) -> [UInt32] {
    let usual: [UInt32] = bits == 16 ? [0x7C00, 0x3E0, 0x1F] : [0xFF0000, 0xFF00, 0xFF]
    guard let masks, masks != [0, 0, 0] || bits != 32 else { return usual }
    let known: [[UInt32]] =
      switch bits {
      case 16: [usual, [0xF800, 0x7E0, 0x1F]]
      case 24: [usual]
      default: [usual, [0xFF00_0000, 0xFF0000, 0xFF00], [0xFF00_0000, 0xFF00, 0xFF], [0xFF, 0xFF00, 0xFF0000]]
      }
    guard known.contains(masks) else { throw unsupported("unusual bit fields") }
    return masks
  }

  /// The indices that run lengths stand for, rows one after another; what a file passes over is index 0.
  private func runs() throws(ImageError) -> [UInt8] {
    let total = width * height
    var indices: [UInt8] = []
    var place = pixelsStart
    var column = 0
    func next() -> UInt8? {
      guard place < bytes.count else { return nil }
      defer { place += 1 }
      return bytes[place]
    }
    while indices.count < total, let count = next(), let value = next() {
      if count > 0 {
        let length = max(0, min(Int(count), width - column))
        for index in 0..<length { indices.append(bits == 8 ? value : index % 2 == 0 ? value >> 4 : value & 15) }
        column += length
      } else if value == 0 {
        while indices.count % width != 0 { indices.append(0) }
        column = 0
      } else if value == 1 {
        break
      } else if value == 2 {
        guard let right = next(), let up = next() else { break }
        indices += [UInt8](repeating: 0, count: min(total - indices.count, Int(right) + Int(up) * width))
        column = indices.count % width
      } else {
        let length = min(total - indices.count, Int(value))
        for index in 0..<length {
          guard let byte = bits == 8 || index % 2 == 0 ? next() : bytes[place - 1] else { throw .truncated(name) }
          indices.append(bits == 8 ? byte : index % 2 == 0 ? byte >> 4 : byte & 15)
        }
        column += Int(value)
        if place % 2 != 0 { place += 1 }
      }
    }
    guard indices.count >= total else { throw .truncated(name) }
    return Array(indices.prefix(total))
  }
}
