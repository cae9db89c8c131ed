import Benchmarks
import Networks
import Records

extension Observed {
  /// What is looked at within the network; nil for logits, and for what is no view of it.
  public var view: NetworkView? {
    switch self {
    case .features: .features
    case .attentionDistance: .attentionDistance
    case .receptiveField: .receptiveField
    case .logits, .transferredLogits, .kernelDistance, .gradients: nil
    }
  }

  /// The variables of a network, and the names of their places.
  ///
  /// - Parameter others: the models that answer, too, where logits are transferred.
  /// - Throws: `NetworkViewError` or `GradientError` where the network has nothing of the kind.
  public func shape(
    of architecture: Architecture, classCount: Int, others: [ModelSpecification] = []
  ) throws -> ObservedShape {
    if let view { try architecture.check(view) }
    func field(_ name: String, _ what: String, isCoded: Bool = false) -> Variable {
      Variable(
        name,
        [.init("row", architecture.inputHeight), .init("column", architecture.inputWidth)]
          + (isCoded ? [.init("colour", 3)] : []), description: what)
    }
    switch self {
    case .logits: return .logits(classes: classCount)
    case .transferredLogits:
      return ObservedShape(
        [.logits(classes: classCount)]
          + others.map { .logits(of: $0.name, classes: $0.classCount, own: classCount) })
    case .features:
      let points = architecture.featurePoints
      let dimension = Variable.Dimension("point", points.count)
      let frequencies = points.map(\.frequencies).max() ?? 0
      return ObservedShape(
        [
          Variable("variance", [dimension], description: "variance of maps over pixels, mean over channels"),
          Variable(
            "log_amplitude", [dimension, .init("frequency", frequencies)],
            description: "log amplitude less that of frequency 0, mean over channels; NaN beyond a map's frequencies"),
        ], coordinates: [Axis(name: "point", values: points.map(\.path)), Self.numbers("frequency", frequencies)])
    case .attentionDistance:
      let attentions = architecture.attentions
      return ObservedShape(
        [
          Variable(
            "attention_distance",
            [.init("block", attentions.count), .init("head", attentions.map(\.heads).max() ?? 0)],
            description: "mean distance from a patch to those that it attends to, in pixels; NaN beyond a block's heads"
          )
        ],
        coordinates: [
          Axis(name: "block", values: attentions.map(\.path)),
          Self.numbers("head", attentions.map(\.heads).max() ?? 0),
        ])
    case .kernelDistance:
      let kernels = architecture.largeKernels
      guard !kernels.isEmpty else { throw ObservationError.noLargeKernel }
      let dimensions = [
        Variable.Dimension("kernel", kernels.count), .init("channel", kernels.map(\.channels).max() ?? 0),
      ]
      return ObservedShape(
        KernelVariables.all.map { Variable($0.name, dimensions, description: $0.description) },
        coordinates: [Axis(name: "kernel", values: kernels.map(\.path))])
    case .receptiveField:
      return ObservedShape(
        [field("receptive_field", "sum over colours of the positive gradient of the middle of the last maps")],
        coordinates: Self.pixels(of: architecture))
    case .gradients:
      try architecture.checkGradient()
      return ObservedShape(
        [
          field("input_gradient", "gradient of the label's logit with respect to values in [0, 1]", isCoded: true),
          field(
            "integrated_gradients", "its mean from black to the image, times the image's values", isCoded: true),
          Variable(
            "completeness_gap", [],
            description: "sum of integrated gradients less the label's logit of the image less that of black, magnitude"
          ),
        ], coordinates: Self.pixels(of: architecture))
    }
  }

  private static func pixels(of architecture: Architecture) -> [Axis] {
    [numbers("row", architecture.inputHeight), numbers("column", architecture.inputWidth)]
  }

  private static func numbers(_ name: String, _ count: Int) -> Axis {
    Axis(name: name, values: (0..<count).map(String.init), isNumeric: true)
  }
}

extension Observed {
  /// The models that answer beside one.
  func others(than model: ModelSpecification, in manifest: Manifest) -> [ModelSpecification] {
    self == .transferredLogits ? manifest.models.filter { $0.name != model.name } : []
  }
}

