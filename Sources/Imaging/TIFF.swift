import CTIFF
import Foundation

/// Decodes the first picture of a TIFF with libtiff, and turns it as its orientation says: as Pillow does with this format
/// alone.
enum TIFFDecoder {
  /// Whether the bytes start as a file of this format, BigTIFF included.
  static func accepts(_ bytes: [UInt8]) -> Bool {
    [[0x49, 0x49, 42, 0], [0x4D, 0x4D, 0, 42], [0x49, 0x49, 43, 0], [0x4D, 0x4D, 0, 43]].contains {
      bytes.starts(with: $0)
    }
  }

  static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    _ = isPrepared
    return try bytes.withUnsafeBufferPointer { file throws(ImageError) in
      var reader = MemoryReader(file)
      return try withUnsafeMutablePointer(to: &reader) { reader throws(ImageError) in
        guard let tiff = open(reader) else { throw failure(reader, name) }
        defer { TIFFClose(tiff) }
        let layout = try TIFFLayout(tiff, byteCount: file.count, name: name)
        guard let samples = TIFFSamples(tiff, layout) else { throw failure(reader, name) }
        return layout.turned(layout.picture(of: samples.values))
      }
    }
  }

  /// libtiff reports what is wrong to a function of the whole process, with the file that it is about.
  private static let isPrepared: Bool = {
    _ = TIFFSetWarningHandler(nil)
    _ = TIFFSetErrorHandler(nil)
    _ = TIFFSetErrorHandlerExt { handle, _, format, arguments in
      guard let reader = handle?.assumingMemoryBound(to: MemoryReader.self), let format,
        let arguments, reader.pointee.message.isEmpty
      else { return }
      var text = [CChar](repeating: 0, count: 160)
      vsnprintf(&text, text.count, format, arguments)
      reader.pointee.message = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    return true
  }()

  private static func open(_ reader: UnsafeMutablePointer<MemoryReader>) -> OpaquePointer? {
    // m: libtiff asks for the bytes, and is not given the memory that they lie in.
    TIFFClientOpen(
      "picture", "rm", reader,
      { handle, target, count in
        tmsize_t(handle?.assumingMemoryBound(to: MemoryReader.self).pointee.read(target, Int(count)) ?? 0)
      }, { _, _, _ in 0 },
      { handle, offset, whence in
        guard let reader = handle?.assumingMemoryBound(to: MemoryReader.self) else { return .max }
        let start = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? reader.pointee.position : reader.pointee.bytes.count
        let place = start.addingReportingOverflow(Int(truncatingIfNeeded: offset))
        guard !place.overflow, place.partialValue >= 0 else { return .max }
        reader.pointee.position = place.partialValue
        return toff_t(place.partialValue)
      }, { _ in 0 },
      { handle in toff_t(handle?.assumingMemoryBound(to: MemoryReader.self).pointee.bytes.count ?? 0) },
      { _, _, _ in 0 }, { _, _, _ in })
  }

  private static func failure(_ reader: UnsafeMutablePointer<MemoryReader>, _ name: String) -> ImageError {
    let message = reader.pointee.message
    return reader.pointee.isExhausted
      ? .truncated(name) : .damaged(name, reason: message.isEmpty ? "libtiff cannot read it" : message)
  }
}

/// What a TIFF's fields say of its pixels, as far as they are read.
struct TIFFLayout {
  enum Colours {
    case grey(isInverted: Bool)
    case palette([(UInt8, UInt8, UInt8)])
    case rgb(isPremultiplied: Bool)
    case cmyk
  }

  let width: Int
  let height: Int
  let bits: Int
  let samples: Int
  let isPlanar: Bool
  let colours: Colours
  let orientation: Int
  private let name: String

  /// Samples of a pixel that make its colour.
  var channels: Int {
    switch colours {
    case .grey, .palette: 1
    case .rgb(let isPremultiplied): isPremultiplied ? 4 : 3
    case .cmyk: 4
    }
  }

