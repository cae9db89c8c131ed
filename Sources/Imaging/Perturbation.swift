import Tensors

/// A perturbation sequence of ImageNet-P (Hendrycks and Dietterich 2019) with the constants of hendrycks/robustness,
/// `ImageNet-P/create_p/make_imagenet_p.py`: a picture that changes a little from frame to frame.
public enum Perturbation: String, Sendable, Hashable, Codable, CaseIterable {
  case gaussianNoise = "gaussian_noise"
  case shotNoise = "shot_noise"
  case motionBlur = "motion_blur"
  case zoomBlur = "zoom_blur"
  case snow
  case brightness
  case translate
  case rotate
  case tilt
  case scale
  case gaussianNoise2 = "gaussian_noise_2"
  case gaussianNoise3 = "gaussian_noise_3"
  case shotNoise2 = "shot_noise_2"
  case shotNoise3 = "shot_noise_3"

  /// How many frames the published sequences have.
  public var frameCount: Int { self == .translate ? 41 : 31 }

  /// The side of the published frames, pixels. Shifts are in proportion at another size.
  private static let publishedSide = 224.0

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
    return isMotion
      ? moved(resized, window, number)
      : changed(
        Resampler.resize(
          resized, width: resized.width, height: resized.height, interpolation: preprocessing.interpolation,
          window: window), number, random)
  }

  /// Whether what lies around the crop comes into the frames.
  private var isMotion: Bool {
    switch self {
    case .zoomBlur, .translate, .rotate, .tilt, .scale: true
    default: false
    }
  }

  private func changed(_ image: RGBImage, _ number: Int, _ random: CounterRandom) -> RGBImage {
    let noise = random.branch(UInt32(number))
    switch self {
    case .gaussianNoise: return gaussian(image, 0.03, number, noise)
    case .gaussianNoise2: return gaussian(image, 0.05, number, noise)
    case .gaussianNoise3: return gaussian(image, 0.08, number, noise)
    case .shotNoise: return number == 0 ? image : Corruption.shotNoise(image, Self.faint, noise)
    case .shotNoise2: return number == 0 ? image : Corruption.shotNoise(image, Self.middling, noise)
    case .shotNoise3: return number == 0 ? image : Corruption.shotNoise(image, Self.strong, noise)
    case .motionBlur: return Corruption.motionBlur(image, radius: 10, sigma: 3, degrees: Double(number - 30) * 4)
    case .snow: return Corruption.snow(image, Self.snowfall, degrees: Double(number) * 4 - 150, random)
    case .brightness: return Corruption.brightness(image, shift: Double(number - 15) * 0.02)
    case .zoomBlur, .translate, .rotate, .tilt, .scale: return image
    }
  }

  private func gaussian(_ image: RGBImage, _ deviation: Double, _ number: Int, _ random: CounterRandom) -> RGBImage {
    number == 0 ? image : Corruption.gaussianNoise(image, deviation: deviation, random)
  }

  private static let faint = ShotTable(photons: 300)
  private static let middling = ShotTable(photons: 120)
  private static let strong = ShotTable(photons: 60)
  private static let snowfall = Corruption.Snowfall(
    mean: 0.05, deviation: 0.3, zoom: 3, threshold: 0.5, radius: 14, sigma: 4, mix: 0.85)

  private func moved(_ image: RGBImage, _ window: Resampler.Window, _ number: Int) -> RGBImage {
    let (width, height) = (image.width, image.height)
    switch self {
    case .translate:
      let share = Double(min(window.width, window.height)) / Self.publishedSide
      let shift = (Double(number - 20) * min(share, 1)).rounded()
      return image.nearest(.init(shift: (shift, 0), width: width, height: height), window: window)
    case .rotate:
      return image.bilinear(.init(degrees: Double(number - 15), width: width, height: height), window: window)
    case .scale:
      let scale = (Double(number) * 2.5 + 40) / 100
      return image.bilinear(.init(scale: scale, width: width, height: height), window: window)
    case .tilt:
      guard
        let map = GeometricMap.Projective(tilt: Double(number - 15), width: width, height: height).inverse
      else { return image }
      return image.bilinear(map, window: window)
    default: return zoomed(image, window, frames: number + 1)
    }
  }

  /// The mean of frames that grow by 0.4 % each, summed in float32 as the public code does.
  private func zoomed(_ image: RGBImage, _ window: Resampler.Window, frames: Int) -> RGBImage {
    var sum = [Float](repeating: 0, count: window.width * window.height * 3)
    let shares = (0...255).map { Float($0) / 255 }
    for frame in 0..<frames {
      let map = GeometricMap.Affine(scale: 1 + 0.004 * Double(frame), width: image.width, height: image.height)
      let zoomed = frame == 0 ? image.nearest(map, window: window) : image.bilinear(map, window: window)
      for (index, value) in zoomed.pixels.enumerated() { sum[index] += shares[Int(value)] }
    }
    guard frames > 1 else { return image.nearest(.init(width: image.width, height: image.height), window: window) }
    return RGBImage(
      width: window.width, height: window.height,
      pixels: sum.map { UInt8(min(max($0 / Float(frames) * 255, 0), 255)) })
  }
}
