/// An 8-bit RGB picture.
public struct RGBImage: Sendable, Hashable {
  /// Columns.
  public let width: Int
  /// Rows.
  public let height: Int
  /// `[height][width][3]`, red first.
  public private(set) var pixels: [UInt8]

  /// Columns and rows.
  public var size: PictureSize { PictureSize(width: width, height: height) }

  /// A picture of the given pixels; missing ones are black, surplus ones are dropped.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    self.width = max(0, width)
    self.height = max(0, height)
    let count = self.width * self.height * 3
    self.pixels =
      pixels.count == count
      ? pixels : Array(pixels.prefix(count)) + Array(repeating: 0, count: max(0, count - pixels.count))
  }

  /// The picture of the levels that are nearest to values in [0, 1], `[height][width][3]`; what is beyond becomes 0 or 255, and
  /// so does what is no number, 0.
  public init(width: Int, height: Int, nearest values: [Float]) {
    self.init(
      width: width, height: height,
      pixels: values.map { $0 > 0 ? UInt8(min($0 * 255, 255).rounded()) : 0 })
  }

  /// The largest picture that is decoded, in pixels: Pillow's limit, above which it suspects a decompression bomb.
  public static let maximumPixels = 178_956_970

  /// The largest picture that may be of any number of bytes, in pixels.
  static let pixelsOfAnyFile = 1 << 24

  /// The most pixels a byte of a larger picture's file: more than deflate makes of one colour at one bit a pixel, 8,256.
  static let maximumPixelsPerByte = 10_000
}

/// Columns and rows of a picture.
public struct PictureSize: Sendable, Hashable, Codable, CustomStringConvertible {
  /// Columns.
  public let width: Int
  /// Rows.
  public let height: Int

  /// A size in pixels.
  public init(width: Int, height: Int) {
    (self.width, self.height) = (width, height)
  }

  /// As in `224x224`.
  public var description: String { "\(width)x\(height)" }
}

/// A picture that cannot be read, decoded or fitted.
public enum ImageError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read.
  case unreadable(String, reason: String)
  /// The file holds nothing.
  case empty(String)
  /// The first bytes are of no format that is decoded.
  case unknownFormat(String)
  /// The header promises more pixels than are decoded.
  case tooLarge(String, width: Int, height: Int)
  /// The header promises more pixels than a picture in so few bytes has.
  case tooDense(String, width: Int, height: Int, byteCount: Int)
  /// The file ends before the picture does.
  case truncated(String)
  /// The decoder refused the file.
  case damaged(String, reason: String)
  /// The picture cannot be encoded.
  case notEncodable(reason: String)
  /// The picture does not fit what it was to be made into.
  case wrongSize(width: Int, height: Int, expected: String)

  /// One sentence that names the file.
  public var description: String {
    switch self {
    case .unreadable(let name, let reason): "cannot read \(name): \(reason)"
    case .empty(let name): "\(name) is empty"
    case .unknownFormat(let name):
      "\(name) is not in a supported format: JPEG, PNG, WebP, TIFF, GIF, BMP, PBM, PGM or PPM"
    case .tooLarge(let name, let width, let height):
      "\(name) claims to be \(width)x\(height); at most \(RGBImage.maximumPixels) pixels are decoded"
    case .tooDense(let name, let width, let height, let byteCount):
      "\(name) claims to be \(width)x\(height), in a file of \(byteCount) bytes: it is blank or designed to exhaust memory, and is not decoded"
    case .truncated(let name): "\(name) is truncated: the file ends before the picture does"
    case .damaged(let name, let reason): "\(name) cannot be decoded: \(reason)"
    case .notEncodable(let reason): "the picture cannot be encoded: \(reason)"
    case .wrongSize(let width, let height, let expected): "the picture is \(width)x\(height), but \(expected)"
    }
  }
}
