import Records

/// Tells right answers from wrong ones as results come, and keeps nothing of them: for figures before a run has ended.
public struct AnswerJudge: Sendable {
  /// Right answers among those that were judged.
  public struct Count: Sendable, Equatable {
    /// Images that were judged.
    public var evaluated = 0
    /// Those of them whose answer was right.
    public var right = 0

    /// None yet, or so many.
    public init(evaluated: Int = 0, right: Int = 0) { (self.evaluated, self.right) = (evaluated, right) }

    /// Both together.
    public static func + (one: Count, other: Count) -> Count {
      Count(evaluated: one.evaluated + other.evaluated, right: one.right + other.right)
    }

    /// The share that was right, with Wilson's interval; nil where nothing was judged.
    ///
    /// - Parameter distinct: different images among those that were judged, where one may have been judged more than once, under
    ///   several conditions: its answers go together, so it counts once for the interval, which is wide rather than narrow.
    public func share(distinct: Int? = nil) -> (value: Double, interval: ConfidenceInterval)? {
      guard evaluated > 0 else { return nil }
      let value = Double(right) / Double(evaluated)
      return (value, .wilson(share: value, of: max(1, min(evaluated, distinct ?? evaluated))))
    }
  }

  /// The benchmark's named sets of images; one without a name where it has none.
  public let sets: [String]
  /// How many images each of them has that are judged.
  public let imagesOfSets: [Int]
  /// The place of the set whose accuracy is the benchmark's.
  public let headline: Int
  private let scoring: Scoring
  /// The set of each image.
  private let setOfImages: [UInt8]

  /// A judge of what networks of `classCount` outputs answer; nil where a benchmark's figures are no shares of right answers, or
  /// where nobody knows what is right.
  public init?(of benchmark: BenchmarkDefinition, listing: ImageListing, classCount: Int) {
    let figures = benchmark.kind.benchmark.subsetFigures
    guard benchmark.needsClasses, benchmark.observed == .logits, figures.foreign == nil else { return nil }
    scoring = benchmark.scoring(of: listing, classCount: classCount)
    guard scoring.obstacle == nil, benchmark.subsets.count < 256 else { return nil }
    sets = benchmark.subsets.isEmpty ? [""] : benchmark.subsets.map(\.name)
    headline = figures.headline.flatMap(sets.firstIndex) ?? 0
    let places = Dictionary(zip(sets, UInt8(0)...)) { first, _ in first }
    setOfImages =
      benchmark.subsets.isEmpty
      ? [] : listing.paths.map { places[BenchmarkDefinition.split($0).first] ?? .max }
    var counts = Array(repeating: 0, count: sets.count)
    for image in listing.paths.indices where scoring.labels[image] >= 0 {
      if let set = Self.set(of: image, setOfImages, sets.count) { counts[set] += 1 }
    }
    imagesOfSets = counts
  }

  private static func set(of image: Int, _ sets: [UInt8], _ count: Int) -> Int? {
    guard !sets.isEmpty else { return 0 }
    guard sets.indices.contains(image), Int(sets[image]) < count else { return nil }
    return Int(sets[image])
  }

  /// Judges the images of a shard, by sets. One without a label is left out, and so is one whose logits are NaN.
  ///
  /// - Parameter logits: [image, class], row-major, of the images from `firstImage` on.
  public func counts(firstImage: Int, logits: [Float], classCount: Int) -> [Count] {
    var counts = Array(repeating: Count(), count: sets.count)
    guard classCount > 0 else { return counts }
    let isPlain = scoring.scored == nil && scoring.map == nil
    logits.withUnsafeBufferPointer { values in
      for row in 0..<values.count / classCount {
        let image = firstImage + row
        guard scoring.labels.indices.contains(image), scoring.labels[image] >= 0,
          let set = Self.set(of: image, setOfImages, sets.count)
        else { continue }
        let label = Int(scoring.labels[image])
        let range = row * classCount..<(row + 1) * classCount
        // Of an image without a result every logit is NaN.
        guard !values[range.lowerBound].isNaN else { continue }
        let isRight: Bool
        if isPlain {
          guard label < classCount else { continue }
          isRight = Self.isLargest(label, UnsafeBufferPointer(rebasing: values[range]))
        } else {
          isRight = scoring.answer(logits[range]) == scoring.labels[image]
        }
        counts[set].evaluated += 1
        if isRight { counts[set].right += 1 }
      }
    }
    return counts
  }

  /// Whether no logit is larger, and of equal ones none stands before it. Counted without a branch, so that it is vectorized.
  private static func isLargest(_ label: Int, _ logits: UnsafeBufferPointer<Float>) -> Bool {
    let wanted = logits[label]
    var before: Int32 = 0
    for value in UnsafeBufferPointer(rebasing: logits[..<label]) { before &+= value >= wanted ? 1 : 0 }
    for value in UnsafeBufferPointer(rebasing: logits[label...]) { before &+= value > wanted ? 1 : 0 }
    return before == 0
  }
}
