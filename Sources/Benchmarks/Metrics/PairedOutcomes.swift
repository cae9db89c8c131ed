import Records

extension Outcomes {
  /// What these answers and another model's to the same images say of each other; as ``comparisons(of:pairs:seed:population:)``.
  public func compared(
    with other: Outcomes, seed: UInt64, population: UInt32 = 0
  ) -> PairedComparison.Figures? {
    Self.comparisons(of: [self, other], pairs: [(0, 1)], seed: seed, population: population)[0]
  }

  /// What models' answers to the same images say of each other, over the conditions and images that both of a pair have; nil
  /// for a pair without such.
  ///
  /// An image that has many conditions counts once in the test: it is better answered by the model that is right under more of
  /// them. Intervals are of resamples of the images with all their conditions.
  ///
  /// - Parameters:
  ///   - outcomes: each model's, of the same conditions and images.
  ///   - pairs: places in this list.
  ///   - seed: the run's seed.
  ///   - population: as that of ``Bootstrap``.
  public static func comparisons(
    of outcomes: [Outcomes], pairs: [(first: Int, second: Int)], seed: UInt64, population: UInt32 = 0
  ) -> [PairedComparison.Figures?] {
    let imageCount = outcomes.map(\.imageCount).max() ?? 0
    let models = outcomes.map { outcomes in
      outcomes.evaluated.indices.map { ConditionMasks(outcomes.evaluated[$0], outcomes.right[$0]) }
    }
    let all = pairs.map { PairedOutcomes($0, models) }
    let found = PairedOutcomes.figures(all, models, ByteCounts(Array(repeating: 1, count: imageCount)))
    let bootstrap = Bootstrap(seed: seed, population: population)
    var differences = all.map { _ in [Double]() }
    var consistencies = differences
    for resample in 0..<(all.contains { !$0.conditions.isEmpty } ? Bootstrap.resamples : 0) {
      let counts = ByteCounts(bootstrap.counts(resample: resample, imageCount: imageCount))
      for (index, figures) in PairedOutcomes.figures(all, models, counts).enumerated() {
        differences[index].append(figures.difference)
        consistencies[index].append(figures.kappa)
      }
    }
    return all.indices.map { index in
      let (pair, found) = (all[index], found[index])
      guard !pair.conditions.isEmpty else { return nil }
      let kappa = ConfidenceInterval(resampled: found.kappa.isNaN ? [] : consistencies[index])
      let difference = ConfidenceInterval(resampled: differences[index])
      let whole = difference.isPoint ? pair.edge(models) : difference
      let better = pair.better(models)
      return PairedComparison.Figures(
        conditions: pair.conditions.count, images: better.images, firstBetter: better.first,
        secondBetter: better.second, difference: found.difference, differenceLow: whole.low,
        differenceHigh: whole.high, p: SignTest.p(better.first, better.second), agreement: found.agreement,
        errorConsistency: found.kappa, errorConsistencyLow: kappa.isPoint ? .nan : kappa.low,
        errorConsistencyHigh: kappa.isPoint ? .nan : kappa.high)
    }
  }
}

/// Two models, and the conditions under which both have results.
private struct PairedOutcomes {
  let first: Int
  let second: Int
  let conditions: [Int]

  init(_ pair: (first: Int, second: Int), _ models: [[ConditionMasks]]) {
    (first, second) = pair
    let (one, other) = (models[pair.first], models[pair.second])
    conditions = zip(one, other).enumerated().filter { zip($1.0.evaluated, $1.1.evaluated).contains { $0 & $1 != 0 } }
      .map(\.offset)
  }

  typealias Figures = (difference: Double, agreement: Double, kappa: Double)

  /// Means over each pair's conditions, of the images that a resample holds as often as is counted. NaN where it holds none of a
  /// condition; kappa is the mean over the conditions that have one (Geirhos et al. 2020), NaN without any.
  static func figures(_ pairs: [PairedOutcomes], _ models: [[ConditionMasks]], _ counts: ByteCounts) -> [Figures] {
    // Where a model evaluated every image its sums are the same for all pairs.
    let sums = models.map { $0.map { $0.isWhole ? counts.sum($0.right, $0.right) : 0 } }
    return pairs.map { pair in
      var (difference, agreement, kappa, kappas) = (0.0, 0.0, 0.0, 0.0)
      for condition in pair.conditions {
        let (one, other) = (models[pair.first][condition], models[pair.second][condition])
        let isWhole = one.isWhole && other.isWhole
        let all = Double(isWhole ? counts.total : counts.sum(one.evaluated, other.evaluated))
        guard all > 0 else { return (.nan, .nan, .nan) }
        let first = Double(isWhole ? sums[pair.first][condition] : counts.sum(one.right, other.evaluated))
        let second = Double(isWhole ? sums[pair.second][condition] : counts.sum(one.evaluated, other.right))
        let same = all - first - second + 2 * Double(counts.sum(one.right, other.right))
        difference += (first - second) / all
        agreement += same / all
        let expected = first * second + (all - first) * (all - second)
        if expected < all * all {
          kappa += (same * all - expected) / (all * all - expected)
          kappas += 1
        }
      }
      let count = Double(pair.conditions.count)
      return (difference / count, agreement / count, kappas == 0 ? .nan : kappa / kappas)
    }
  }

