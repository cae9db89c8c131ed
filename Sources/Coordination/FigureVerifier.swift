import Archives
import Benchmarks
import Foundation
import Planning
import Records

/// Computes an archive's labels and figures once more from what it says was observed and how it was planned: they are the
/// archive's own words about itself, which whoever seals it can write as they like.
public struct FigureVerifier {
  /// What was found.
  public struct Result: Sendable {
    /// Figures that follow from the observations: metrics and comparisons of models.
    public var same = 0
    /// What does not follow, one sentence each.
    public var contradictions: [String] = []
    /// Figures that archives have since a later time than this one's, which has none of them.
    public var later: [String] = []
    /// Why nothing could be computed once more; nil where it was.
    public var obstacle: String?
  }

  /// Sums are the same bits on one machine; libraries of others may round the last place of a logarithm otherwise. A difference
  /// of two shares that are equal may be anything so small.
  private static let tolerance = (relative: 1e-9, absolute: 1e-12)
  /// Figures that archives did not have from the first version on that holds its plan.
  private static let addedLater = Set(
    ["mean_top1_by_severity"].flatMap { [$0, $0 + "_low", $0 + "_high"] })
  /// Contradictions that are named.
  private static let mostNamed = 100

  private let archive: ArchiveReader

  /// Of an archive that is open.
  public init(of archive: ArchiveReader) { self.archive = archive }

  /// Reads all that was observed.
  ///
  /// - Parameter progress: told the share that is done, 0...1.
  /// - Throws: `ArchiveError` for values that cannot be read.
  public func verify(progress: (Double) -> Void = { _ in }) throws -> Result {
    var result = Result()
    let texts = try archive.planTexts()
    guard !texts.isEmpty else {
      result.obstacle = "it does not record its plan, being written before gauntlet 0.9"
      return result
    }
    let plan: Plan
    do { plan = try Plan(archived: texts) } catch let error as ArchivedPlanError {
      if case .otherVersion = error { result.obstacle = "\(error)" } else { result.contradictions.append("\(error)") }
      return result
    }
    result.contradictions += misfits(of: plan)
    guard result.contradictions.isEmpty else { return result }
    let scores = try ArchivedScores(of: archive, plan: plan).table(progress: progress)
    let all = try Set(archive.groups.flatMap { try archive.metrics(group: $0.path).map(\.name) })
    for (group, metrics, _) in scores.metrics() { try compare(metrics, of: group, all, &result) }
    try compare(scores.comparisons(), &result)
    let surplus = result.contradictions.count - Self.mostNamed
    if surplus > 0 {
      result.contradictions = Array(result.contradictions.prefix(Self.mostNamed)) + ["and \(surplus) more"]
    }
    return result
  }

  // MARK: What must agree before anything is computed

  func misfits(of plan: Plan) -> [String] {
    let wanted = plan.manifest.models.indices.flatMap { model in
      plan.manifest.benchmarks.indices.filter { plan.isEvaluated(model: model, benchmark: $0) }.map { (model, $0) }
    }
    guard Set(archive.groups.map(\.path)) == Set(wanted.map { plan.group(model: $0, benchmark: $1) }),
      archive.groups.count == wanted.count
    else { return ["its groups do not match its plan"] }
    return wanted.compactMap { model, benchmark in
      let path = plan.group(model: model, benchmark: benchmark)
      return archive.groups.first { $0.path == path }.flatMap { misfit(of: $0, plan, model, benchmark) }
        .map { "\(path): \($0)" }
    }
  }

  private func misfit(of group: ArchiveReader.Group, _ plan: Plan, _ model: Int, _ benchmark: Int) -> String? {
    let (definition, listing) = (plan.manifest.benchmarks[benchmark], plan.listings[benchmark])
    let scoring = definition.scoring(of: listing, classCount: plan.manifest.models[model].classCount)
    if group.axes.map(\.values) != definition.grid.axes.map(\.values) {
      return "its conditions do not match its plan"
    }
    if !zip(group.imagePaths, listing.paths).allSatisfy({ $0.utf8.elementsEqual($1.utf8) })
      || group.imageCount != listing.paths.count
    {
      return "its images do not match its plan"
    }
    if group.labels != scoring.labels { return "its labels do not match its plan" }
    if group.attributes["data_sha256"] != listing.digest { return "the digest of its images and labels does not match" }
    // Names alone: descriptions are for people.
    let variables = plan.variables(model: model, benchmark: benchmark)
    guard group.variables.map(\.name) == variables.map(\.name),
      group.variables.map(\.dimensions) == variables.map(\.dimensions)
    else { return "its variables do not match its plan" }
    return nil
  }

  // MARK: Comparing

  /// - Parameter all: names of figures that the archive has of any group.
  private func compare(
    _ metrics: [Metric], of group: String, _ all: Set<String>, _ result: inout Result
  ) throws {
    let recorded = try archive.metrics(group: group)
    let names = Set(metrics.map(\.name))
    result.contradictions += recorded.filter { !names.contains($0.name) }.map {
      "\(group): \($0.name) is not one of its figures"
    }
    for metric in metrics {
      if Self.addedLater.contains(metric.name), !all.contains(metric.name) {
        if !result.later.contains(metric.name) { result.later.append(metric.name) }
        continue
      }
      guard let found = recorded.first(where: { $0.name == metric.name }), found.values.count == metric.values.count
      else {
        result.contradictions.append("\(group): \(metric.name) is missing, or has the wrong size")
        continue
      }
      if let place = metric.values.indices.first(where: { !Self.agree(found.values[$0], metric.values[$0]) }) {
        result.contradictions.append(
          "\(group): \(metric.name) is recorded as \(found.values[place]), but the observations give \(metric.values[place])"
        )
      } else {
        result.same += 1
      }
    }
  }

  private func compare(_ comparisons: [PairedComparison], _ result: inout Result) throws {
    let recorded = try archive.comparisons()
    guard recorded.count == comparisons.count else {
      result.contradictions.append(
        "it records \(recorded.count) comparisons of models, but the observations give \(comparisons.count)")
      return
    }
    for (found, own) in zip(recorded, comparisons) {
      let isSame =
        found.names == own.names && found.counts == own.counts
        && zip(found.numbers, own.numbers).allSatisfy { Self.agree($0, $1) }
      if isSame {
        result.same += 1
      } else {
        result.contradictions.append(
          "the comparison of \(own.first) and \(own.second) on \(own.benchmark) does not follow from the observations")
      }
    }
  }

  private static func agree(_ one: Double, _ other: Double) -> Bool {
    one == other || one.isNaN && other.isNaN
      || abs(one - other) <= tolerance.absolute + tolerance.relative * max(abs(one), abs(other))
  }
}

extension PairedComparison {
  fileprivate var names: [String] { [benchmark, first, second] }
  fileprivate var counts: [Int] { [figures.conditions, figures.images, figures.firstBetter, figures.secondBetter] }
  fileprivate var numbers: [Double] {
    [
      figures.difference, figures.differenceLow, figures.differenceHigh, figures.p, figures.agreement,
      figures.errorConsistency, figures.errorConsistencyLow, figures.errorConsistencyHigh, correctedP,
    ]
  }
}
