import Benchmarks
import Imaging

/// Why archives cannot be merged.
public enum MergeError: Error, Equatable, CustomStringConvertible {
  /// What is drawn at random was drawn from different seeds.
  case seeds(UInt64, UInt64)
  /// A model or benchmark of one name is another one in two archives, which differ so.
  case differing(what: String, name: String, differences: [String])
  /// Images have no result in an archive that is named before one which has it.
  case lacking(group: String, condition: Int, image: Int, first: String, second: String)
  /// Two archives hold different values of the same.
  case otherValues(group: String, condition: Int, images: Range<Int>, first: String, second: String)

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .seeds(let first, let second):
      "random draws used seed \(first) in one and seed \(second) in the other, so models saw "
        + "different pictures; evaluate both with the same seed"
    case .differing(let what, let name, let differences):
      "the \(what) \(name) differs between them: \(differences.prefix(3).joined(separator: "; "))"
        + (differences.count > 3 ? "; and \(differences.count - 3) more differences" : "")
        + "; rename one of the two in its manifest"
    case .lacking(let group, let condition, let image, let first, let second):
      "\(first) has no result of image \(image) of \(group), condition \(condition), but \(second) has; name \(second) before "
        + "\(first)"
    case .otherValues(let group, let condition, let images, let first, let second):
      "\(first) and \(second) both hold \(group), condition \(condition), images \(images.lowerBound) to "
        + "\(images.upperBound - 1), but with different values; gauntlet verify tells whether one is damaged"
    }
  }
}

extension Plan {
  /// One plan of all that several plans' archives hold: models and benchmarks of one name are one, and each benchmark is for the
  /// models that were evaluated on it.
  ///
  /// - Parameters:
  ///   - plans: at least one.
  ///   - manifestText: what the users wrote.
  /// - Throws: `MergeError` where they do not fit together.
  public static func merged(_ plans: [Plan], manifestText: String) throws -> Plan {
    var union = Union()
    for plan in plans { try union.add(plan) }
    return union.plan(of: plans, manifestText)
  }

  /// What several plans are of, together.
  private struct Union {
    var models: [(specification: ModelSpecification, input: PictureSize)] = []
    var benchmarks: [(definition: BenchmarkDefinition, listing: ImageListing, pictures: [PictureSize])] = []
    /// By the names of model and benchmark.
    var shapes: [[String]: ObservedShape] = [:]
    var seed: UInt64?
    var isDrawn = false

    mutating func add(_ plan: Plan) throws {
      let isDrawn = plan.manifest.benchmarks.contains(where: \.isDrawn)
      if let seed, seed != plan.manifest.seed, isDrawn && self.isDrawn {
        throw MergeError.seeds(seed, plan.manifest.seed)
      }
      // Where nothing is drawn, only the resamples of intervals rest on it.
      if seed == nil || isDrawn { seed = plan.manifest.seed }
      self.isDrawn = self.isDrawn || isDrawn
      for (model, input) in zip(plan.manifest.models, plan.inputs) { try add(model, input) }
      for (place, definition) in plan.manifest.benchmarks.enumerated() {
        try add(definition, plan.listings[place], plan.pictures[place])
        for (model, specification) in plan.manifest.models.enumerated()
        where plan.isEvaluated(model: model, benchmark: place) {
          try add(plan.shape(model: model, benchmark: place), of: [specification.name, definition.name])
        }
      }
    }

    /// Logits that were transferred are also of the other models of their run.
    private mutating func add(_ shape: ObservedShape, of group: [String]) throws {
      // Descriptions are for people.
      if let known = shapes[group],
        known.variables.map(\.name) != shape.variables.map(\.name)
          || known.variables.map(\.dimensions) != shape.variables.map(\.dimensions)
          || known.coordinates != shape.coordinates
      {
        func names(_ shape: ObservedShape) -> String { shape.variables.map(\.shape).joined(separator: " ") }
        throw MergeError.differing(
          what: "group", name: group.joined(separator: "/"),
          differences: ["it holds \(names(shape)) instead of \(names(known))"])
      }
      shapes[group] = shape
    }

    private mutating func add(_ model: ModelSpecification, _ input: PictureSize) throws {
      guard let known = models.first(where: { $0.specification.name == model.name })?.specification else {
        return models.append((model, input))
      }
      guard model.python == nil else {
        throw MergeError.differing(
          what: "model", name: model.name, differences: ["it is computed by Python, which may have changed in between"])
      }
      guard known.asked == model.asked else {
        throw MergeError.differing(
          what: "model", name: model.name, differences: try Places.differences(of: model.asked, from: known.asked))
      }
    }

    private mutating func add(
      _ definition: BenchmarkDefinition, _ listing: ImageListing, _ pictures: [PictureSize]
    ) throws {
      guard let known = benchmarks.first(where: { $0.definition.name == definition.name }) else {
        return benchmarks.append((definition, listing, pictures))
      }
      guard known.listing.hasSameImages(as: listing) else {
        throw MergeError.differing(
          what: "benchmark", name: definition.name,
          differences: ["its images or classes (\(listing.paths.count) and \(known.listing.paths.count) images)"])
      }
      guard known.pictures == pictures, known.listing.annotations.map(\.sha256) == listing.annotations.map(\.sha256)
      else {
        throw MergeError.differing(
          what: "benchmark", name: definition.name, differences: ["its pictures have other sizes, or other annotations"]
        )
      }
      // For which models it is makes no difference, nor where its files lie: digests beside the paths say what they are.
      let differences = try Places.differences(
        of: definition.of(models: []), from: known.definition.of(models: [])
      ).filter { !$0.hasPrefix("layout.") && !$0.prefix { $0 != " " }.hasSuffix(".path") }
      guard differences.isEmpty else {
        throw MergeError.differing(what: "benchmark", name: definition.name, differences: differences)
      }
    }

    func plan(of plans: [Plan], _ manifestText: String) -> Plan {
      let names = models.map(\.specification.name)
      let definitions = benchmarks.map { benchmark in
        let evaluated = names.filter { shapes[[$0, benchmark.definition.name]] != nil }
        return benchmark.definition.of(models: evaluated == names ? [] : evaluated)
      }
      func joined(_ values: [String]) -> String {
        values.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }.joined(separator: "+")
      }
      let manifest = Manifest(
        run: joined(plans.map(\.manifest.run)), seed: seed ?? 0, models: models.map(\.specification),
        benchmarks: definitions, sharding: plans[0].manifest.sharding, output: plans[0].manifest.output)
      return Plan(
        runID: joined(plans.map(\.runID)), manifest: manifest, manifestText: manifestText,
        listings: benchmarks.map(\.listing), stamps: .made([]), inputs: models.map(\.input),
        pictures: benchmarks.map(\.pictures),
        shapes: names.map { model in
          definitions.map { shapes[[model, $0.name]] ?? ObservedShape([]) }
        },
        created: plans.map(\.created).max() ?? "")
    }
  }
}

extension BenchmarkDefinition {
  fileprivate func of(models: [String]) -> BenchmarkDefinition {
    var definition = self
    definition.models = models
    return definition
  }
}
