/// How steady answers are along the sequences of one of ImageNet-P's perturbations (hendrycks/robustness,
/// `ImageNet-P/test.py`).
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

  /// Of each sequence the share of compared pairs whose best classes differ, 0 to 1; NaN where it is left out.
  public let flips: [Double]
  /// Of each sequence the mean over compared pairs of the sum over the earlier frame's five best classes, at places 0 to
  /// 4, of |place - min(place in the later frame, 5)|, 0 to 15; NaN where it is left out.
  public let distances: [Double]

  /// - Parameters:
  ///   - sequences: for each sequence its frames' best classes; nil for a frame without a result.
  ///   - comparison: which frames are compared.
  public init(sequences: [[TopFive?]], comparison: Comparison) {
    let step =
      switch comparison {
      case .withFirst: 1
      case .withEarlier(let difficulty): max(1, difficulty)
      }
    var (flips, distances): ([Double], [Double]) = ([], [])
    for sequence in sequences {
      let frames = sequence.compactMap { $0 }
      let pairs = frames.count == sequence.count ? max(0, frames.count - step) : 0
      var (flipped, distance) = (0, 0)
      for later in step..<step + pairs {
        let earlier = frames[comparison == .withFirst ? 0 : later - step]
        if !earlier.hasSameBest(as: frames[later]) { flipped += 1 }
        distance += earlier.distance(to: frames[later])
      }
      flips.append(pairs == 0 ? .nan : Double(flipped) / Double(pairs))
      distances.append(pairs == 0 ? .nan : Double(distance) / Double(pairs))
    }
    (self.flips, self.distances) = (flips, distances)
  }

  /// Flip rate: the mean over sequences, 0 to 1.
  public var flipRate: Double { Self.mean(flips) }

  /// Top-5 distance: the mean over sequences, 0 to 15.
  public var top5Distance: Double { Self.mean(distances) }

  private static func mean(_ values: [Double]) -> Double {
    let whole = values.filter { !$0.isNaN }
    return whole.isEmpty ? .nan : whole.reduce(0, +) / Double(whole.count)
  }
}
