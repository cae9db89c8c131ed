import Tensors

extension Corruption {
  static func gaussianBlur(_ image: RGBImage, sigma: Double) -> RGBImage {
    RGBImage(Raster(image).gaussian(sigma: sigma))
  }

  /// A Gaussian to 8 bits, pixels moved about, the Gaussian again.
  ///
  /// The public code means to swap two pixels, but NumPy's views make it overwrite one with the other; the published
  /// pictures are made so, and so are these.
  static func glassBlur(_ image: RGBImage, level: Int, _ random: CounterRandom) -> RGBImage {
    let (sigma, reach, iterations) = [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)][level]
    let blurred = gaussianBlur(image, sigma: sigma)
    var pixels = blurred.pixels
    var index = 0
    let words = random.words(iterations * image.width * image.height)
    for _ in 0..<iterations {
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
    return gaussianBlur(RGBImage(width: image.width, height: image.height, pixels: pixels), sigma: sigma)
  }

  package static func motionBlur(_ image: RGBImage, level: Int, degrees: Double) -> RGBImage {
    let (radius, sigma) = [(10, 3.0), (15, 5), (15, 8), (15, 12), (20, 15)][level]
    return motionBlur(image, radius: radius, sigma: sigma, degrees: degrees)
  }

  /// ImageMagick's motion blur.
  static func motionBlur(_ image: RGBImage, radius: Int, sigma: Double, degrees: Double) -> RGBImage {
    let taps = motionTaps(radius: radius, sigma: sigma, degrees: degrees)
    return RGBImage(Raster(image).correlated(taps, border: .replicate))
  }

  /// ImageMagick's motion blur: half a Gaussian of 2 radius + 1 whole-pixel steps along one direction.
  static func motionTaps(radius: Int, sigma: Double, degrees: Double) -> [Raster.Tap] {
    let width = 2 * radius + 1
    let weights = gaussianWeights(sigma: sigma, radius: width - 1)[(width - 1)...]
    let sum = weights.reduce(0, +)
    let (sine, cosine) = ReproducibleMath.sineAndCosine(degrees: degrees)
    return weights.enumerated().map { step, weight in
      Raster.Tap(
        row: Int((Double(step) * sine - 0.5).rounded(.up)), column: Int((Double(step) * cosine - 0.5).rounded(.up)),
        weight: Float(weight / sum))
    }
  }

  /// The mean of the picture and its zooms; the factor 1 is among them.
  static func zoomBlur(_ image: RGBImage, level: Int) -> RGBImage {
    // The factors that numpy's `arange(1, end, step)` gives, to the bit: its rounding includes the end of the first.
    let (count, step) = [(12, 0.01), (16, 0.01), (11, 0.02), (13, 0.02), (11, 0.03)][level]
    let raster = Raster(image)
    var sum = raster
    for index in 0..<count {
      let zoomed = raster.clippedZoom(1 + Double(index) * ((1 + step) - 1))
      for pixel in sum.values.indices { sum.values[pixel] += zoomed.values[pixel] }
    }
    for pixel in sum.values.indices { sum.values[pixel] /= Float(count + 1) }
    return RGBImage(sum)
  }
}
