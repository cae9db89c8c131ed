import Tensors

/// A perturbation sequence of ImageNet-P (Hendrycks and Dietterich 2019) with the constants of hendrycks/robustness,
/// `ImageNet-P/create_p/make_imagenet_p.py`: a picture that changes a little from frame to frame. Each kind is one file of
/// the folder `Perturbations` and a line of ``all``.
public struct Perturbation: RawRepresentable, Sendable, Hashable, Codable, CaseIterable, CustomStringConvertible {
  /// Every sequence that Gauntlet makes: the standard ten, then others.
  public static let all: [Perturbation] = [
    .gaussianNoise,
    .shotNoise,
    .motionBlur,
    .zoomBlur,
    .snow,
    .brightness,
    .translate,
    .rotate,
    .tilt,
    .scale,
    .gaussianNoise2,
    .gaussianNoise3,
    .shotNoise2,
    .shotNoise3,
  ]

  /// What a frame is made of, and how.
  enum Making: Sendable {
    /// The resized and cropped picture.
    case crop(@Sendable (_ picture: RGBImage, _ frame: Int, _ random: CounterRandom) -> RGBImage)
    /// The whole resized picture: what lies around the crop comes into the frames.
    case whole(@Sendable (_ picture: RGBImage, _ crop: Resampler.Window, _ frame: Int) -> RGBImage)
  }

  /// The name, such as `gaussian_noise`.
  public let rawValue: String
  /// How many frames the published sequences have.
  public let frameCount: Int
  /// Whether it is one of the ten over which mFR and mT5D are defined.
  public let isStandard: Bool
  private let making: Making

  /// For the perturbations' own files.
  init(_ name: String, frameCount: Int = 31, isStandard: Bool = true, of making: Making) {
    (rawValue, self.frameCount, self.isStandard, self.making) = (name, frameCount, isStandard, making)
  }

  /// One frame of a picture's sequence, resized and cropped; the same bits on every machine.
  ///
  /// Blurs, snow, brightness and noise are made of the crop; the others move the whole resized picture before it is
  /// cropped, so that what lies around the crop comes in. Noise sequences and zoom blur begin with the picture itself.
  ///
  /// - Parameters:
  ///   - number: 0 to `frameCount` - 1.
  ///   - picture: as decoded.
  ///   - random: the sequence's random numbers, the same for all of its frames.
  /// - Throws: `ImageError.wrongSize` where the picture is smaller than the crop, or there is no such frame.
  public func frame(
    _ number: Int, of picture: RGBImage, preprocessing: Preprocessing, random: CounterRandom
  ) throws(ImageError) -> RGBImage {
    guard (0..<frameCount).contains(number) else {
      throw .wrongSize(
        width: picture.width, height: picture.height, expected: "\(rawValue) has no frame \(number), only \(frameCount)"
      )
    }
    let resized = try preprocessing.resized(picture)
    let window = try preprocessing.window(width: resized.width, height: resized.height)
    switch making {
    case .whole(let move): return move(resized, window, number)
    case .crop(let change):
      let crop = Resampler.resize(
        resized, width: resized.width, height: resized.height, interpolation: preprocessing.interpolation,
        window: window)
      return change(crop, number, random)
    }
  }
}

// MARK: - By name

extension Perturbation {
  /// The perturbation of a name; nil where there is none.
  public init?(rawValue: String) {
    guard let found = Self.all.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = found
  }

  /// ``all``
  public static var allCases: [Perturbation] { all }

  /// The name.
  public var description: String { rawValue }
}
