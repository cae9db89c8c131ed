import Tensors

/// A corruption of ImageNet-C (Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
/// and Perturbations", ICLR 2019), with its published constants.
public enum Corruption: String, Sendable, Hashable, Codable, CaseIterable {
  case gaussianNoise = "gaussian_noise"
  case brightness
  case contrast
  case pixelate

  /// The constant of a severity, 1...5.
  func constant(severity: Int) -> Double {
    let values: [Double] =
      switch self {
      case .gaussianNoise: [0.08, 0.12, 0.18, 0.26, 0.38]
      case .brightness: [0.1, 0.2, 0.3, 0.4, 0.5]
      case .contrast: [0.4, 0.3, 0.2, 0.1, 0.05]
      case .pixelate: [0.6, 0.5, 0.4, 0.3, 0.25]
      }
    return values[min(max(severity, 1), 5) - 1]
  }

  /// The corrupted picture, of the same size; the same bits on every machine.
  ///
  /// - Parameters:
  ///   - severity: 1...5.
  ///   - random: the source of noise; a corruption without noise does not read it.
  /// - Throws: `ImageError.wrongSize` for a picture without pixels.
  public func apply(_ image: RGBImage, severity: Int, random: CounterRandom) throws(ImageError) -> RGBImage {
    guard image.width > 0, image.height > 0 else {
      throw .wrongSize(width: image.width, height: image.height, expected: "a corruption needs pixels")
    }
    let constant = constant(severity: severity)
    switch self {
    case .gaussianNoise: return Self.gaussianNoise(image, deviation: constant, random)
    case .brightness: return Self.brightness(image, shift: constant)
    case .contrast: return Self.contrast(image, scale: constant)
    case .pixelate: return Self.pixelate(image, scale: constant)
    }
  }

  /// As numpy's `np.uint8(np.clip(x, 0, 1) * 255)`: cut off, not rounded.
  private static func byte(_ value: Double) -> UInt8 {
    UInt8(min(max(value, 0), 1) * 255)
  }

  /// x + N(0, deviation).
  private static func gaussianNoise(_ image: RGBImage, deviation: Double, _ random: CounterRandom) -> RGBImage {
    let pixels = image.pixels.enumerated().map { index, value in
      byte(Double(value) / 255 + deviation * random.normal(at: UInt64(index)))
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// HSV value + shift, hue and saturation kept.
  ///
  /// A pixel with value v = max(r, g, b) becomes (r, g, b) v' / v; black becomes grey of value v'.
  private static func brightness(_ image: RGBImage, shift: Double) -> RGBImage {
    var pixels = image.pixels
    for start in stride(from: 0, to: pixels.count, by: 3) {
      let value = Double(max(pixels[start], pixels[start + 1], pixels[start + 2])) / 255
      let raised = min(value + shift, 1)
      for channel in start..<start + 3 {
        pixels[channel] = byte(value > 0 ? Double(pixels[channel]) / 255 * (raised / value) : raised)
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// (x - mean) scale + mean, the mean taken of each channel.
  private static func contrast(_ image: RGBImage, scale: Double) -> RGBImage {
    var sums = [0, 0, 0]
    for (index, value) in image.pixels.enumerated() { sums[index % 3] += Int(value) }
    let means = sums.map { Double($0) / 255 / Double(image.width * image.height) }
    let pixels = image.pixels.enumerated().map { index, value in
      byte((Double(value) / 255 - means[index % 3]) * scale + means[index % 3])
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// Shrunk to int(side * scale) and blown up again, both with the box filter.
  private static func pixelate(_ image: RGBImage, scale: Double) -> RGBImage {
    let small = Resampler.resize(
      image, width: max(1, Int(Double(image.width) * scale)), height: max(1, Int(Double(image.height) * scale)),
      interpolation: .box)
    return Resampler.resize(small, width: image.width, height: image.height, interpolation: .box)
  }
}
