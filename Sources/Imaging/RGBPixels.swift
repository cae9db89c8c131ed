/// Pixels of other layouts as RGB.
enum RGBPixels {
  /// The colour of each index. As Pillow has them, those beyond the palette are black, or grey where the palette is grey
  /// from 0 on.
  static func looked(up indices: some Collection<UInt8>, in palette: [(UInt8, UInt8, UInt8)]) -> [UInt8] {
    let isGrey = palette.enumerated().allSatisfy { Int($1.0) == $0 && $1.0 == $1.1 && $1.1 == $1.2 }
    let colours =
      palette
      + (min(palette.count, 256)..<256).map { index in
        let value = isGrey ? UInt8(index) : 0
        return (value, value, value)
      }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(indices.count * 3)
    for index in indices {
      let colour = colours[Int(index)]
      pixels.append(colour.0)
      pixels.append(colour.1)
      pixels.append(colour.2)
    }
    return pixels
  }

  /// Grey as three equal channels.
  static func grey(_ values: some Collection<UInt8>) -> [UInt8] {
    var pixels: [UInt8] = []
    pixels.reserveCapacity(values.count * 3)
    for value in values {
      pixels.append(value)
      pixels.append(value)
      pixels.append(value)
    }
    return pixels
  }

  /// CMYK, four bytes a pixel, inverted as Adobe stores it or not, with Pillow's rounding: (255 - k) - (c (255 - k) / 255).
  static func fromCMYK(_ pixels: [UInt8], isInverted: Bool) -> [UInt8] {
    let flip: UInt8 = isInverted ? 255 : 0
    var rgb = [UInt8](repeating: 0, count: pixels.count / 4 * 3)
    for pixel in 0..<pixels.count / 4 {
      let white = 255 - Int(pixels[pixel * 4 + 3] ^ flip)
      for channel in 0..<3 {
        let product = Int(pixels[pixel * 4 + channel] ^ flip) * white + 128
        rgb[pixel * 3 + channel] = UInt8(max(0, white - ((product >> 8) + product) >> 8))
      }
    }
    return rgb
  }

  /// RGBA whose colours were multiplied by alpha, undone with Pillow's rounding; alpha is dropped.
  static func fromPremultiplied(_ pixels: [UInt8]) -> [UInt8] {
    var rgb: [UInt8] = []
    rgb.reserveCapacity(pixels.count / 4 * 3)
    for pixel in 0..<pixels.count / 4 {
      let alpha = Int(pixels[pixel * 4 + 3])
      for channel in 0..<3 {
        let value = Int(pixels[pixel * 4 + channel])
        rgb.append(alpha == 0 ? 0 : alpha == 255 ? UInt8(value) : UInt8(min(255, value * 255 / alpha)))
      }
    }
    return rgb
  }
}
