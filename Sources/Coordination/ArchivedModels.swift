import Archives
import Benchmarks
import Planning
import Records

/// Compares the models of several archives in pairs, image by image, on what they were all evaluated on.
public struct ArchivedModels {
  /// A model of one of the archives.
  public struct Model: Sendable, Hashable {
    /// The archive's place.
    public let archive: Int
    /// The model's place in its run.
    public let model: Int
    /// The model's name, with its run where several have one of this name.
    public let name: String
  }

  /// What was found.
  public struct Result: Sendable {
    /// Pairs on each benchmark that both evaluated, in the archives' order. p-values are corrected for all of them.
    public var comparisons: [PairedComparison] = []
    /// Why benchmarks of one name were not compared, or how far they are not of the same thing; one sentence each.
    public var notes: [String] = []
  }

  /// The models of all archives.
  public let models: [Model]
  private let archives: [ArchiveReader]
  private let plans: [Plan]

  /// Models of archives that hold how they were planned.
  ///
  /// - Throws: `ArchiveError` for an archive that cannot be read, `ComparisonError` for one that does not say how it was planned.
  public init(of archives: [ArchiveReader]) throws {
    self.archives = archives
    plans = try archives.map { try Plan(of: $0) }
    let all = plans.enumerated().flatMap { archive, plan in
      plan.manifest.models.enumerated().map { (archive, $0, $1.name, plan.manifest.run) }
    }
    let names = Dictionary(grouping: all, by: \.2)
    let runs = Dictionary(grouping: all) { "\($0.2) (\($0.3))" }
    models = all.map { archive, model, name, run in
      let full = "\(name) (\(run))"
      let said =
        names[name]?.count == 1 ? name : runs[full]?.count == 1 ? full : "\(name) (\(archives[archive].path))"
      return Model(archive: archive, model: model, name: said)
    }
  }

  /// The names of all benchmarks, each once.
  public var benchmarks: [String] {
    var seen: Set<String> = []
    return plans.flatMap { $0.manifest.benchmarks.map(\.name) }.filter { seen.insert($0).inserted }
  }

  /// Compares models in pairs.
  ///
  /// - Parameters:
  ///   - baseline: the model that every other one is compared with; nil: all pairs.
  ///   - benchmarks: the benchmarks' names; nil: all.
  ///   - progress: told the share that is done, 0...1.
  /// - Throws: `ArchiveError` for values that cannot be read.
  public func compare(
    with baseline: Model? = nil, on benchmarks: Set<String>? = nil, progress: (Double) -> Void = { _ in }
  ) throws -> Result {
    var result = Result()
    let pairs = models.indices.flatMap { first in
      models.indices.dropFirst(first + 1).map { (first: models[first], second: models[$0]) }
    }.filter { baseline == nil || $0.first == baseline || $0.second == baseline }
      .map { $0.second == baseline ? (first: $0.second, second: $0.first) : $0 }
    let names = self.benchmarks.filter { benchmarks?.contains($0) ?? true }
    let tables = try archives.indices.map { archive in
      try ArchivedScores(of: archives[archive], plan: plans[archive]).table { benchmark in
        names.contains(plans[archive].manifest.benchmarks[benchmark].name)
      } progress: {
        progress((Double(archive) + $0) / Double(archives.count))
      }
    }
    var found: [(benchmark: String, first: String, second: String, figures: PairedComparison.Figures)] = []
    for name in names {
      for (first, second) in pairs {
        guard let pair = Pair(of: name, first, second, in: plans), share(pair, tables, notes: &result.notes) else {
          continue
        }
        if let figures = figures(of: pair, tables) { found.append((name, first.name, second.name, figures)) }
      }
    }
    result.comparisons = zip(found, SignTest.holm(found.map(\.figures.p))).map { pair, corrected in
      PairedComparison(
        benchmark: pair.benchmark, first: pair.first, second: pair.second, figures: pair.figures,
        correctedP: corrected)
    }
    result.notes = result.notes.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    return result
  }

  // MARK: What is of the same thing

  /// Two models on a benchmark of one name.
  private struct Pair {
    let benchmark: String
    let models: (first: Model, second: Model)
    let plans: (first: Plan, second: Plan)
    /// The benchmark's place in either plan.
    let places: (first: Int, second: Int)

