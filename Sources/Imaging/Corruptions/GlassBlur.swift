extension Corruption {
  /// A Gaussian to 8 bits, pixels moved about, the Gaussian again.
  ///
  /// The public code means to swap two pixels, but NumPy's views make it overwrite one with the other; the published
  /// pictures are made so, and so are these.
  public static let glassBlur = Corruption(
    "glass_blur", .standard(alexNetError: 0.826268),
    levels: [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)]
  ) { (image, level: (sigma: Double, reach: Int, iterations: Int), supplies) in
    let reach = level.reach
    var pixels = image.blurred(sigma: level.sigma).pixels
    var index = 0
    let words = supplies.random.words(level.iterations * image.width * image.height)
    for _ in 0..<level.iterations {
      for row in stride(from: image.height - reach, to: reach, by: -1) {
        for column in stride(from: image.width - reach, to: reach, by: -1) {
          // Half a word for each direction: six values are uneven by at most 1 in 10,000, the other counts are even.
          let word = words[index]
          let across = Int(((word & 0xFFFF) * UInt32(2 * reach)) >> 16) - reach
          let down = Int(((word >> 16) * UInt32(2 * reach)) >> 16) - reach
          let target = (row * image.width + column) * 3
          let source = ((row + down) * image.width + column + across) * 3
          for channel in 0..<3 { pixels[target + channel] = pixels[source + channel] }
          index += 1
        }
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels).blurred(sigma: level.sigma)
  }
}
