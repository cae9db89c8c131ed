import Archives
import Benchmarks
import Foundation
import Planning
import Records

/// What collecting found.
public struct CollectionSummary: Sendable, Equatable {
  /// Results that the plan asks for: images, each once a condition and model.
  public internal(set) var images = 0
  /// Images that were set aside in shards that were recorded.
  public internal(set) var failedImages = 0
  /// Those of them whose files could not be read.
  public internal(set) var unreadableImages = 0
  /// Shards that left no result: pending or set aside.
  public internal(set) var missingShards = 0
  /// Images of those shards.
  public internal(set) var imagesOfMissingShards = 0

  /// Results that the archive lacks.
  public var missingImages: Int { failedImages + imagesOfMissingShards }
}

/// Why a run cannot be collected.
public enum CollectionError: Error, Equatable, CustomStringConvertible {
  /// The run has not ended.
  case unfinished(folder: String, pending: Int)
  /// A part is not what was recorded.
  case damagedPart(path: String, reason: String, folder: String)

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .unfinished(let folder, let pending):
      "\(pending) shards of \(folder) are not computed yet; continue with gauntlet resume, or collect with --partial"
    case .damagedPart(let path, let reason, let folder):
      "\(path): \(reason); gauntlet mend \(folder) finds all such parts, then gauntlet resume recomputes them"
    }
  }
}

/// Merges a run's parts into its archive, with metrics and provenance. Memory is bounded by a part, a few rows, and two bytes a
/// result, twelve for ImageNet-P's, ten where conditions are calibrated; of what is seen within networks by 32 bytes a number
/// of one image, and four of every image where a mean has an interval; at first by one model's logits of clean images.
/// Merging archives takes two bytes a result more, and two kilobytes a part.
public struct Collector {
  private let results: any CollectedResults
  private let version: String
  /// Refuses what is not to be collected; the argument is whether part of it is enough.
  private let check: (Bool) throws -> Void

  /// A collector of a planned run.
  public init(run: PlannedRun, version: String) {
    self.version = version
    results = RunResults(run: run)
    check = { partial in
      let status = try run.ledger.status(now: Date().timeIntervalSince1970)
      guard partial || status.isComplete else {
        throw CollectionError.unfinished(folder: run.folder.path, pending: status.total.pending)
      }
    }
  }

  /// A collector of what several archives hold, which are told apart by model and benchmark.
  ///
  /// - Throws: `ComparisonError` for an archive that does not say how it was planned, `MergeError` where they do not fit
  ///   together, `ArchiveError` where one is damaged.
  public init(merging archives: [ArchiveReader], version: String) throws {
    self.version = version
    results = try ArchivedResults(archives)
    check = { _ in }
  }

  private var plan: Plan { results.plan }

  /// Writes the archive to `path`, whole or not at all.
  ///
  /// - Parameters:
  ///   - partial: whether a run with pending shards may be collected.
  ///   - progress: told the share that is done, 0...1.
  /// - Throws: `CollectionError`, `ArchiveError` for a damaged part, `MergeError`, or an error of the disk.
  public func collect(to path: String, partial: Bool, progress: (Double) -> Void) throws -> CollectionSummary {
    try check(partial)
    var summary = CollectionSummary()
    (summary.missingShards, summary.images) = try results.expected()
    summary.imagesOfMissingShards = summary.images

    let writer = try ArchiveWriter(
      path: path, attributes: rootAttributes, groups: groupPlans(), compressed: plan.manifest.output.compressed)
    var scores = ScoreTable(
      plan: plan, temperatures: try plan.temperatures { try results.logits(model: $0, benchmark: $1) })
    try results.forEach(progress: progress) { shard in
      summary.missingShards -= 1
      summary.imagesOfMissingShards -= shard.definition.imageCount
      guard let (contents, sha256) = shard.part else { return }
      try writer.add(contents, fileSHA256: sha256)
      summary.failedImages += contents.failures.count
      summary.unreadableImages += contents.failures.count(where: \.isUnreadable)
      scores.add(contents.observations, of: shard.definition)
    }
    for (group, metrics, further) in scores.metrics() {
      try writer.writeMetrics(group: group, metrics, further: further)
    }
    try writer.writeComparisons(scores.comparisons())
    try writer.writeTable("attempts", columns: try attemptColumns())
    try writer.writeTable("left_out", columns: leftOutColumns)
    let texts = try plan.archived()
    try writer.writeTable("plan", columns: [.strings("name", texts.map(\.name)), .strings("json", texts.map(\.text))])
    try writer.close()
    return summary
  }

  private var rootAttributes: [String: String] {
    let manifest = plan.manifest
    return [
      "title": "Robustness evaluation \(manifest.run)", "source": "gauntlet \(version)", "run": manifest.run,
      "run_id": plan.runID, "seed": String(manifest.seed), "planned": plan.created,
      "manifest": plan.manifestText,
    ]
  }

  private func groupPlans() -> [ArchiveGroupPlan] {
    var groups: [ArchiveGroupPlan] = []
    for (model, specification) in plan.manifest.models.enumerated() {
      let classCount = specification.classCount
      for (benchmark, definition) in plan.manifest.benchmarks.enumerated() {
        guard plan.isEvaluated(model: model, benchmark: benchmark) else { continue }
        let listing = plan.listings[benchmark]
        let scoring = definition.scoring(of: listing, classCount: classCount)
        groups.append(
          ArchiveGroupPlan(
            path: plan.group(model: model, benchmark: benchmark),
            axes: definition.grid.axes,
            imagePaths: listing.paths, labels: scoring.labels, classNames: scoring.classNames,
            variables: plan.variables(model: model, benchmark: benchmark),
            coordinates: plan.shape(model: model, benchmark: benchmark).coordinates,
            attributes: attributes(
              of: specification, on: definition, listing,
              publishedFiles: plan.publishedFiles(model: model, benchmark: benchmark)
            )
            .merging(definition.observed.rests(on: scoring) ? scoring.archiveAttributes : [:]) { $1 },
            texts: scoring.archiveTexts))
      }
    }
    return groups
  }

