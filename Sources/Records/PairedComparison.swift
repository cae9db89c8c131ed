/// Two models of a run on one benchmark, compared image by image.
public struct PairedComparison: Sendable, Equatable {
  /// The benchmark's name.
  public let benchmark: String
  /// The model whose accuracy the other's is taken away from.
  public let first: String
  /// The other model.
  public let second: String
  /// What was found.
  public let figures: Figures
  /// The p-value after Holm's correction for all comparisons of the run, 0 to 1.
  public let correctedP: Double

  /// A comparison of two models.
  public init(benchmark: String, first: String, second: String, figures: Figures, correctedP: Double) {
    (self.benchmark, self.first, self.second) = (benchmark, first, second)
    (self.figures, self.correctedP) = (figures, correctedP)
  }

  /// What two models' answers to the same images say of each other.
  public struct Figures: Sendable, Equatable {
    /// Conditions under which both have results.
    public var conditions: Int
    /// Images that both have results of, under one condition at least.
    public var images: Int
    /// Images that the first answers right under more conditions than the second.
    public var firstBetter: Int
    /// Images that the second answers right under more conditions than the first.
    public var secondBetter: Int
    /// The first's top-1 accuracy less the second's, mean over the conditions, -1 to 1.
    public var difference: Double
    /// The 95 % interval of the difference; NaN where there is none.
    public var differenceLow: Double
    /// Its upper end.
    public var differenceHigh: Double
    /// Two-sided and exact, 0 to 1: how likely `firstBetter` and `secondBetter` are to be as far apart or further if neither
    /// model were the better one. Of one condition it is McNemar's.
    public var p: Double
    /// Observed consistency: the share of images that both answer right or both wrong, mean over the conditions, 0 to 1.
    public var agreement: Double
    /// Error consistency, Cohen's kappa of right and wrong: 1 the same images, 0 as by chance; NaN where both answer all right or
    /// all wrong. The mean over the conditions that have one.
    public var errorConsistency: Double
    /// The 95 % interval of the error consistency; NaN where there is none.
    public var errorConsistencyLow: Double
    /// Its upper end.
    public var errorConsistencyHigh: Double

    /// What was found.
    public init(
      conditions: Int, images: Int, firstBetter: Int, secondBetter: Int, difference: Double, differenceLow: Double,
      differenceHigh: Double, p: Double, agreement: Double, errorConsistency: Double, errorConsistencyLow: Double,
      errorConsistencyHigh: Double
    ) {
      (self.conditions, self.images, self.firstBetter, self.secondBetter) =
        (conditions, images, firstBetter, secondBetter)
      (self.difference, self.differenceLow, self.differenceHigh) = (difference, differenceLow, differenceHigh)
      (self.p, self.agreement, self.errorConsistency) = (p, agreement, errorConsistency)
      (self.errorConsistencyLow, self.errorConsistencyHigh) = (errorConsistencyLow, errorConsistencyHigh)
    }
  }
}