  /// - Throws: `ImageError` for a layout that is not read, and one that is too large.
  init(_ tiff: OpaquePointer, byteCount: Int, name: String) throws(ImageError) {
    self.name = name
    (width, height) = (Int(tiff.long(TIFFTAG_IMAGEWIDTH) ?? 0), Int(tiff.long(TIFFTAG_IMAGELENGTH) ?? 0))
    try ImageDecoder.check(width: width, height: height, byteCount: byteCount, name: name)
    if TIFFIsTiled(tiff) != 0 { try Self.checkTiles(tiff, width, height, byteCount: byteCount, name: name) }
    bits = Int(tiff.short(TIFFTAG_BITSPERSAMPLE) ?? 1)
    samples = Int(tiff.short(TIFFTAG_SAMPLESPERPIXEL) ?? 1)
    isPlanar = tiff.short(TIFFTAG_PLANARCONFIG) == UInt16(PLANARCONFIG_SEPARATE)
    orientation = Int(tiff.short(TIFFTAG_ORIENTATION) ?? 1)
    let photometric = Int32(tiff.short(TIFFTAG_PHOTOMETRIC) ?? UInt16(PHOTOMETRIC_MINISWHITE))
    let format = tiff.short(TIFFTAG_SAMPLEFORMAT) ?? UInt16(SAMPLEFORMAT_UINT)
    let compression = Int32(tiff.short(TIFFTAG_COMPRESSION) ?? UInt16(COMPRESSION_NONE))
    let isJPEG = compression == COMPRESSION_JPEG
    // libtiff turns YCbCr of JPEG into RGB.
    if isJPEG, photometric == PHOTOMETRIC_YCBCR { tiff.set(TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB) }
    let isPremultiplied = tiff.firstExtraSample == UInt16(EXTRASAMPLE_ASSOCALPHA)
    let isSmall = [1, 2, 4].contains(bits) && samples == 1
    let isGrey = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE
    let found: Colours? =
      switch photometric {
      case _ where format != UInt16(SAMPLEFORMAT_UINT) || samples > 6: nil
      case _ where isGrey && (isSmall || (bits == 8 && samples <= 2 && !isPremultiplied)):
        .grey(isInverted: photometric == PHOTOMETRIC_MINISWHITE)
      case PHOTOMETRIC_PALETTE where isSmall || (bits == 8 && samples <= 2):
        tiff.palette(count: 1 << bits).map { .palette($0) }
      case PHOTOMETRIC_RGB where samples >= 3 && (bits == 8 || bits == 16):
        .rgb(isPremultiplied: isPremultiplied && samples >= 4)
      case PHOTOMETRIC_YCBCR where isJPEG && samples == 3 && bits == 8: .rgb(isPremultiplied: false)
      case PHOTOMETRIC_SEPARATED where samples >= 4 && (bits == 8 || bits == 16): .cmyk
      default: nil
      }
    guard let found else {
      throw .damaged(
        name,
        reason:
          "it is a TIFF of \(samples) samples of \(bits) bits\(format == UInt16(SAMPLEFORMAT_UINT) ? "" : " that are not integers"), "
          + "photometric interpretation \(photometric), which is not supported; save it as PNG with 8 bits per sample")
    }
    colours = found
  }

  /// The largest tile of any picture, in pixels; others are no larger than four times the picture.
  private static let pixelsOfAnyTile = 1 << 22

  /// Whether the tiles, which may reach beyond the picture, are not much larger than it.
  private static func checkTiles(
    _ tiff: OpaquePointer, _ width: Int, _ height: Int, byteCount: Int, name: String
  ) throws(ImageError) {
    let (columns, rows) = (Int(tiff.long(TIFFTAG_TILEWIDTH) ?? 0), Int(tiff.long(TIFFTAG_TILELENGTH) ?? 0))
    guard columns > 0, rows > 0, columns <= RGBImage.maximumPixels / rows,
      columns * rows <= max(pixelsOfAnyTile, 4 * width * height)
    else {
      throw .damaged(name, reason: "it is a TIFF of \(width)x\(height) in tiles of \(columns)x\(rows); save it as PNG")
    }
    try ImageDecoder.check(
      width: (width + columns - 1) / columns * columns, height: (height + rows - 1) / rows * rows,
      byteCount: byteCount, name: name)
  }

