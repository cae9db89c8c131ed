import Attacks
import Benchmarks
import Foundation
import Networks
import Tensors
import Testing

@Suite struct AttackTests {
  private static let byHand = LinearModel(weights: [[1, 2, -1], [0, -1, 1]])
  private static let image: [Float] = [0.2, 0.5, 0.95]

  private func randoms(_ count: Int, seed: UInt64 = 5) -> [CounterRandom] {
    (0..<count).map { CounterRandom(key: seed, stream: UInt64($0)) }
  }

  private func crossEntropy(_ image: [Float], label: Int) throws -> Float {
    let logits = Self.byHand.logits(image[...])
    return logits.withUnsafeBufferPointer { Loss.crossEntropy(label: label).value(of: $0) }
  }

  private func attacked(_ attack: Attack, _ image: [Float] = image, label: Int = 0) throws -> [Float] {
    try Attacker(attack, on: Self.byHand).attacked(image, labels: [label], randoms: randoms(1))
  }

  private func expectNear(_ found: [Float], _ expected: [Float]) {
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(found)")
  }

  @Test func oneStepByHand() throws {
    let found = try attacked(Attack(.fgsm, budget: 0.1, step: 0, steps: 1))
    expectNear(found, [0.1, 0.4, 1])
    #expect(abs(try crossEntropy(found, label: 0) - 1.1031860489) < 1e-6)
  }

  /// Four steps of a quarter of the budget, then nothing changes any more.
  @Test(arguments: [
    (1, [Float(0.175), 0.475, 0.975], Float(0.8833821554)), (2, [0.15, 0.45, 1], 0.9740769842),
    (3, [0.125, 0.425, 1], 1.0374879505), (4, [0.1, 0.4, 1], 1.1031860489), (7, [0.1, 0.4, 1], 1.1031860489),
  ])
  func stepsByHand(steps: Int, expected: [Float], loss: Float) throws {
    let found = try attacked(Attack(.pgd, budget: 0.1, step: 0.025, steps: steps, startsAtRandom: false))
    expectNear(found, expected)
    #expect(abs(try crossEntropy(found, label: 0) - loss) < 1e-6)
  }

  /// One step of l2 goes along the gradient (-.55, -1.65, 1.1), whose length is 2.0574.
  @Test func stepOfASphereByHand() throws {
    let found = try attacked(
      Attack(.pgd, norm: .l2, budget: 0.02, step: 0.05, steps: 1, startsAtRandom: false))
    let length = (0.5498339973 * 0.5498339973 + 1.6495019919 * 1.6495019919 + 1.0996679946 * 1.0996679946).squareRoot()
    let gradient = [-0.5498339973, -1.6495019919, 1.0996679946]
    expectNear(found, zip(Self.image, gradient).map { $0 + Float(0.02 * $1 / length) })
  }

  private static let drawn: (model: LinearModel, images: [Float], labels: [Int]) = {
    let random = CounterRandom(key: 1, stream: 2)
    let weights = (0..<6).map { row in (0..<42).map { Float(random.normal(at: UInt64(row * 42 + $0))) } }
    let images = (0..<8 * 42).map { Float(random.branch(3).uniform(at: UInt64($0))) }
    let model = LinearModel(weights: weights)
    let labels = (0..<8).map { image in
      let logits = model.logits(images[(image * 42)..<((image + 1) * 42)])
      return logits.indices.max { logits[$0] < logits[$1] } ?? 0
    }
    return (model, images, labels)
  }()

  private static let attacks = [
    Attack(.fgsm, budget: 0.05, step: 0, steps: 1), Attack(.pgd, budget: 0.05, step: 0.0125, steps: 10),
    Attack(.pgd, budget: 0.05, step: 0.0125, steps: 4, restarts: 3),
    Attack(.pgd, norm: .l2, budget: 0.3, step: 0.1, steps: 10), Attack(.apgdCE, budget: 0.05, step: 0, steps: 20),
    Attack(.apgdDLR, budget: 0.05, step: 0, steps: 20, restarts: 2),
    Attack(.apgdT, budget: 0.05, step: 0, steps: 20, targets: 4),
    Attack(.fabT, budget: 0.05, step: 0, steps: 8, targets: 4),
    Attack(.fabT, budget: 0.04, step: 0, steps: 3, restarts: 3, targets: 2),
    Attack(.square, budget: 0.05, step: 0, steps: 40),
    Attack(.autoattack, budget: 0.05, step: 0, steps: 8, targets: 4, queries: 40),
    Attack(.taigS, budget: 0.03, step: 0.01, steps: 6),
    Attack(.taigR, budget: 0.03, step: 0.01, steps: 6),
  ]

