import Tensors

/// What an image's gradient is of: a number that follows from its logits.
public enum Loss: Sendable, Hashable {
  /// -log softmax(z)[label].
  case crossEntropy(label: Int)
  /// z[of].
  case logit(of: Int)
  /// z[of] - z[less].
  case difference(of: Int, less: Int)
  /// -(z[label] - the largest other) / (the largest - the third largest): Croce and Hein, "Reliable evaluation of adversarial
  /// robustness with an ensemble of diverse parameter-free attacks" (ICML 2020), equation 3.
  case logitRatio(label: Int)
  /// -(z[label] - z[target]) / (the largest - the mean of the third and fourth largest), equation 4 there.
  case targetedLogitRatio(label: Int, target: Int)
}

extension Loss {
  /// The loss of an image's logits.
  ///
  /// - Precondition: its classes are among the logits, of which a ratio needs three, and a targeted one four.
  public func value(of logits: UnsafeBufferPointer<Float>) -> Float {
    switch self {
    case .crossEntropy(let label):
      let largest = logits.reduce(-.infinity) { max($0, Double($1)) }
      let sum = logits.reduce(0.0) { $0 + ReproducibleMath.exponential(Double($1) - largest) }
      return Float(ReproducibleMath.logarithm(sum) - (Double(logits[label]) - largest))
    case .logit(let index): return logits[index]
    case .difference(let of, let less): return logits[of] - logits[less]
    case .logitRatio(let label):
      let order = Self.order(logits, 3)
      return -(logits[label] - logits[order[0] == label ? order[1] : order[0]]) / (logits[order[0]] - logits[order[2]])
    case .targetedLogitRatio(let label, let target):
      let order = Self.order(logits, 4)
      let below = 0.5 * (logits[order[2]] + logits[order[3]])
      return -(logits[label] - logits[target]) / (logits[order[0]] - below)
    }
  }

  /// Whether its classes are among so many logits, and these are enough for it.
  func fits(classes: Int) -> Bool {
    let (members, least) =
      switch self {
      case .crossEntropy(let label): ([label], 1)
      case .logit(let index): ([index], 1)
      case .difference(let of, let less): ([of, less], 1)
      case .logitRatio(let label): ([label], 3)
      case .targetedLogitRatio(let label, let target): ([label, target], 4)
      }
    return classes >= least && members.allSatisfy { (0..<classes).contains($0) }
  }

  /// Writes the loss's gradient with respect to an image's logits.
  package func writeGradient(of logits: UnsafeBufferPointer<Float>, into gradient: UnsafeMutableBufferPointer<Float>) {
    if case .crossEntropy(let label) = self { return Self.writeProbabilities(logits, less: label, into: gradient) }
    for index in logits.indices { gradient[index] = 0 }
    switch self {
    case .crossEntropy: break
    case .logit(let index): gradient[index] = 1
    case .difference(let of, let less):
      gradient[of] += 1
      gradient[less] -= 1
    case .logitRatio(let label):
      let order = Self.order(logits, 3)
      let other = order[0] == label ? order[1] : order[0]
      let span = logits[order[0]] - logits[order[2]]
      let pull = (logits[label] - logits[other]) / (span * span)
      gradient[label] -= 1 / span
      gradient[other] += 1 / span
      gradient[order[0]] += pull
      gradient[order[2]] -= pull
    case .targetedLogitRatio(let label, let target):
      let order = Self.order(logits, 4)
      let span = logits[order[0]] - 0.5 * (logits[order[2]] + logits[order[3]])
      let pull = (logits[label] - logits[target]) / (span * span)
      gradient[label] -= 1 / span
      gradient[target] += 1 / span
      gradient[order[0]] += pull
      gradient[order[2]] -= 0.5 * pull
      gradient[order[3]] -= 0.5 * pull
    }
  }

  /// The probabilities, of the label less 1: as the sum of the others', which loses no digits where the label is near 1.
  private static func writeProbabilities(
    _ logits: UnsafeBufferPointer<Float>, less label: Int, into gradient: UnsafeMutableBufferPointer<Float>
  ) {
    let largest = logits.reduce(-.infinity) { max($0, Double($1)) }
    var (sum, others) = (0.0, 0.0)
    for index in logits.indices {
      let power = ReproducibleMath.exponential(Double(logits[index]) - largest)
      sum += power
      if index != label { others += power }
    }
    for index in logits.indices {
      gradient[index] = Float(ReproducibleMath.exponential(Double(logits[index]) - largest) / sum)
    }
    gradient[label] = Float(-others / sum)
  }

  /// The places of the largest logits, largest first, of equal ones the first.
  private static func order(_ logits: UnsafeBufferPointer<Float>, _ count: Int) -> [Int] {
    precondition(logits.count >= count, "too few logits")
    var result: [Int] = []
    for _ in 0..<count {
      var best: Int?
      for index in logits.indices where !result.contains(index) {
        if best.map({ logits[index] > logits[$0] }) ?? true { best = index }
      }
      result.append(best ?? 0)
    }
    return result
  }
}

/// The gradient of each image's loss with respect to its logits.
struct LossGradient: Layer, Hashable {
  /// It takes what is said of the whole batch.
  func prefersBatches(of input: Graph.Extents) -> Bool { true }

  func prepare(_ preparation: Preparation) -> any PreparedLayer { Prepared(classes: preparation.from.count) }

  private struct Prepared: PreparedLayer {
    let classes: Int

    func compute(_ work: LayerWork) {
      precondition(work.losses.count == work.count, "a loss for each image")
      for (image, loss) in work.losses.enumerated() {
        let part = (image * classes)..<((image + 1) * classes)
        loss.writeGradient(
          of: UnsafeBufferPointer(rebasing: work.input[part]),
          into: UnsafeMutableBufferPointer(rebasing: work.output[part]))
      }
    }
  }
}