    /// nil where one of the models was not evaluated on it.
    init?(of benchmark: String, _ first: Model, _ second: Model, in plans: [Plan]) {
      func place(_ model: Model) -> Int? {
        let plan = plans[model.archive]
        return plan.manifest.benchmarks.firstIndex { $0.name == benchmark }.flatMap {
          plan.isEvaluated(model: model.model, benchmark: $0) ? $0 : nil
        }
      }
      guard let one = place(first), let other = place(second) else { return nil }
      (self.benchmark, models, places) = (benchmark, (first, second), (one, other))
      self.plans = (plans[first.archive], plans[second.archive])
    }

    var definitions: (first: BenchmarkDefinition, second: BenchmarkDefinition) {
      (plans.first.manifest.benchmarks[places.first], plans.second.manifest.benchmarks[places.second])
    }

    /// Why the models did not answer the same question; nil where they did.
    func obstacle(_ tables: [ScoreTable]) -> String? {
      let (one, other) = definitions
      guard one.kind == other.kind else { return "they are of different kinds, \(one.kind) and \(other.kind)" }
      let listings = (plans.first.listings[places.first], plans.second.listings[places.second])
      guard listings.0.hasSameImages(as: listings.1) else {
        return "their images or classes differ (\(listings.0.paths.count) and \(listings.1.paths.count))"
      }
      let classes = (
        tables[models.first.archive].answerClasses(
          of: plans.first.manifest.models[models.first.model], on: places.first),
        tables[models.second.archive].answerClasses(
          of: plans.second.manifest.models[models.second.model], on: places.second)
      )
      guard classes.0 == classes.1, one.answersAmongAll == other.answersAmongAll else {
        return "they choose among different classes"
      }
      guard one.isDrawn == other.isDrawn else {
        return "one uses published files, the other's pictures are made on the fly"
      }
      return one.kind.benchmark.making.sorted { $0.key < $1.key }
        .first { one.attributes[$0.key] != other.attributes[$0.key] }.map { "different \($0.value)" }
    }
  }

  /// Whether two models answered the same question; notes why not, or in what the pictures differ.
  private func share(_ pair: Pair, _ tables: [ScoreTable], notes: inout [String]) -> Bool {
    if let obstacle = pair.obstacle(tables) {
      notes.append(
        "\(pair.benchmark): \(pair.models.first.name) and \(pair.models.second.name) are not compared: \(obstacle)")
      return false
    }
    let seeds = (pair.plans.first.manifest.seed, pair.plans.second.manifest.seed)
    if pair.definitions.first.isDrawn, seeds.0 != seeds.1 {
      notes.append(
        "\(pair.benchmark): random draws differ, with seeds \(seeds.0) and \(seeds.1)")
    }
    return true
  }

  /// What two models' answers say of each other under the conditions that both have.
  private func figures(of pair: Pair, _ tables: [ScoreTable]) -> PairedComparison.Figures? {
    let theirs = Dictionary(
      pair.definitions.second.conditions.map { ($0.cell.values, $0.cell.index) },
      uniquingKeysWith: { first, _ in first })
    let shared = pair.definitions.first.conditions.compactMap { condition in
      theirs[condition.cell.values].map { (condition.cell.index, $0) }
    }
    let (one, other) = (tables[pair.models.first.archive], tables[pair.models.second.archive])
    return one.rightAnswers(model: pair.models.first.model, benchmark: pair.places.first)
      .of(conditions: shared.map(\.0)).compared(
        with: other.rightAnswers(model: pair.models.second.model, benchmark: pair.places.second)
          .of(conditions: shared.map(\.1)),
        seed: pair.plans.first.manifest.seed, population: one.population(of: pair.places.first))
  }
}

/// Why archives cannot be compared.
public enum ComparisonError: Error, Equatable, CustomStringConvertible {
  /// An archive of before does not say how it was planned.
  case noPlan(String)
  /// An archive's plan cannot be used, or is not of what it holds.
  case unfit(String, String)

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .noPlan(let path):
      "\(path) does not record its plan, being written before gauntlet 0.9; collect it again from its run, or evaluate the models in one run"
    case .unfit(let path, let reason): "\(path): \(reason); see gauntlet verify \(path)"
    }
  }
}
