import Tensors

/// A corruption of ImageNet-C (Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
/// and Perturbations", ICLR 2019), with its published constants.
public enum Corruption: String, Sendable, Hashable, Codable, CaseIterable {
  case gaussianNoise = "gaussian_noise"
  case shotNoise = "shot_noise"
  case impulseNoise = "impulse_noise"
  case defocusBlur = "defocus_blur"
  case glassBlur = "glass_blur"
  case motionBlur = "motion_blur"
  case zoomBlur = "zoom_blur"
  case snow
  case frost
  case fog
  case brightness
  case contrast
  case elasticTransform = "elastic_transform"
  case pixelate
  case jpegCompression = "jpeg_compression"
  case speckleNoise = "speckle_noise"
  case gaussianBlur = "gaussian_blur"
  case spatter
  case saturate

  /// The corrupted picture, of the same size; the same bits on every machine.
  ///
  /// - Parameters:
  ///   - severity: 1...5; a number outside is taken as the nearest.
  ///   - random: the source of noise; a corruption without noise does not read it.
  ///   - frostPictures: pictures of frost, none of them empty; without any a texture is drawn.
  /// - Throws: `ImageError.wrongSize` for a picture without pixels, `ImageError.notEncodable` where JPEG is asked of a
  ///   picture too large for it.
  public func apply(
    _ image: RGBImage, severity: Int, random: CounterRandom, frostPictures: [RGBImage] = []
  ) throws(ImageError) -> RGBImage {
    guard image.width > 0, image.height > 0 else {
      throw .wrongSize(width: image.width, height: image.height, expected: "a corruption needs pixels")
    }
    let level = min(max(severity, 1), 5) - 1
    switch self {
    case .gaussianNoise:
      return Self.gaussianNoise(image, deviation: [0.08, 0.12, 0.18, 0.26, 0.38][level], random)
    case .shotNoise: return Self.shotNoise(image, level: level, random)
    case .impulseNoise: return Self.impulseNoise(image, amount: [0.03, 0.06, 0.09, 0.17, 0.27][level], random)
    case .speckleNoise: return Self.speckleNoise(image, deviation: [0.15, 0.2, 0.35, 0.45, 0.6][level], random)
    case .gaussianBlur: return Self.gaussianBlur(image, sigma: [1, 2, 3, 4, 6][level])
    case .defocusBlur: return Self.defocusBlur(image, level: level)
    case .glassBlur: return Self.glassBlur(image, level: level, random)
    case .motionBlur: return Self.motionBlur(image, level: level, degrees: -45 + 90 * random.uniform(at: 0))
    case .zoomBlur: return Self.zoomBlur(image, level: level)
    case .snow: return Self.snow(image, level: level, random)
    case .frost: return Self.frost(image, level: level, frostPictures, random)
    case .fog: return Self.fog(image, level: level, random)
    case .spatter: return Self.spatter(image, level: level, random)
    case .brightness: return Self.brightness(image, shift: [0.1, 0.2, 0.3, 0.4, 0.5][level])
    case .saturate: return Self.saturate(image, level: level)
    case .contrast: return Self.contrast(image, scale: [0.4, 0.3, 0.2, 0.1, 0.05][level])
    case .elasticTransform: return Self.elasticTransform(image, level: level, random)
    case .pixelate: return Self.pixelate(image, scale: [0.6, 0.5, 0.4, 0.3, 0.25][level])
    case .jpegCompression:
      let file = try JPEGEncoder.encode(image, quality: [25, 18, 15, 10, 7][level])
      return try JPEGDecoder.decode(file, name: rawValue)
    }
  }

  /// As numpy's `np.uint8(np.clip(x, 0, 1) * 255)`: cut off, not rounded.
  static func byte(_ value: Double) -> UInt8 {
    UInt8(min(max(value, 0), 1) * 255)
  }

  /// HSV value + shift, hue and saturation kept.
  ///
  /// A pixel with value v = max(r, g, b) becomes (r, g, b) v' / v; black becomes grey of value v'.
  static func brightness(_ image: RGBImage, shift: Double) -> RGBImage {
    var pixels = image.pixels
    for start in stride(from: 0, to: pixels.count, by: 3) {
      let value = Double(max(pixels[start], pixels[start + 1], pixels[start + 2])) / 255
      let raised = min(max(value + shift, 0), 1)
      for channel in start..<start + 3 {
        pixels[channel] = byte(value > 0 ? Double(pixels[channel]) / 255 * (raised / value) : raised)
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// HSV saturation times a scale plus a shift, hue and value kept.
  ///
  /// With value v and saturation s, a channel c becomes v - (v - c) s' / s. Grey has the hue of red, as in scikit-image.
  static func saturate(_ image: RGBImage, level: Int) -> RGBImage {
    let (scale, shift) = [(0.3, 0.0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)][level]
    var pixels = image.pixels
    for start in stride(from: 0, to: pixels.count, by: 3) {
      let largest = Int(max(pixels[start], pixels[start + 1], pixels[start + 2]))
      let range = largest - Int(min(pixels[start], pixels[start + 1], pixels[start + 2]))
      let value = Double(largest) / 255
      let saturation = largest > 0 ? Double(range) / Double(largest) : 0
      let changed = min(max(saturation * scale + shift, 0), 1)
      for channel in 0..<3 {
        let share =
          range > 0 ? Double(largest - Int(pixels[start + channel])) / Double(range) : channel == 0 ? 0 : 1
        // The last bits of float64 differ from those of the way over the hue; a whole number must not fall below itself.
        pixels[start + channel] = byte(value * (1 - changed * share) + 1e-12)
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// (x - mean) scale + mean, the mean taken of each channel.
  static func contrast(_ image: RGBImage, scale: Double) -> RGBImage {
    var sums = [0, 0, 0]
    image.pixels.withUnsafeBufferPointer { pixels in
      for start in stride(from: 0, to: pixels.count, by: 3) {
        for channel in 0..<3 { sums[channel] += Int(pixels[start + channel]) }
      }
    }
    let means = sums.map { Double($0) / 255 / Double(image.width * image.height) }
    let tables = means.map { mean in (0...255).map { byte((Double($0) / 255 - mean) * scale + mean) } }
    var pixels = image.pixels
    pixels.withUnsafeMutableBufferPointer { pixels in
      for start in stride(from: 0, to: pixels.count, by: 3) {
        for channel in 0..<3 { pixels[start + channel] = tables[channel][Int(pixels[start + channel])] }
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// Shrunk to int(side * scale) and blown up again, both with the box filter.
  static func pixelate(_ image: RGBImage, scale: Double) -> RGBImage {
    let small = Resampler.resize(
      image, width: max(1, Int(Double(image.width) * scale)), height: max(1, Int(Double(image.height) * scale)),
      interpolation: .box)
    return Resampler.resize(small, width: image.width, height: image.height, interpolation: .box)
  }
}
