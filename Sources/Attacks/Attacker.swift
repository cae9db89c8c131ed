import Benchmarks
import Networks
import Tensors

/// Changes a batch of images so that a network errs. What becomes of an image follows from it, its label, its random numbers
/// and the network alone.
public struct Attacker<Model: AttackedModel> {
  let attack: Attack
  let model: Model
  let budget: Budget

  /// An attack on a model.
  public init(_ attack: Attack, on model: Model) {
    (self.attack, self.model) = (attack, model)
    budget = Budget(norm: attack.norm, size: Float(attack.budget))
  }

  /// The changed images, [count, values]. The attacks of one or of equal steps give the last image that they come to; those
  /// that choose their steps give the first that the network sees wrong, or else the one of the greatest loss; `fab-t` and
  /// `autoattack` leave an image as it is then.
  ///
  /// - Parameters:
  ///   - images: [count, values] in [0, 1].
  ///   - labels: which output each image should have.
  ///   - randoms: each image's own.
  /// - Throws: what the model throws.
  public func attacked(_ images: [Float], labels: [Int], randoms: [CounterRandom]) throws -> [Float] {
    guard !labels.isEmpty else { return images }
    precondition(randoms.count == labels.count && images.count % labels.count == 0, "something of each image")
    var batch = Batch(images, labels, randoms)
    switch attack.method {
    case .fgsm: return try gradientSign(batch)
    case .pgd: return try projectedGradient(&batch)
    case .apgdCE: try automatic(&batch) { .crossEntropy(label: $0) }
    case .apgdDLR: try automatic(&batch) { .logitRatio(label: $0) }
    case .apgdT: try targeted(&batch)
    case .fabT: try boundaries(&batch)
    case .square: try randomSquares(&batch)
    case .autoattack: try automaticInTurn(&batch)
    case .taigS, .taigR: return try integratedGradientSigns(batch)
    }
    return batch.found
  }

  /// Images that are sought together.
  struct Batch {
    let images: [Float]
    let labels: [Int]
    let randoms: [CounterRandom]
    /// Values of an image.
    let size: Int
    /// What was found so far.
    var found: [Float]
    /// Whether the network sees it wrong.
    var isBroken: [Bool]

    init(_ images: [Float], _ labels: [Int], _ randoms: [CounterRandom]) {
      (self.images, self.labels, self.randoms) = (images, labels, randoms)
      size = images.count / labels.count
      found = images
      isBroken = [Bool](repeating: false, count: labels.count)
    }

    func range(_ image: Int) -> Range<Int> { (image * size)..<((image + 1) * size) }

    /// The images that the network still sees right.
    var rest: [Int] { isBroken.indices.filter { !isBroken[$0] } }
  }
}

// MARK: - Steps of one length

extension Attacker {
  private func gradientSign(_ batch: Batch) throws -> [Float] {
    let (_, gradients) = try model.gradients(
      of: batch.images, losses: batch.labels.map { .crossEntropy(label: $0) })
    return zip(batch.images, gradients).map { Budget.clipped($0 + budget.size * Budget.sign($1)) }
  }

  /// With restarts, the first whose last image is seen wrong, or else the last.
  private func projectedGradient(_ batch: inout Batch) throws -> [Float] {
    for restart in 0..<attack.restarts {
      let rest = batch.rest
      guard !rest.isEmpty else { break }
      var values: [Float] = []
      for image in rest {
        let original = batch.images[batch.range(image)]
        values +=
          attack.startsAtRandom
          ? budget.start(at: original, random: batch.randoms[image].branch(UInt32(2 * restart))) : Array(original)
      }
      let losses = rest.map { Loss.crossEntropy(label: batch.labels[$0]) }
      for _ in 0..<attack.steps {
        let (_, gradients) = try model.gradients(of: values, losses: losses)
        for (place, image) in rest.enumerated() {
          let part = (place * batch.size)..<((place + 1) * batch.size)
          let stepped = budget.step(from: values[part], along: gradients[part], length: Float(attack.step))
          values.replaceSubrange(part, with: budget.projected(stepped, around: batch.images[batch.range(image)]))
        }
      }
      for (place, image) in rest.enumerated() {
        batch.found.replaceSubrange(
          batch.range(image), with: values[(place * batch.size)..<((place + 1) * batch.size)])
      }
      guard restart + 1 < attack.restarts else { break }
      let answers = model.answers(try model.logits(of: values, count: rest.count))
      for (place, image) in rest.enumerated() where answers[place] != batch.labels[image] {
        batch.isBroken[image] = true
      }
    }
    return batch.found
  }
}