  /// Channels of 8 bits as RGB, as Pillow makes it.
  func picture(of values: [UInt8]) -> RGBImage {
    let pixels: [UInt8] =
      switch colours {
      case .grey(let isInverted):
        RGBPixels.grey(
          values.map {
            let value = bits < 8 ? $0 * UInt8(255 / ((1 << bits) - 1)) : $0
            return isInverted ? 255 - value : value
          })
      case .palette(let palette): RGBPixels.looked(up: values, in: palette)
      case .rgb(isPremultiplied: false): values
      case .rgb(isPremultiplied: true): RGBPixels.fromPremultiplied(values)
      case .cmyk: RGBPixels.fromCMYK(values, isInverted: false)
      }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  /// The picture with its first row on top and its first column at the left.
  func turned(_ image: RGBImage) -> RGBImage {
    guard (2...8).contains(orientation) else { return image }
    let isTransposed = orientation >= 5
    let (columns, rows) = isTransposed ? (height, width) : (width, height)
    // Whether rows and columns of the file run the other way.
    let isRowFlipped = [3, 4, 7, 8].contains(orientation)
    let isColumnFlipped = [2, 3, 6, 7].contains(orientation)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(image.pixels.count)
    for row in 0..<rows {
      for column in 0..<columns {
        let r = isRowFlipped ? rows - 1 - row : row
        let c = isColumnFlipped ? columns - 1 - column : column
        let place = (isTransposed ? c * width + r : r * width + c) * 3
        pixels += image.pixels[place..<place + 3]
      }
    }
    return RGBImage(width: columns, height: rows, pixels: pixels)
  }
}

/// The channels of a TIFF's pixels, of samples of 16 bits the higher byte, rows one after another.
private struct TIFFSamples {
  /// Bytes of a row or tile at most: what a picture of the largest size may need.
  private static let largestBlock = 1 << 29

  private(set) var values: [UInt8]
  private let layout: TIFFLayout

  /// nil where libtiff cannot read them all.
  init?(_ tiff: OpaquePointer, _ layout: TIFFLayout) {
    self.layout = layout
    values = Array(repeating: 0, count: layout.width * layout.height * layout.channels)
    guard TIFFIsTiled(tiff) != 0 ? readTiles(tiff) : readRows(tiff) else { return nil }
  }

  private var planes: Range<Int> { 0..<(layout.isPlanar ? layout.channels : 1) }

  private mutating func readRows(_ tiff: OpaquePointer) -> Bool {
    let size = Int(TIFFScanlineSize(tiff))
    guard size >= rowBytes(layout.width), size <= Self.largestBlock else { return false }
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    defer { block.deallocate() }
    for plane in planes {
      for row in 0..<layout.height {
        guard TIFFReadScanline(tiff, block.baseAddress, UInt32(row), UInt16(plane)) == 1 else { return false }
        take(block[...], row: row, columns: 0..<layout.width, plane: plane)
      }
    }
    return true
  }

  private mutating func readTiles(_ tiff: OpaquePointer) -> Bool {
    let (width, height) = (Int(tiff.long(TIFFTAG_TILEWIDTH) ?? 0), Int(tiff.long(TIFFTAG_TILELENGTH) ?? 0))
    let size = Int(TIFFTileSize(tiff))
    guard width > 0, height > 0, width <= Self.largestBlock, height <= Self.largestBlock, size <= Self.largestBlock,
      rowBytes(width) <= Self.largestBlock / height, size >= rowBytes(width) * height
    else { return false }
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    defer { block.deallocate() }
    for plane in planes {
      for top in stride(from: 0, to: layout.height, by: height) {
        for left in stride(from: 0, to: layout.width, by: width) {
          guard TIFFReadTile(tiff, block.baseAddress, UInt32(left), UInt32(top), 0, UInt16(plane)) >= 0 else {
            return false
          }
          for row in top..<min(top + height, layout.height) {
            let start = (row - top) * rowBytes(width)
            take(block[start...], row: row, columns: left..<min(left + width, layout.width), plane: plane)
          }
        }
      }
    }
    return true
  }

