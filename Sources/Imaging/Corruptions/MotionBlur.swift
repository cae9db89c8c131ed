import Tensors

extension Corruption {
  /// Motion in a direction within 45 degrees of the horizontal.
  public static let motionBlur = Corruption(
    "motion_blur", .standard(alexNetError: 0.785948), levels: MotionBlur.published
  ) { image, motion, supplies in motion.blur(image, degrees: -45 + 90 * supplies.random.uniform(at: 0)) }
}

/// ImageMagick's motion blur: half a Gaussian of 2 radius + 1 whole-pixel steps along one direction.
package struct MotionBlur: Sendable {
  let radius: Int
  let sigma: Double

  /// Those of the five severities.
  package static let published = [
    MotionBlur(radius: 10, sigma: 3), MotionBlur(radius: 15, sigma: 5), MotionBlur(radius: 15, sigma: 8),
    MotionBlur(radius: 15, sigma: 12), MotionBlur(radius: 20, sigma: 15),
  ]

  /// The picture, moved in a direction.
  package func blur(_ image: RGBImage, degrees: Double) -> RGBImage {
    RGBImage(Raster(image).correlated(taps(degrees: degrees), border: .replicate))
  }

  /// The steps along a direction.
  func taps(degrees: Double) -> [Raster.Tap] {
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
}