  private func attributes(
    of model: ModelSpecification, on benchmark: BenchmarkDefinition, _ listing: ImageListing, publishedFiles: String?
  ) -> [String: String] {
    let preprocessing = model.preprocessing
    var attributes = [
      "model": model.name, "architecture": model.architecture, "checkpoint": model.checkpoint,
      "checkpoint_sha256": model.checkpointDigest, "benchmark": benchmark.name,
      "benchmark_kind": benchmark.kind.rawValue, "data_root": benchmark.root,
      "data_sha256": listing.digest, "files_found": String(listing.filesFound),
      "preprocess_mean": preprocessing.mean.map { "\($0)" }.joined(separator: " "),
      "preprocess_std": preprocessing.std.map { "\($0)" }.joined(separator: " "),
      "preprocess_interpolation": preprocessing.interpolation.rawValue,
    ]
    if let python = model.python {
      attributes["engine"] = "python"
      attributes["callable"] = python.callable
      attributes["bits"] = "of a Python callable: not the same on every machine"
    } else {
      (attributes["precision"], attributes["gemm"]) = (model.precision.rawValue, model.gemm.rawValue)
    }
    attributes["logits"] = model.outputNote
    attributes["preprocess_resize"] = preprocessing.resize.map(String.init)
    attributes["preprocess_crop"] = preprocessing.crop.map(String.init)
    attributes["published_files"] = publishedFiles
    if !benchmark.subsets.isEmpty {
      attributes["data_folders"] = benchmark.subsets.map { "\($0.name)\t\($0.folder)" }.joined(separator: "\n")
    }
    attributes.merge(benchmark.attributes) { $1 }
    for annotation in listing.annotations { attributes[annotation.kind.rawValue + "_sha256"] = annotation.sha256 }
    let making = benchmark.kind.benchmark.making.sorted { $0.key < $1.key }
    if !making.isEmpty { attributes["making"] = making.map { "\($0.key)\t\($0.value)" }.joined(separator: "\n") }
    if benchmark.isDrawn { attributes["changed"] = "on the fly, seed \(plan.manifest.seed)" }
    if case .among = benchmark.kind.benchmark.classes {
      attributes["answers_among"] = benchmark.answersAmongAll ? "all" : "own"
      // Where the network answers among all of its classes, they are listed, too.
      attributes["scored_classes"] = (0..<model.classCount).map(String.init).joined(separator: " ")
    }
    for made in ["corruptions", "perturbations"] where attributes[made] != nil {
      attributes[made]? += ", seed \(plan.manifest.seed)"
    }
    return attributes
  }

  /// Files beside the images that are none of them; those of a benchmark are the same for all models.
  private var leftOutColumns: [TableColumn] {
    let files = zip(plan.manifest.benchmarks, plan.listings).flatMap { benchmark, listing in
      listing.leftOut.map { (benchmark: benchmark.name, file: $0) }
    }
    return [
      .strings("benchmark", files.map(\.benchmark)), .strings("path", files.map(\.file.path)),
      .integers("count", files.map { Int64($0.file.count) }), .strings("reason", files.map(\.file.reason)),
    ]
  }

  private func attemptColumns() throws -> [TableColumn] {
    let attempts = try results.attempts()
    return [
      .integers("shard", attempts.map(\.shard)), .integers("attempt", attempts.map { Int64($0.attempt) }),
      .strings("worker", attempts.map(\.worker)), .numbers("leased", attempts.map(\.leasedAt)),
      .numbers("ended", attempts.map { $0.endedAt ?? .nan }),
      .strings("outcome", attempts.map { $0.outcome?.rawValue ?? "running" }),
    ]
  }
}

extension Observed {
  /// Whether what is observed depends on how classes are judged.
  fileprivate func rests(on scoring: Scoring) -> Bool { isOfAnswers || needsLabels && scoring.obstacle == nil }
}

extension Scoring {
  /// What a reader of the archive needs besides labels and logits to score them again.
  fileprivate var archiveAttributes: [String: String] {
    var attributes: [String: String] = [:]
    attributes["labels"] = obstacle
    attributes["classes"] = assumption
    attributes["scored_classes"] = scored?.map(String.init).joined(separator: " ")
    attributes["class_map"] = map?.map(String.init).joined(separator: " ")
    return attributes
  }

  /// What of single images its figures rest on beside their labels.
  fileprivate var archiveTexts: [ArchiveGroupPlan.Text] {
    var texts: [ArchiveGroupPlan.Text] = []
    if let realOutputs {
      texts.append(
        .init(
          "real_label", realOutputs.map { ($0 ?? []).map(String.init).joined(separator: " ") },
          description:
            "class indices that are right by ImageNet-ReaL, with spaces; empty where the image is not counted"))
    }
    if let factors {
      let names = factors.ofImages.map { image in
        image.map { $0.isEmpty ? "none" : $0.map { factors.values[Int($0)] }.joined(separator: " ") } ?? ""
      }
      texts.append(
        .init(
          "factors", names,
          description: "ImageNet-X's factors of the image, with spaces, or none; empty where the image is not counted"))
    }
    return texts
  }
}
