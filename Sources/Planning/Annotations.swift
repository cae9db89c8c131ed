import Benchmarks

extension Plan {
  /// Refuses annotations that name classes which a model does not have.
  ///
  /// - Throws: `ManifestError`.
  func checkAnnotations(_ file: String) throws {
    for (benchmark, listing) in zip(manifest.benchmarks, listings) where benchmark.isScored {
      for model in manifest.models where benchmark.evaluates(model.name) {
        guard let largest = listing.largestRealOutput(classCount: model.classCount), largest >= model.classCount else {
          continue
        }
        throw ManifestError(
          file: file, line: nil, column: nil,
          problem: "the labels with the key real of \(benchmark.name) name the class \(largest), but \(model.name) has "
            + "\(model.classCount) outputs; remove the key, or evaluate the model in a separate run")
      }
    }
  }
}
