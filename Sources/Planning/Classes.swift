import Benchmarks

extension Plan {
  /// Refuses a model on a benchmark whose classes are not its outputs: all would be computed and nothing scored.
  ///
  /// - Throws: `ManifestError`.
  func checkScorable(_ file: String) throws {
    for model in manifest.models {
      for (benchmark, listing) in zip(manifest.benchmarks, listings)
      where benchmark.needsClasses && (benchmark.evaluates(model.name) || benchmark.observed == .transferredLogits) {
        let scoring = benchmark.scoring(of: listing, classCount: model.classCount)
        guard scoring.obstacle != nil else { continue }
        throw ManifestError(
          file: file, line: nil, column: nil,
          problem: "\(model.name) cannot be scored on \(benchmark.name): "
            + scoring.assumption.replacing("not scored: ", with: "")
            + "; list the folders in the order of the outputs with the benchmark's key classes, or write scored: false "
            + "to record only its logits")
      }
    }
  }

  /// What was taken for granted about classes, and what is left out: one sentence a line, for whoever starts the run.
  public var assumptions: [String] {
    zip(manifest.benchmarks, listings).flatMap { benchmark, listing in
      guard benchmark.observed == .logits || benchmark.observed.needsLabels else {
        return listing.leftOutWords.map { "\(benchmark.name): \($0)" }
      }
      var models: [String: [String]] = [:]
      for model in manifest.models where benchmark.evaluates(model.name) {
        models[benchmark.scoring(of: listing, classCount: model.classCount).assumption, default: []].append(model.name)
      }
      let classes = models.sorted { $0.key < $1.key }.map { words, names in
        "\(benchmark.name)\(models.count > 1 ? " (\(names.joined(separator: ", ")))" : ""): \(words)"
      }
      return classes + listing.leftOutWords.map { "\(benchmark.name): \($0)" }
    }
  }
}

extension ImageListing {
  /// How many files are left out for each reason, with an example; no more than a few lines.
  var leftOutWords: [String] {
    var reasons: [String: (count: Int, example: String)] = [:]
    for file in leftOut { reasons[file.reason, default: (0, file.path)].count += file.count }
    let sorted = reasons.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
    let rest = sorted.dropFirst(5)
    return sorted.prefix(5).map { reason, found in
      found.count == 0
        ? "\(found.example) is ignored: \(reason)"
        : "\(found.count) of \(filesFound) files are omitted, such as \(found.example): \(reason)"
    } + (rest.isEmpty ? [] : ["\(rest.reduce(0) { $0 + $1.value.count }) files are omitted for other reasons"])
  }
}
