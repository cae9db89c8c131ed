import Records

/// Means over images of what was observed of each. It holds 32 bytes a number of an image, and the numbers of each image of
/// those variables that ask for intervals.
struct ObservationTally: Tally {
  /// Makes the figures.
  typealias Figures = @Sendable (_ tally: ObservationTally, _ seed: UInt64) -> [Metric]

  let shape: ObservedShape
  let imageCount: Int
  let population: UInt32
  private let figures: Figures
  /// Axes of figures that are neither the grid's nor the variables'.
  let furtherAxes: [Axis]
  /// By the variables' names.
  private var sums: [String: [ExactSum]] = [:]
  /// [image][number], by the names of variables whose means have intervals; nil for images without a result.
  private var ofImages: [String: [[Float]?]] = [:]
  private var isEvaluated: [Bool]

  /// - Parameters:
  ///   - means: the variables whose means over images are wanted.
  ///   - withIntervals: those of them whose means have intervals.
  init(
    of run: ObservedRun, means: [String], withIntervals: [String] = [], furtherAxes: [Axis] = [],
    figures: @escaping Figures
  ) {
    let (shape, imageCount) = (run.shape, run.listing.paths.count)
    (self.shape, self.imageCount, population) = (shape, imageCount, run.population)
    (self.furtherAxes, self.figures) = (furtherAxes, figures)
    isEvaluated = Array(repeating: false, count: imageCount)
    for variable in shape.variables where means.contains(variable.name) {
      sums[variable.name] = Array(repeating: ExactSum(), count: variable.count(atMost: 1 << 30) ?? 0)
    }
    for name in withIntervals { ofImages[name] = Array(repeating: nil, count: imageCount) }
  }

  mutating func add(condition: Int, firstImage: Int, imageCount images: Int, observations: [Observation]) {
    for observation in observations {
      guard let count = observation.count(images: images), count > 0 else { continue }
      let name = observation.variable.name
      for row in 0..<images where firstImage + row < imageCount {
        let values = observation.values[(row * count)..<((row + 1) * count)]
        // Places beyond a network's own are NaN; an image without a result has nothing else.
        guard values.contains(where: { !$0.isNaN }) else { continue }
        isEvaluated[firstImage + row] = true
        if sums[name] != nil { for (place, value) in values.enumerated() { sums[name]?[place].add(Double(value)) } }
        ofImages[name]?[firstImage + row] = Array(values)
      }
    }
  }

  func metrics(clean: AccuracyTally?, seed: UInt64) -> [Metric] {
    figures(self, seed) + [
      Metric(
        name: "evaluated", description: "images evaluated", axes: [], values: [Double(evaluated)], figure: .count())
    ]
  }

  /// Nothing is right or wrong.
  var rightAnswers: Outcomes { Outcomes([]) }

  /// Images with a result.
  var evaluated: Int { isEvaluated.count { $0 } }

  /// The means over images of a variable's numbers; NaN where there is none.
  func means(of name: String) -> [Double] {
    (sums[name] ?? []).map { evaluated == 0 ? .nan : $0.value / Double(evaluated) }
  }

  /// The lengths of a variable's dimensions.
  func lengths(of name: String) -> [Int] { shape.variables.first { $0.name == name }?.dimensions.map(\.length) ?? [] }

  /// The names of places along a dimension.
  func names(of dimension: String) -> [String] { shape.coordinates.first { $0.name == dimension }?.values ?? [] }

  /// Intervals of the means of a variable's numbers, and of the mean of all numbers, by resampling images.
  func intervals(of name: String, seed: UInt64) -> (each: [ConfidenceInterval], all: ConfidenceInterval) {
    let rows = (ofImages[name] ?? []).compactMap { $0 }
    let count = rows.first?.count ?? 0
    let bootstrap = Bootstrap(seed: seed, population: population)
    var resampled = [[Double]](repeating: [], count: count)
    var all: [Double] = []
    for resample in 0..<(rows.isEmpty ? 0 : Bootstrap.resamples) {
      var sums = [Double](repeating: 0, count: count)
      for (row, times) in zip(rows, bootstrap.counts(resample: resample, imageCount: rows.count)) where times > 0 {
        for place in 0..<count { sums[place] += Double(times) * Double(row[place]) }
      }
      for place in 0..<count { resampled[place].append(sums[place] / Double(rows.count)) }
      // Places beyond what a part of the network has are NaN.
      let own = sums.filter { !$0.isNaN }
      all.append(own.reduce(0, +) / Double(rows.count * own.count))
    }
    return (resampled.map { ConfidenceInterval(resampled: $0) }, ConfidenceInterval(resampled: all))
  }

  /// A single number that stands for the benchmark.
  static func headline(
    _ name: String, _ description: String, _ value: Double, figure: Metric.Figure,
    interval: ConfidenceInterval? = nil
  ) -> [Metric] {
    [Metric(name: name, description: description, axes: [], values: [value], figure: figure)]
      + ends(of: name, axes: [], interval.map { [$0] } ?? [])
  }

  /// The ends of intervals.
  static func ends(of name: String, axes: [String], _ intervals: [ConfidenceInterval]) -> [Metric] {
    guard !intervals.isEmpty else { return [] }
    return [("low", intervals.map(\.low)), ("high", intervals.map(\.high))].map { end, values in
      Metric(
        name: "\(name)_\(end)", description: "\(end) end of the 95 % interval of \(name), \(Bootstrap.method)",
        axes: axes, values: values, figure: .support)
    }
  }
}
