/// Reads PBM, PGM and PPM, plain and raw, as Pillow does.
struct PNMDecoder {
  /// Whether the bytes start as a file of this format.
  static func accepts(_ bytes: [UInt8]) -> Bool {
    bytes.count > 2 && bytes[0] == UInt8(ascii: "P") && (0x31...0x36).contains(bytes[1]) && isSpace(bytes[2])
  }

  static func decode(_ bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    var decoder = PNMDecoder(bytes: bytes, name: name)
    return try decoder.picture()
  }

  private let bytes: [UInt8]
  private let name: String
  private var place = 3

  private init(bytes: [UInt8], name: String) {
    (self.bytes, self.name) = (bytes, name)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private mutating func picture() throws(ImageError) -> RGBImage {
    // 1, 2, 3 are bits, grey and colours in decimal digits; 4, 5, 6 are the same in bytes.
    let kind = Int(bytes[1]) - 0x30
    let isPlain = kind <= 3
    let (width, height) = (try number(), try number())
    try ImageDecoder.check(width: width, height: height, byteCount: bytes.count, name: name)
    guard kind % 3 != 1 else {
      let bits = try isPlain ? plainBits(width * height) : packedBits(width: width, height: height)
      return RGBImage(width: width, height: height, pixels: RGBPixels.grey(bits))
    }
    let largest = try number()
    guard (1...65_535).contains(largest) else {
      throw .damaged(name, reason: "its declared maximum value is \(largest)")
    }
    let isGrey = kind % 3 == 2
    guard !isGrey || largest <= 255 else {
      throw .damaged(name, reason: "it is a 16-bit grey picture, which has no standard 8-bit form")
    }
    let count = width * height * (isGrey ? 1 : 3)
    let values = try isPlain ? plainValues(count, largest) : packedValues(count, largest)
    return RGBImage(width: width, height: height, pixels: isGrey ? RGBPixels.grey(values) : values)
  }

  /// The next decimal number, and the one byte of white space behind it; comments are passed over.
  private mutating func number() throws(ImageError) -> Int {
    var digits = 0
    var value = 0
    while place < bytes.count {
      let byte = bytes[place]
      place += 1
      if byte == UInt8(ascii: "#") {
        while place < bytes.count, bytes[place] != 0x0A, bytes[place] != 0x0D { place += 1 }
        place += 1
      } else if Self.isSpace(byte) {
        if digits > 0 { return value }
      } else {
        guard (0x30...0x39).contains(byte), digits < 10 else {
          throw .damaged(name, reason: "a number is missing")
        }
        (value, digits) = (value * 10 + Int(byte) - 0x30, digits + 1)
      }
    }
    guard digits > 0 else { throw .truncated(name) }
    return value
  }

  private mutating func plainBits(_ count: Int) throws(ImageError) -> [UInt8] {
    var values: [UInt8] = []
    while values.count < count {
      guard place < bytes.count else { throw .truncated(name) }
      let byte = bytes[place]
      place += 1
      switch byte {
      case UInt8(ascii: "0"): values.append(255)
      case UInt8(ascii: "1"): values.append(0)
      case UInt8(ascii: "#"):
        while place < bytes.count, bytes[place] != 0x0A, bytes[place] != 0x0D { place += 1 }
      default:
        guard Self.isSpace(byte) else { throw .damaged(name, reason: "it has digits other than 0 and 1") }
      }
    }
    return values
  }

  /// Eight pixels a byte, rows of whole bytes, 1 black.
  private func packedBits(width: Int, height: Int) throws(ImageError) -> [UInt8] {
    let stride = (width + 7) / 8
    guard place <= bytes.count, (bytes.count - place) / stride >= height else { throw .truncated(name) }
    var values: [UInt8] = []
    values.reserveCapacity(width * height)
    for row in 0..<height {
      for column in 0..<width {
        values.append(bytes[place + row * stride + column / 8] >> UInt8(7 - column % 8) & 1 == 1 ? 0 : 255)
      }
    }
    return values
  }

  private mutating func plainValues(_ count: Int, _ largest: Int) throws(ImageError) -> [UInt8] {
    var values: [UInt8] = []
    while values.count < count {
      let value = try number()
      guard value <= largest else {
        throw .damaged(name, reason: "a value is \(value), above its declared maximum, \(largest)")
      }
      values.append(Self.scaled(value, largest))
    }
    return values
  }

  private func packedValues(_ count: Int, _ largest: Int) throws(ImageError) -> [UInt8] {
    let length = largest < 256 ? 1 : 2
    guard place <= bytes.count, (bytes.count - place) / length >= count else { throw .truncated(name) }
    if largest == 255 { return Array(bytes[place..<place + count]) }
    return (0..<count).map { index in
      let start = place + index * length
      let value = length == 1 ? Int(bytes[start]) : Int(bytes[start]) << 8 | Int(bytes[start + 1])
      return Self.scaled(value, largest)
    }
  }

  /// To 0...255 in Pillow's arithmetic: halves go to the even number.
  private static func scaled(_ value: Int, _ largest: Int) -> UInt8 {
    UInt8(min(255, (Double(value) / Double(largest) * 255).rounded(.toNearestOrEven)))
  }
}
