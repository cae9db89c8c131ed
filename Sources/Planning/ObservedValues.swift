import Benchmarks
import Networks

extension Observed {
  /// What is wrong with an image's numbers, in words; nil where nothing is.
  ///
  /// - Parameter numbers: those of each variable.
  public func problem(in numbers: [some Collection<Float>]) -> String? {
    switch self {
    case .logits, .transferredLogits: return numbers.lazy.compactMap { Logits.problem(in: $0) }.first
    // A kernel has fewer channels than the widest.
    case .kernelDistance: return nil
    case .features, .attentionDistance, .receptiveField:
      // A view gives nothing but NaN where anything is wrong, otherwise NaN only behind its first number.
      return numbers.contains { $0.first?.isFinite == false || $0.contains(where: \.isInfinite) } ? Self.overflow : nil
    case .gradients: return numbers.allSatisfy { $0.allSatisfy(\.isFinite) } ? nil : Self.overflow
    }
  }

  private static let overflow = "NaN or infinite internal values: its weights or its arithmetic overflow"
}
