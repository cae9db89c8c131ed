extension Corruption {
  /// HSV value + shift, hue and saturation kept.
  public static let brightness = Corruption(
    "brightness", .standard(alexNetError: 0.564592), levels: [0.1, 0.2, 0.3, 0.4, 0.5]
  ) { image, shift, _ in image.brightened(by: shift) }
}

extension RGBImage {
  /// HSV value + shift, hue and saturation kept.
  ///
  /// A pixel with value v = max(r, g, b) becomes (r, g, b) v' / v; black becomes grey of value v'.
  func brightened(by shift: Double) -> RGBImage {
    var pixels = pixels
    for start in stride(from: 0, to: pixels.count, by: 3) {
      let value = Double(max(pixels[start], pixels[start + 1], pixels[start + 2])) / 255
      let raised = min(max(value + shift, 0), 1)
      for channel in start..<start + 3 {
        pixels[channel] = Corruption.byte(value > 0 ? Double(pixels[channel]) / 255 * (raised / value) : raised)
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}