  /// Bytes of a row of so many pixels.
  private func rowBytes(_ columns: Int) -> Int {
    (columns * layout.bits * (layout.isPlanar ? 1 : layout.samples) + 7) / 8
  }

  private mutating func take(_ bytes: Slice<UnsafeMutableRawBufferPointer>, row: Int, columns: Range<Int>, plane: Int) {
    let bytes = UnsafeRawBufferPointer(rebasing: bytes)
    let channels = layout.channels
    let wanted = layout.isPlanar ? plane..<plane + 1 : 0..<channels
    for column in columns {
      let pixel = column - columns.lowerBound
      for channel in wanted {
        let sample = layout.isPlanar ? pixel : pixel * layout.samples + channel
        values[(row * layout.width + column) * channels + channel] = value(of: sample, in: bytes)
      }
    }
  }

  private func value(of sample: Int, in bytes: UnsafeRawBufferPointer) -> UInt8 {
    switch layout.bits {
    case 8: return bytes[sample]
    // libtiff gives words as this machine has them.
    case 16: return UInt8(bytes.loadUnaligned(fromByteOffset: 2 * sample, as: UInt16.self) >> 8)
    default:
      let bit = sample * layout.bits
      return bytes[bit / 8] >> UInt8(8 - layout.bits - bit % 8) & UInt8((1 << layout.bits) - 1)
    }
  }
}

/// A TIFF's fields. libtiff's functions take any number of arguments, which Swift passes as a list.
extension OpaquePointer {
  fileprivate func short(_ tag: Int32) -> UInt16? {
    var value: UInt16 = 0
    return withUnsafeMutablePointer(to: &value) { read(tag, [$0]) } ? value : nil
  }

  fileprivate func long(_ tag: Int32) -> UInt32? {
    var value: UInt32 = 0
    return withUnsafeMutablePointer(to: &value) { read(tag, [$0]) } ? value : nil
  }

  /// What the first sample beyond a pixel's colour is.
  fileprivate var firstExtraSample: UInt16? {
    var count: UInt16 = 0
    var kinds: UnsafeMutablePointer<UInt16>?
    let isThere = withUnsafeMutablePointer(to: &count) { count in
      withUnsafeMutablePointer(to: &kinds) { read(TIFFTAG_EXTRASAMPLES, [count, $0]) }
    }
    return isThere && count > 0 ? kinds?[0] : nil
  }

  /// The colours of indices, the higher bytes of their 16 bits.
  fileprivate func palette(count: Int) -> [(UInt8, UInt8, UInt8)]? {
    var reds: UnsafeMutablePointer<UInt16>?
    var greens: UnsafeMutablePointer<UInt16>?
    var blues: UnsafeMutablePointer<UInt16>?
    let isThere = withUnsafeMutablePointer(to: &reds) { red in
      withUnsafeMutablePointer(to: &greens) { green in
        withUnsafeMutablePointer(to: &blues) { read(TIFFTAG_COLORMAP, [red, green, $0]) }
      }
    }
    guard isThere, let reds, let greens, let blues else { return nil }
    return (0..<count).map { (UInt8(reds[$0] >> 8), UInt8(greens[$0] >> 8), UInt8(blues[$0] >> 8)) }
  }

  fileprivate func set(_ tag: Int32, _ value: Int32) {
    _ = withVaList([value]) { TIFFVSetField(self, UInt32(tag), $0) }
  }

  private func read(_ tag: Int32, _ targets: [any CVarArg]) -> Bool {
    withVaList(targets) { TIFFVGetField(self, UInt32(tag), $0) } == 1
  }
}