  /// Images with results of both, and those that one model answers right under more conditions than the other.
  func better(_ models: [[ConditionMasks]]) -> (images: Int, first: Int, second: Int) {
    let count = conditions.map { models[first][$0].evaluated.count }.max() ?? 0
    var leads = [Int](repeating: 0, count: count)
    var isEvaluated = [Bool](repeating: false, count: count)
    for condition in conditions {
      let (one, other) = (models[first][condition], models[second][condition])
      for image in 0..<count where one.evaluated[image] & other.evaluated[image] != 0 {
        isEvaluated[image] = true
        leads[image] += (one.right[image] != 0 ? 1 : 0) - (other.right[image] != 0 ? 1 : 0)
      }
    }
    return (isEvaluated.count { $0 }, leads.count { $0 > 0 }, leads.count { $0 < 0 })
  }

  /// The interval of the difference where every resample gives the same: the mean of Newcombe's.
  func edge(_ models: [[ConditionMasks]]) -> ConfidenceInterval {
    var (low, high) = (0.0, 0.0)
    for condition in conditions {
      let (one, other) = (models[first][condition], models[second][condition])
      let all = zip(one.evaluated, other.evaluated).count { $0 & $1 != 0 }
      func share(_ mask: [UInt8], _ evaluated: [UInt8]) -> (value: Double, interval: ConfidenceInterval) {
        let part = zip(mask, evaluated).count { $0 & $1 != 0 }
        return (Double(part) / Double(all), .wilson(part, of: all))
      }
      let (left, right) = (share(one.right, other.evaluated), share(other.right, one.evaluated))
      let interval = ConfidenceInterval.difference(left.value, left.interval, less: right.value, right.interval)
      low += interval.low / Double(conditions.count)
      high += interval.high / Double(conditions.count)
    }
    return ConfidenceInterval(low: low, high: high)
  }
}

/// A model's outcomes under one condition, a byte an image, all bits or none; padded with images that were not evaluated.
private struct ConditionMasks {
  let evaluated: [UInt8]
  let right: [UInt8]
  /// Every image was evaluated.
  let isWhole: Bool

  init(_ evaluated: [Int32], _ right: [Int32]) {
    func bytes(_ mask: [Int32]) -> [UInt8] {
      mask.map { UInt8(truncatingIfNeeded: $0) } + Array(repeating: 0, count: ByteCounts.padding(of: mask.count))
    }
    self.evaluated = bytes(evaluated)
    self.right = bytes(right)
    isWhole = !evaluated.isEmpty && !evaluated.contains(0)
  }
}

/// How often a resample holds each image, a byte each, so that sums over many conditions are quick.
private struct ByteCounts {
  private typealias Block = SIMD16<UInt8>
  private let counts: [UInt8]
  /// How many images the resample holds.
  let total: Int

  init(_ counts: [Int32]) {
    // As many as there are images are drawn, so that more than 255 of one are out of the question.
    self.counts =
      counts.map { UInt8(clamping: $0) } + Array(repeating: 0, count: Self.padding(of: counts.count))
    total = counts.reduce(0) { $0 + Int($1) }
  }

  /// Bytes that make a whole number of blocks.
  static func padding(of count: Int) -> Int { (Block.scalarCount - count % Block.scalarCount) % Block.scalarCount }

  /// The sum of the counts of the images that are in both masks.
  func sum(_ one: [UInt8], _ other: [UInt8]) -> Int {
    var sum = 0
    counts.withUnsafeBytes { counts in
      one.withUnsafeBytes { one in
        other.withUnsafeBytes { other in
          let length = min(counts.count, one.count, other.count)
          var offset = 0
          while offset + Block.scalarCount <= length {
            // 255 of 255 do not fill 16 bits; then lanes are added up.
            var lanes = SIMD16<UInt16>()
            let end = min(length, offset + 255 * Block.scalarCount)
            while offset + Block.scalarCount <= end {
              let block =
                counts.loadUnaligned(fromByteOffset: offset, as: Block.self)
                & one.loadUnaligned(fromByteOffset: offset, as: Block.self)
                & other.loadUnaligned(fromByteOffset: offset, as: Block.self)
              lanes &+= SIMD16<UInt16>(truncatingIfNeeded: block)
              offset += Block.scalarCount
            }
            sum += Int(SIMD16<UInt32>(truncatingIfNeeded: lanes).wrappedSum())
          }
        }
      }
    }
    return sum
  }
}
