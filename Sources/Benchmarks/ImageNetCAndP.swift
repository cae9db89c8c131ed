import Imaging

/// Names of ImageNet-C (hendrycks/robustness).
public enum ImageNetC {
  /// The folders that the public archives put above the corruptions.
  public static let groups = ["noise", "blur", "weather", "digital", "extra"]

  /// All 19 corruptions: the standard 15, then the extra four.
  public static let corruptions =
    standardCorruptions + ["speckle_noise", "gaussian_blur", "spatter", "saturate"]

  /// The 15 corruptions over which mCE is defined.
  public static let standardCorruptions = [
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "snow",
    "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression",
  ]
}

/// Names of ImageNet-P (hendrycks/robustness).
public enum ImageNetP {
  /// The ten perturbations over which mFR and mT5D are defined.
  public static let standardPerturbations = [
    "gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow", "brightness", "translate", "rotate", "tilt",
    "scale",
  ]

  /// All that there are: the noises also at difficulty 2 and 3.
  public static let perturbations = Perturbation.allCases.map(\.rawValue)
}

/// How unsteady a network is along the sequences of one perturbation.
public struct Unsteadiness: Sendable, Hashable, Codable {
  /// Flip rate, 0 to 1.
  public let flipRate: Double
  /// Top-5 distance, 0 to 15.
  public let top5Distance: Double

  /// Both figures.
  public init(flipRate: Double, top5Distance: Double) {
    self.flipRate = flipRate
    self.top5Distance = top5Distance
  }
}
