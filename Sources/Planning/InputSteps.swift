import Benchmarks
import Imaging

extension Plan {
  /// Refuses waves that images of a model's size are too small for: they would be others of fewer waves.
  ///
  /// - Throws: `ManifestError`.
  func checkInputSteps(_ file: String) throws {
    for benchmark in manifest.benchmarks {
      let waves = benchmark.conditions.flatMap(\.input).compactMap { step -> Int? in
        guard case .addWave(let wave) = step else { return nil }
        return max(abs(wave.row), abs(wave.column))
      }
      guard let most = waves.max() else { continue }
      for (model, input) in zip(manifest.models, inputs) {
        let side = min(input.width, input.height)
        guard 2 * most >= side else { continue }
        throw ManifestError(
          file: file, line: nil, column: nil,
          problem:
            "\(benchmark.name) has frequencies of up to \(most) waves, but \(model.name) takes images of \(input), "
            + "which have \((side - 1) / 2); ask for fewer with the key size, \(2 * ((side - 1) / 2) + 1) at most")
      }
    }
  }
}
