import Imaging
import Networks

extension Architecture {
  /// What most published weights were evaluated with: the configurations of timm 1.0 and, for RepLKNet, of its authors'
  /// code. A manifest or a command line can say otherwise.
  public var defaultPreprocessing: Preprocessing { recipes[0].preprocessing(side: inputHeight) }

  /// What to check where weights of this architecture were published with several preparations of pictures; nil where
  /// there is but one, or where `chosen` is none that is the default, so that somebody chose it.
  public func recipeNote(for chosen: Preprocessing) -> String? {
    guard chosen == defaultPreprocessing else { return nil }
    if name == Architecture.onnxName {
      return
        "an ONNX file does not say how its pictures are prepared; this is the usual preparation, which may be wrong for it"
    }
    if let twin, let other = Architecture.named(twin)?.defaultPreprocessing {
      return "\(twin) has the same parameters, but mean \(other.mean.summary), std \(other.std.summary)"
    }
    guard recipes.count > 1, let usual = recipes[0].weights else { return nil }
    let others = recipes.dropFirst().map {
      "\($0.weights ?? "others") need resize \($0.resize), \($0.interpolation.rawValue)"
    }
    return "this is the preparation of \(usual); \(others.joined(separator: "; "))"
  }
}

extension PictureRecipe {
  /// What is done to pictures for a network that takes them of a side.
  func preprocessing(side: Int) -> Preprocessing {
    let (mean, deviation) =
      switch colours {
      case .imageNet: (ImageStatistics.imageNetMean, ImageStatistics.imageNetStandardDeviation)
      case .half: ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
      }
    return Preprocessing(
      resize: side == 224 ? resize : side, crop: side, interpolation: interpolation, mean: mean, std: deviation)
  }

  /// The filter.
  package var interpolation: Interpolation {
    switch filter {
    case .bilinear: .bilinear
    case .bicubic: .bicubic
    }
  }
}

extension [Float] {
  fileprivate var summary: String {
    Set(self).count == 1 ? "\(self[0])" : map { "\($0)" }.joined(separator: " ")
  }
}
