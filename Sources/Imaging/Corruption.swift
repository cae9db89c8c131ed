import Tensors

/// A corruption of ImageNet-C (Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
/// and Perturbations", ICLR 2019), or one like them. Each is one file of the folder `Corruptions`, with its constants, and
/// one line of ``all``.
public struct Corruption: RawRepresentable, Sendable, Hashable, Codable, CaseIterable, CustomStringConvertible {
  /// Every corruption that Gauntlet makes: the standard 15 in the paper's order, the extra four, then others.
  public static let all: [Corruption] = [
    .gaussianNoise,
    .shotNoise,
    .impulseNoise,
    .defocusBlur,
    .glassBlur,
    .motionBlur,
    .zoomBlur,
    .snow,
    .frost,
    .fog,
    .brightness,
    .contrast,
    .elasticTransform,
    .pixelate,
    .jpegCompression,
    .speckleNoise,
    .gaussianBlur,
    .spatter,
    .saturate,
  ]

  /// What a corruption is to the published benchmark.
  public enum Standing: Sendable, Hashable {
    /// One of the 15 over which mCE is defined, with AlexNet's top-1 error, the mean of the five severities
    /// [hendrycks/robustness].
    case standard(alexNetError: Double)
    /// One of those that are published beside the 15.
    case extra
    /// Not published: it is made where a manifest names it.
    case unpublished
  }

  /// What is given to a corruption besides the picture.
  struct Supplies {
    /// The source of noise.
    let random: CounterRandom
    /// None of them is empty.
    let frostPictures: [RGBImage]
  }

  /// The name, such as `gaussian_noise`.
  public let rawValue: String
  /// What it is to the published benchmark.
  public let standing: Standing
  /// Whether it uses pictures of frost where there are some.
  public let usesFrostPictures: Bool
  private let change: @Sendable (RGBImage, _ level: Int, Supplies) throws(ImageError) -> RGBImage

  /// For the corruptions' own files.
  ///
  /// - Parameters:
  ///   - levels: what the five severities are made with.
  ///   - change: what it does to a picture that has pixels; the size stays, and the bits are the same on every machine.
  init<Level: Sendable>(
    _ name: String, _ standing: Standing, usesFrostPictures: Bool = false, levels: [Level],
    _ change: @escaping @Sendable (RGBImage, Level, Supplies) throws(ImageError) -> RGBImage
  ) {
    precondition(levels.count == 5, "\(name) has \(levels.count) severities")
    (rawValue, self.standing, self.usesFrostPictures) = (name, standing, usesFrostPictures)
    self.change = { (image, level, supplies) throws(ImageError) in try change(image, levels[level], supplies) }
  }

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
      throw .wrongSize(width: image.width, height: image.height, expected: "a corruption needs a non-empty picture")
    }
    return try change(image, min(max(severity, 1), 5) - 1, Supplies(random: random, frostPictures: frostPictures))
  }
}

// MARK: - By name

extension Corruption {
  /// The corruption of a name; nil where there is none.
  public init?(rawValue: String) {
    guard let found = Self.all.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = found
  }

  /// ``all``
  public static var allCases: [Corruption] { all }

  /// The name.
  public var description: String { rawValue }

  /// Whether it is one of the 15 over which mCE is defined.
  public var isStandard: Bool { alexNetError != nil }

  /// Whether there are published files of it.
  public var isPublished: Bool { standing != .unpublished }

  /// AlexNet's top-1 error, which CE is measured by; nil beyond the standard 15.
  public var alexNetError: Double? {
    if case .standard(let error) = standing { error } else { nil }
  }
}

// MARK: - What corruptions share

extension Corruption {
  /// Where a picture's single uniform numbers start, far behind those of its pixels.
  static let singles: UInt64 = 1 << 40

  /// As numpy's `np.uint8(np.clip(x, 0, 1) * 255)`: cut off, not rounded.
  static func byte(_ value: Double) -> UInt8 {
    UInt8(min(max(value, 0), 1) * 255)
  }
}
