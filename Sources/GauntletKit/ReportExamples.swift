import Archives
import Benchmarks
import Durable
import Foundation
import Planning
import Reporting
import Working

/// Pictures of a run that one of its models answers right and another wrong, for a report's page: of each benchmark those of the
/// two models that differ most.
struct ReportExamples {
  private let run: RunFolder
  private let plan: Plan
  private let archive: ArchiveReader
  /// Of each benchmark, at most.
  private let count: Int

  /// Of a run that was collected, and whose data lie where it read them.
  ///
  /// - Throws: `RunFolderError`, `ArchiveError`.
  init(of run: String, count: Int) throws {
    self.run = RunFolder(run)
    self.count = count
    plan = try Plan.read(from: self.run)
    archive = try ArchiveReader(path: self.run.archive)
  }

  /// The examples of all benchmarks.
  ///
  /// - Parameters:
  ///   - label: what the report calls the run.
  ///   - note: told why there are none of a benchmark, or why pictures are missing.
  ///   - progress: told the share that is done, 0...1.
  func made(label: String, note: (String) -> Void, progress: (Double) -> Void) throws -> [ReportExample] {
    let comparisons = try archive.comparisons()
    let benchmarks = plan.manifest.benchmarks
    return try benchmarks.enumerated().flatMap { place, benchmark -> [ReportExample] in
      progress(Double(place) / Double(benchmarks.count))
      let pairs = comparisons.filter { $0.benchmark == benchmark.name && $0.figures.difference != 0 }
      guard let pair = pairs.max(by: { abs($0.figures.difference) < abs($1.figures.difference) }),
        benchmark.observed == .logits
      else { return [] }
      let isFirst = pair.figures.difference > 0
      var choice = Disagreement.Choice(
        right: isFirst ? pair.first : pair.second, wrong: isFirst ? pair.second : pair.first)
      (choice.benchmark, choice.count, choice.mostConditions) = (benchmark.name, count, count)
      return try examples(Disagreement(of: run.path, choice), label: label, note)
    }
  }

  private func examples(
    _ disagreement: Disagreement, label: String, _ note: (String) -> Void
  ) throws -> [ReportExample] {
    let benchmark = plan.manifest.benchmarks[disagreement.benchmark]
    let names = [disagreement.models.right, disagreement.models.wrong].map { plan.manifest.models[$0].name }
    let changed = try pictures(
      .init(
        model: disagreement.models.wrong, benchmark: disagreement.benchmark,
        places: disagreement.found.map { ($0.cell, $0.image) }), note)
    return try zip(disagreement.found, changed).compactMap { found, picture in
      guard let picture else { return nil }
      let path = plan.listings[disagreement.benchmark].paths[found.image]
      return ReportExample(
        run: label, benchmark: benchmark.name,
        condition: zip(benchmark.grid.axes, found.cell.values).map { "\($0.name) \($1)" }.joined(separator: ", "),
        label: found.label, right: names[0], wrong: names[1], answer: found.answer, picture: picture,
        clean: try clean(path, of: disagreement, note))
    }
  }

  /// The same picture unchanged, where the run has it: clean images.
  private func clean(_ path: String, of disagreement: Disagreement, _ note: (String) -> Void) throws -> Data? {
    let model = disagreement.models.wrong
    for (place, benchmark) in plan.manifest.benchmarks.enumerated()
    where place != disagreement.benchmark && benchmark.kind.benchmark.isClean && !benchmark.isDrawn {
      guard let image = plan.listings[place].paths.firstIndex(where: { $0.utf8.elementsEqual(path.utf8) }),
        let cell = benchmark.conditions.first?.cell
      else { continue }
      return try pictures(.init(model: model, benchmark: place, places: [(cell, image)]), note).first ?? nil
    }
    return nil
  }

  /// Pictures as PNG files in memory; nil for one that cannot be made.
  private func pictures(_ selection: PictureExport.Selection, _ note: (String) -> Void) throws -> [Data?] {
    // Its owner's alone: the data may be nobody else's to see.
    let owned = FileManager.default.temporaryDirectory.appendingPathComponent("gauntlet-\(UUID().uuidString)").path
    try DurableFile.makeFolder(owned, mode: 0o700)
    defer { try? FileManager.default.removeItem(atPath: owned) }
    let scratch = owned + "/pictures"
    let computation = Computation()
    let written = try PictureExport(of: plan, selection, to: scratch).write(
      memory: WorkerMemory.ofModels(of: computation.memory), batch: computation.batch, threads: computation.streams)
    return written.map { picture in
      if let problem = picture.problem { note(problem) }
      return picture.file.flatMap { FileManager.default.contents(atPath: scratch + "/" + $0) }
    }
  }
}