  @Test("images stay within budget and range, and an image's own depends on nothing beside it", arguments: attacks)
  func imagesOfTheirOwn(attack: Attack) throws {
    let (model, images, labels) = Self.drawn
    let together = try Attacker(attack, on: model).attacked(images, labels: labels, randoms: randoms(8))
    let alone = try (0..<8).flatMap { image in
      try Attacker(attack, on: model).attacked(
        Array(images[(image * 42)..<((image + 1) * 42)]), labels: [labels[image]], randoms: [randoms(8)[image]])
    }
    #expect(together.map(\.bitPattern) == alone.map(\.bitPattern))
    #expect(together != images && together.allSatisfy { (0...1).contains($0) })
    for image in 0..<8 {
      let changes = (image * 42..<(image + 1) * 42).map { Double(together[$0]) - Double(images[$0]) }
      let size =
        attack.norm == .linf
        ? changes.map { abs($0) }.max() ?? 0 : changes.reduce(0) { $0 + $1 * $1 }.squareRoot()
      // TAIG's images have whole levels.
      let isRounded = [.taigS, .taigR].contains(attack.method)
      #expect(size <= attack.budget * (1 + 1e-5) + (isRounded ? 0.5 / 255 : 0))
      #expect(size > 0.5 * attack.budget || attack.method.keepsWhatErrs)
    }
  }

  /// Of a linear network the strongest change is known: the budget times the signs of the difference of two rows.
  @Test(arguments: [Attack.Method.pgd, .apgdCE, .apgdDLR, .apgdT, .fabT, .square, .autoattack])
  func whatCanBeBrokenIsBroken(method: Attack.Method) throws {
    let (model, images, labels) = Self.drawn
    let attack = Attack(method, budget: 0.08, step: 0.02, steps: 40, restarts: 2, targets: 5, queries: 40)
    let found = try Attacker(attack, on: model).attacked(images, labels: labels, randoms: randoms(8))
    for image in 0..<8 {
      let original = images[(image * 42)..<((image + 1) * 42)]
      let isBreakable = (0..<6).contains { other in
        let best = zip(original, zip(model.weights[other], model.weights[labels[image]])).map { value, rows in
          min(1, max(0, value + 0.08 * (rows.0 > rows.1 ? 1 : -1)))
        }
        let logits = model.logits(best[...])
        return other != labels[image] && logits[other] > logits[labels[image]] + 1e-3
      }
      let logits = model.logits(found[(image * 42)..<((image + 1) * 42)])
      let answer = logits.indices.max { logits[$0] < logits[$1] }
      // Steps towards all classes at once may miss one that a targeted attack finds.
      if method.hasTargets { #expect((answer != labels[image]) == isBreakable, "image \(image)") }
      if !isBreakable { #expect(answer == labels[image]) }
    }
  }

  @Test func otherSeedsGiveOtherStarts() throws {
    let attack = Attack(.pgd, budget: 0.1, step: 0.001, steps: 1)
    let one = try Attacker(attack, on: Self.byHand).attacked(Self.image, labels: [0], randoms: randoms(1))
    let other = try Attacker(attack, on: Self.byHand).attacked(Self.image, labels: [0], randoms: randoms(1, seed: 6))
    #expect(one != other)
  }

  /// Of a linear network the integrated gradients are the image times the logit's weights: one level down where the weight
  /// is positive and the value is not 0.
  @Test func integratedGradientsByHand() throws {
    let attack = Attack(.taigS, budget: 0.1, step: 1.0 / 255, steps: 3)
    let image: [Float] = [51.0 / 255, 0, 1]
    let found = try attacked(attack, image)
    expectNear(found, [48.0 / 255, 0, 1])
  }

  /// 0.8 of the pixels, halved nine times.
  @Test func sidesOfSquares() {
    func side(_ query: Int) -> Int {
      Attacker<LinearModel>.side(query, of: 5000, height: 224, width: 224)
    }
    #expect([1, 5, 6, 25, 26, 100, 101].map(side) == [200, 200, 142, 142, 100, 100, 71])
    #expect(side(4001) == 9 && side(5000) == 9)
  }

  /// Most of the squares of an image that holds out are changes of the whole budget.
  @Test func squaresGoToTheEndsOfTheBudget() throws {
    let (model, images, labels) = Self.drawn
    let attack = Attack(.square, budget: 0.01, step: 0, steps: 60)
    let found = try Attacker(attack, on: model).attacked(images, labels: labels, randoms: randoms(8))
    let ends = zip(found, images).count { abs(abs($0 - $1) - 0.01) < 1e-6 || $0 == 0 || $0 == 1 }
    #expect(ends > images.count / 2)
  }
}
