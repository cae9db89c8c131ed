extension Corruption {
  /// HSV saturation times a scale plus a shift, hue and value kept.
  ///
  /// With value v and saturation s, a channel c becomes v - (v - c) s' / s. Grey has the hue of red, as in scikit-image.
  public static let saturate = Corruption(
    "saturate", .extra, levels: [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)]
  ) { (image, level: (scale: Double, shift: Double), _) in
    var pixels = image.pixels
    for start in stride(from: 0, to: pixels.count, by: 3) {
      let largest = Int(max(pixels[start], pixels[start + 1], pixels[start + 2]))
      let range = largest - Int(min(pixels[start], pixels[start + 1], pixels[start + 2]))
      let value = Double(largest) / 255
      let saturation = largest > 0 ? Double(range) / Double(largest) : 0
      let changed = min(max(saturation * level.scale + level.shift, 0), 1)
      for channel in 0..<3 {
        let share =
          range > 0 ? Double(largest - Int(pixels[start + channel])) / Double(range) : channel == 0 ? 0 : 1
        // The last bits of float64 differ from those of the way over the hue; a whole number must not fall below itself.
        pixels[start + channel] = byte(value * (1 - changed * share) + 1e-12)
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }
}
