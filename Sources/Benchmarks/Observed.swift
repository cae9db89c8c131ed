import Records

/// What a benchmark observes of each image.
public enum Observed: Sendable, Hashable, Codable {
  /// The network's answer.
  case logits
  /// The network's answer, and those of the run's other models to the same values: of images that were made for this one.
  case transferredLogits
  /// How much the maps within the network vary, and with which frequencies.
  case features
  /// How far the heads of a transformer look.
  case attentionDistance
  /// How far large depthwise kernels look: of the network alone, without images.
  case kernelDistance
  /// What of the image reaches the middle of the network's last maps.
  case receptiveField
  /// The gradient of the label's logit, and its integral from black to the image, at so many places on the way.
  case gradients(steps: Int)

  /// Whether there are images at all.
  public var isOfImages: Bool { self != .kernelDistance }

  /// Whether they are answers.
  public var isOfAnswers: Bool { self == .logits || self == .transferredLogits }

  /// Whether the network is differentiated.
  public var needsGradients: Bool { self == .receptiveField || needsLabels }

  /// Images that a worker keeps in memory until all is observed of them, at most; nil: any number.
  public var mostImages: Int? { self == .transferredLogits ? 64 : nil }

  /// Whether it needs to know what images show.
  public var needsLabels: Bool { if case .gradients = self { true } else { false } }
}

/// The variables of what is observed by one model, and what their dimensions' places are called.
public struct ObservedShape: Sendable, Hashable, Codable {
  /// Each an observation's.
  public let variables: [Variable]
  /// Names of places along dimensions, such as blocks; other dimensions have numbers alone.
  public let coordinates: [Axis]

  /// A shape.
  public init(_ variables: [Variable], coordinates: [Axis] = []) {
    (self.variables, self.coordinates) = (variables, coordinates)
  }

  /// Logits alone.
  public static func logits(classes: Int) -> ObservedShape { ObservedShape([.logits(classes: classes)]) }
}

/// What one model observes on one benchmark, as tallies are told.
public struct ObservedRun: Sendable {
  /// The benchmark.
  public let benchmark: BenchmarkDefinition
  /// What is observed.
  public let shape: ObservedShape
  /// The images.
  public let listing: ImageListing
  /// How answers are judged.
  public let scoring: Scoring
  /// Tallies over the same images share a number, so that their intervals rest on the same resamples.
  public let population: UInt32

  /// A model's observations.
  public init(
    _ benchmark: BenchmarkDefinition, _ shape: ObservedShape, _ listing: ImageListing, scoring: Scoring,
    population: UInt32
  ) {
    (self.benchmark, self.shape, self.listing, self.scoring) = (benchmark, shape, listing, scoring)
    self.population = population
  }
}
