import Tensors

extension Perturbation {
  /// The picture, then frames with noise of their own.
  public static let gaussianNoise = Perturbation("gaussian_noise", of: noise(deviation: 0.03))
  /// Of difficulty 2.
  public static let gaussianNoise2 = Perturbation("gaussian_noise_2", isStandard: false, of: noise(deviation: 0.05))
  /// Of difficulty 3.
  public static let gaussianNoise3 = Perturbation("gaussian_noise_3", isStandard: false, of: noise(deviation: 0.08))

  private static func noise(deviation: Double) -> Making {
    .crop { picture, frame, random in
      frame == 0 ? picture : picture.withGaussianNoise(deviation: deviation, random.branch(UInt32(frame)))
    }
  }
}