extension Plan {
  /// Refuses to transfer images to models that take others, or to none.
  ///
  /// - Throws: `ManifestError`.
  func checkTransfers(_ file: String) throws {
    for benchmark in manifest.benchmarks where benchmark.observed == .transferredLogits {
      let problem: String? =
        if manifest.models.count < 2 {
          "transfers images from model to model, but there is only one model; add another, or remove the key transfer"
        } else if let other = zip(manifest.models, inputs).first(where: { $0.1 != inputs[0] }) {
          "transfers images from model to model, but \(manifest.models[0].name) takes images of \(inputs[0]) and "
            + "\(other.0.name) of \(other.1); a run must have models of one size"
        } else {
          nil
        }
      guard let problem else { continue }
      throw ManifestError(file: file, line: nil, column: nil, problem: "\(benchmark.name) \(problem)")
    }
  }
}

/// The variables that are made of ``KernelDistances``.
public enum KernelVariables {
  static let all = [
    (name: "kernel_distance", description: "distance from the middle weighted by magnitude, 0 to 1, of merged kernels"),
    (name: "kernel_distance_sum", description: "sum of distance times magnitude, of merged kernels"),
    (name: "raw_kernel_distance", description: "distance weighted by magnitude, of the large kernel as it is stored"),
    (
      name: "raw_kernel_distance_sum",
      description: "sum of distance times magnitude, of the large kernel as it is stored"
    ),
  ]

  /// The observations of a network's kernels; places beyond a kernel's channels are NaN.
  public static func observations(_ kernels: [KernelDistances], _ shape: ObservedShape) -> [Observation] {
    let width = shape.variables.first?.dimensions.last?.length ?? 0
    let parts: [(KernelDistances) -> [Double]] = [
      \.merged.weighted, \.merged.summed, \.raw.weighted, \.raw.summed,
    ]
    return zip(shape.variables, parts).map { variable, part in
      Observation(
        variable,
        kernels.flatMap { kernel in
          let own = part(kernel).map { Float($0) }
          return own + Array(repeating: .nan, count: max(0, width - own.count))
        })
    }
  }
}

/// What a benchmark asks to observe of a network that does not have it.
public enum ObservationError: Error, Equatable, CustomStringConvertible {
  /// No depthwise kernel of 5x5 or more.
  case noLargeKernel

  /// What was found.
  public var description: String { "the network has no depthwise kernel of 5x5 or more" }
}

extension Plan {
  /// What each model's observations on each benchmark are, [model][benchmark].
  ///
  /// - Throws: `ManifestError` where a model has nothing of what a benchmark observes.
  static func shapes(of manifest: Manifest, _ file: String) throws -> [[ObservedShape]] {
    try manifest.models.map { model in
      let isPlain = manifest.benchmarks.allSatisfy { $0.observed == .logits }
      let architecture =
        isPlain ? nil : try model.ownArchitecture()
      return try manifest.benchmarks.map { benchmark in
        guard benchmark.evaluates(model.name) else { return ObservedShape([]) }
        guard benchmark.observed != .logits, let architecture else { return .logits(classes: model.classCount) }
        do {
          return try benchmark.observed.shape(
            of: architecture, classCount: model.classCount, others: benchmark.observed.others(than: model, in: manifest)
          )
        } catch {
          throw ManifestError(
            file: file, line: nil, column: nil,
            problem:
              "\(benchmark.name) cannot observe \(model.name): \(error); list the models that it is for, as in "
              + "models: [\(manifest.models.first { $0.name != model.name }?.name ?? "NAME")]"
          )
        }
      }
    }
  }

  /// Whether a benchmark evaluates a model.
  public func isEvaluated(model: Int, benchmark: Int) -> Bool {
    manifest.benchmarks[benchmark].evaluates(manifest.models[model].name)
  }

  /// What a model's observations on a benchmark are.
  public func shape(model: Int, benchmark: Int) -> ObservedShape { shapes[model][benchmark] }

  /// What is observed of each image by a model on a benchmark.
  public func variables(model: Int, benchmark: Int) -> [Variable] { shapes[model][benchmark].variables }
}
