/// How steady answers are along ImageNet-P's sequences (hendrycks/robustness, `ImageNet-P/test.py`).
///
/// A sequence with a frame that has no result is left out; without any sequence a figure is NaN.
public struct Stability: Sendable {
  /// Which frames of a sequence are compared.
  public enum Comparison: Sendable, Equatable {
    /// Each with the first one: the noise perturbations.
    case withFirst
    /// Each with the one `difficulty` (1 to 3) frames before: all others.
    case withEarlier(difficulty: Int)

    /// How a perturbation is compared; those whose name holds `noise` with the first frame.
    public static func of(perturbation: String, difficulty: Int = 1) -> Comparison {
      perturbation.contains("noise") ? .withFirst : .withEarlier(difficulty: difficulty)
    }
  }

  /// The ten perturbations over which mFR and mT5D are defined.
  public static let perturbations = [
    "gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow", "brightness", "translate", "rotate", "tilt",
    "scale",
  ]

  private let pairs: [[(earlier: ClassRanking, later: ClassRanking)]]

  /// - Parameters:
  ///   - sequences: for each sequence its frames' rankings; nil for a frame without a result.
  ///   - comparison: which frames are compared.
  public init(sequences: [[ClassRanking?]], comparison: Comparison) {
    pairs = sequences.compactMap { sequence in
      let frames = sequence.compactMap { $0 }
      guard frames.count == sequence.count else { return nil }
      let distance =
        switch comparison {
        case .withFirst: 1
        case .withEarlier(let difficulty): max(1, difficulty)
        }
      guard frames.count > distance else { return nil }
      return frames.indices.dropFirst(distance).map { later in
        (frames[comparison == .withFirst ? 0 : later - distance], frames[later])
      }
    }
  }

  /// Flip rate: the mean over sequences of the share of compared pairs whose best classes differ, 0 to 1.
  public var flipRate: Double {
    mean { $0.best == $1.best ? 0 : 1 }
  }

  /// Top-5 distance: the mean over sequences of the mean over compared pairs of the sum over the earlier frame's five
  /// best classes, at places 0 to 4, of |place - min(place in the later frame, 5)|; 0 to 15.
  public var top5Distance: Double {
    mean { earlier, later in
      earlier.first(5).enumerated().reduce(0) { $0 + abs($1.offset - min(later.rank(of: $1.element), 5)) }
    }
  }

  private func mean(_ distance: (ClassRanking, ClassRanking) -> Int) -> Double {
    guard !pairs.isEmpty else { return .nan }
    let sequences = pairs.map { pairs in
      Double(pairs.reduce(0) { $0 + distance($1.earlier, $1.later) }) / Double(pairs.count)
    }
    return sequences.reduce(0, +) / Double(sequences.count)
  }

  /// mFR of flip rates, mT5D of top-5 distances: the mean over the ten perturbations of each one's figure over AlexNet's,
  /// 1 = as unsteady. NaN unless both are known of all ten: AlexNet's are given by the user, never made up.
  public static func relativeMean(_ figures: [String: Double], alexNet: [String: Double]) -> Double {
    var sum = 0.0
    for perturbation in perturbations {
      guard let figure = figures[perturbation], let reference = alexNet[perturbation], reference > 0 else {
        return .nan
      }
      sum += figure / reference
    }
    return sum / Double(perturbations.count)
  }
}
