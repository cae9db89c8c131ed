import Benchmarks
import Networks

extension Plan {
  /// Refuses an attack on a model that has no gradient, or too few classes for the loss that is raised, and one whose
  /// images' classes are not known.
  ///
  /// - Throws: `ManifestError`, or `CheckpointError` where a checkpoint does not tell what its model is.
  func checkAttacks(_ file: String) throws {
    try checkSaliency(file)
    for benchmark in manifest.benchmarks {
      guard let attack = benchmark.conditions.lazy.compactMap(\.attack).first else { continue }
      func refused(_ problem: String) -> ManifestError {
        ManifestError(file: file, line: nil, column: nil, problem: "\(benchmark.name) \(problem)")
      }
      guard benchmark.isScored else {
        throw refused("has scored: false, but attacks need the images' labels; remove the key")
      }
      for model in manifest.models where benchmark.evaluates(model.name) {
        guard model.classCount >= attack.leastClasses else {
          throw refused(
            "attacks with \(attack.method.rawValue), which needs \(attack.leastClasses) classes, but \(model.name) has "
              + "\(model.classCount); choose another method")
        }
        guard let architecture = try model.ownArchitecture() else {
          continue
        }
        guard attack.method.needsGradients else { continue }
        do throws(GradientError) { try architecture.checkGradient() } catch {
          throw refused("cannot attack \(model.name): \(error)")
        }
      }
    }
  }
}

extension Plan {
  /// Refuses to ask a model without gradient what is salient to it.
  private func checkSaliency(_ file: String) throws {
    for benchmark in manifest.benchmarks {
      guard case .gradient? = benchmark.conditions.lazy.compactMap(\.saliency).first?.source else { continue }
      for model in manifest.models where benchmark.evaluates(model.name) {
        let architecture = try model.ownArchitecture()
        do throws(GradientError) { try architecture?.checkGradient() } catch {
          throw ManifestError(
            file: file, line: nil, column: nil,
            problem: "\(benchmark.name) cannot take saliency from \(model.name): \(error)")
        }
      }
    }
  }
}

extension Attack {
  /// The fewest classes that its loss is of.
  fileprivate var leastClasses: Int {
    switch method {
    case .fgsm, .pgd, .apgdCE, .fabT, .square, .taigS, .taigR: 2
    case .apgdDLR: 3
    case .apgdT, .autoattack: 4
    }
  }
}
