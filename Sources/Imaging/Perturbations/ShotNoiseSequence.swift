import Tensors

extension Perturbation {
  /// The picture, then frames with noise of their own.
  public static let shotNoise = Perturbation("shot_noise", of: noise(photons: 300))
  /// Of difficulty 2.
  public static let shotNoise2 = Perturbation("shot_noise_2", isStandard: false, of: noise(photons: 120))
  /// Of difficulty 3.
  public static let shotNoise3 = Perturbation("shot_noise_3", isStandard: false, of: noise(photons: 60))

  /// - Parameter photons: of white.
  private static func noise(photons: Double) -> Making {
    let table = ShotTable(photons: photons)
    return .crop { picture, frame, random in
      frame == 0 ? picture : picture.withShotNoise(table, random.branch(UInt32(frame)))
    }
  }
}
