import Archives
import ArgumentParser
import Coordination
import Records
import Reporting

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compares models of one or more archives in pairs, image by image.",
    discussion: """
      For each benchmark that both models of a pair were evaluated on, over the same images: the difference in top-1 with its \
      95 % interval, on how many images each is better, an exact p-value, Holm-corrected for all pairs \
      shown, and whether they fail on the same images. Results that are not comparable are named instead.
      Exit status 0: compared; 1: nothing is comparable.
      Example: gauntlet compare runs/miniature --baseline replknet-nano
      """)

  @Argument(help: "The archives, or the folders of their runs.") var files: [String]
  @Option(help: "Compare every other model with this one only.") var baseline: String?
  @Option(help: ArgumentHelp("Only this benchmark; may be repeated.", valueName: "name")) var benchmark: [String] = []
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let paths = try files.map(Usage.archive)
    for path in paths { try Usage.warn(ofSealOf: path) }
    let models = try ArchivedModels(of: paths.map { try ArchiveReader(path: $0) })
    let unknown = benchmark.filter { !models.benchmarks.contains($0) }
    guard unknown.isEmpty else {
      throw UsageError(
        "--benchmark is \(unknown[0]), but the archives' are \(models.benchmarks.joined(separator: ", "))")
    }
    let progress = ProgressLine("comparing")
    let found = try models.compare(
      with: try baseline.map { try Self.model($0, models.models) }, on: benchmark.isEmpty ? nil : Set(benchmark)
    ) { progress.report(fraction: $0, remark: paths.joined(separator: ", ")) }
    progress.finish()
    if json {
      try printObject(Comparisons(found), keys: .convertToSnakeCase)
    } else {
      let model = ReportModel(title: "", sections: [], pairs: found.comparisons.map { ReportedPair($0) })
      let text = ReportTable.render(model, colour: Terminal.takesColour, width: Terminal.width)
      if !text.isEmpty { StandardOutput.write(text + "\n") }
      for note in found.notes { Terminal.complain("gauntlet: \(note)") }
      if found.comparisons.isEmpty {
        Terminal.complain("gauntlet: no two models were evaluated on the same images of a benchmark")
      }
    }
    if found.comparisons.isEmpty { throw ExitStatus.setAside }
  }

  /// The model that is meant: by its name, with its run where several have one of this name.
  private static func model(_ name: String, _ models: [ArchivedModels.Model]) throws -> ArchivedModels.Model {
    guard let model = models.first(where: { $0.name == name }) else {
      throw UsageError("--baseline is \(name), but the models are \(models.map(\.name).joined(separator: ", "))")
    }
    return model
  }

  /// As JSON; what is not defined is null.
  private struct Comparisons: Encodable {
    struct Pair: Encodable {
      let benchmark: String
      let first: String
      let second: String
      let conditions: Int
      let images: Int
      let difference: Double?
      let differenceLow: Double?
      let differenceHigh: Double?
      let firstBetter: Int
      let secondBetter: Int
      let p: Double?
      let correctedP: Double?
      let agreement: Double?
      let errorConsistency: Double?
      let errorConsistencyLow: Double?
      let errorConsistencyHigh: Double?
    }

    let comparisons: [Pair]
    let notes: [String]

    init(_ result: ArchivedModels.Result) {
      notes = result.notes
      comparisons = result.comparisons.map { comparison in
        let figures = comparison.figures
        func defined(_ value: Double) -> Double? { value.isNaN ? nil : value }
        return Pair(
          benchmark: comparison.benchmark, first: comparison.first, second: comparison.second,
          conditions: figures.conditions, images: figures.images, difference: defined(figures.difference),
          differenceLow: defined(figures.differenceLow), differenceHigh: defined(figures.differenceHigh),
          firstBetter: figures.firstBetter, secondBetter: figures.secondBetter, p: defined(figures.p),
          correctedP: defined(comparison.correctedP), agreement: defined(figures.agreement),
          errorConsistency: defined(figures.errorConsistency),
          errorConsistencyLow: defined(figures.errorConsistencyLow),
          errorConsistencyHigh: defined(figures.errorConsistencyHigh))
      }
    }
  }
}
