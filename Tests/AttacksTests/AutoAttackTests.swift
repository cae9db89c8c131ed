import Attacks
import Benchmarks
import Networks
import Synchronization
import Tensors
import Testing

/// A network that shows its gradients, by an image's first value, to all attacks, not to those of the cross-entropy, to FAB
/// alone, or to none; it counts the images that it is asked about.
private final class MaskedModel: AttackedModel {
  let model = BentModel(classes: 5, values: 24, seed: 4)
  private let asked = Mutex((logits: 0, gradients: 0))

  var classCount: Int { model.classCount }
  var height: Int { model.height }
  var width: Int { model.width }
  var counts: [Int] { asked.withLock { [$0.logits, $0.gradients] } }

  func logits(of images: [Float], count: Int) throws -> [Float] {
    asked.withLock { $0.logits += count }
    return try model.logits(of: images, count: count)
  }

  func gradients(of images: [Float], losses: [Loss]) throws -> (logits: [Float], gradients: [Float]) {
    asked.withLock { $0.gradients += losses.count }
    var (logits, gradients) = try model.gradients(of: images, losses: losses)
    for (image, loss) in losses.enumerated() {
      let needed: Float =
        switch loss {
        case .crossEntropy: 0.75
        case .difference: 0.25
        default: 0.5
        }
      if images[image * 24] < needed {
        gradients.replaceSubrange((image * 24)..<((image + 1) * 24), with: repeatElement(0, count: 24))
      }
    }
    return (logits, gradients)
  }
}

@Suite struct AutoAttackTests {
  private static let images: [Float] = {
    let random = CounterRandom(key: 6, stream: 7)
    return (0..<60 * 24).map { Float(random.uniform(at: UInt64($0))) }
  }()
  private static let labels = (0..<60).map { answer(images[($0 * 24)..<(($0 + 1) * 24)]) }
  private static let randoms = (0..<60).map { CounterRandom(key: 11, stream: UInt64($0)) }
  private static let attack = Attack(
    .autoattack, budget: 0.03, step: 0, steps: 6, targets: 2, queries: 100)

  private static func answer(_ image: ArraySlice<Float>) -> Int {
    let logits = MaskedModel().model.logits(image)
    return logits.firstIndex(of: logits.max() ?? 0) ?? 0
  }

  private func images(_ attack: Attack) throws -> [[Float]] {
    let found = try Attacker(attack, on: MaskedModel()).attacked(
      Self.images, labels: Self.labels, randoms: Self.randoms)
    return (0..<60).map { Array(found[($0 * 24)..<(($0 + 1) * 24)]) }
  }

  /// The slow way: all four attacks of all images, of which the first that succeeds counts.
  @Test func imagesAreThoseOfTheFirstAttackThatSucceeds() throws {
    let alone = try [
      Attack(.apgdCE, budget: 0.03, step: 0, steps: 6),
      Attack(.apgdT, budget: 0.03, step: 0, steps: 6, targets: 2),
      Attack(.fabT, budget: 0.03, step: 0, steps: 6, targets: 2), Attack(.square, budget: 0.03, step: 0, steps: 100),
    ].map(images)
    let together = try images(Self.attack)
    var succeeded = [Int](repeating: 0, count: 5)
    for image in 0..<60 {
      let first = alone.firstIndex { Self.answer($0[image][...]) != Self.labels[image] }
      let expected = first.map { alone[$0][image] } ?? Array(Self.images[(image * 24)..<((image + 1) * 24)])
      #expect(together[image].map(\.bitPattern) == expected.map(\.bitPattern), "image \(image)")
      succeeded[first ?? 4] += 1
    }
    #expect(succeeded.allSatisfy { $0 > 0 }, "\(succeeded)")
  }

  /// An image that the first attack breaks costs what that attack costs, and one look at what came of it.
  @Test func brokenImagesAreAskedForNoMore() throws {
    func counts(_ attack: Attack, _ image: Int) throws -> [Int] {
      let model = MaskedModel()
      _ = try Attacker(attack, on: model).attacked(
        Array(Self.images[(image * 24)..<((image + 1) * 24)]), labels: [Self.labels[image]],
        randoms: [Self.randoms[image]])
      return model.counts
    }
    let first = Attack(.apgdCE, budget: 0.03, step: 0, steps: 6)
    let broken = try images(first).enumerated().filter { Self.answer($1[...]) != Self.labels[$0] }.map(\.offset)
    #expect(!broken.isEmpty)
    for image in broken {
      let alone = try counts(first, image)
      #expect(try counts(Self.attack, image) == [alone[0] + 2, alone[1]])
    }
    // One that is wrong as it is, is looked at once.
    let model = MaskedModel()
    let wrong = (Self.labels[0] + 1) % 5
    let image = Array(Self.images[..<24])
    #expect(
      try Attacker(Self.attack, on: model).attacked(image, labels: [wrong], randoms: [Self.randoms[0]]) == image)
    #expect(model.counts == [1, 0])
  }
}
