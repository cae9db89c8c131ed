import Attacks
import Benchmarks
import Networks
import Tensors
import Testing

@Suite struct HyperplaneProjectionTests {
  private struct Case {
    let point: [Float]
    let normal: [Float]
    let gap: Double

    init(_ number: Int) {
      let random = CounterRandom(key: 3, stream: UInt64(number))
      let count = 1 + number % 37
      point = (0..<count).map { index in
        // Some are at an end, some have the same room.
        let value = random.uniform(at: UInt64(index))
        return value < 0.1 ? 0 : value > 0.9 ? 1 : number % 3 == 0 ? Float((value * 8).rounded() / 8) : Float(value)
      }
      normal = (0..<count).map { index in
        random.branch(1).uniform(at: UInt64(index)) < 0.1 ? 0 : Float(random.branch(2).normal(at: UInt64(index)))
      }
      let reach = zip(normal, point).reduce(0) { $0 + Double(abs($1.0)) * 0.5 }
      gap = (2.4 * random.branch(3).uniform(at: 0) - 1.2) * reach
    }

    /// Where the normal times the change has some sign, what each value does when all go a length.
    func change(_ length: Double) -> [Double] {
      zip(point, normal).map { value, slope in
        if slope == 0 { return 0 }
        let isUp = (slope > 0) == (gap > 0)
        return isUp ? min(length, 1 - Double(value)) : max(-length, -Double(value))
      }
    }

    func given(_ length: Double) -> Double { zip(normal, change(length)).reduce(0) { $0 + Double($1.0) * $1.1 } }

    /// The slow way: the length is sought between 0 and 1, half by half.
    var expected: [Double] {
      var (low, high) = (0.0, 1.0)
      for _ in 0..<100 {
        let middle = (low + high) / 2
        if abs(given(middle)) < abs(gap) { low = middle } else { high = middle }
      }
      return change(high)
    }
  }

  @Test("changes are those of a search by halves, reachable or not")
  func changesOfASearchByHalves() {
    var (reached, ended) = (0, 0)
    for number in 0..<600 {
      let problem = Case(number)
      let found = HyperplaneProjection.change(from: problem.point, along: problem.normal[...], by: problem.gap)
      #expect(zip(found, problem.expected).allSatisfy { abs(Double($0) - $1) < 2e-7 }, "case \(number)")
      let given = zip(problem.normal, found).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      if abs(problem.given(1)) < abs(problem.gap) {
        ended += 1
      } else {
        reached += abs(given - problem.gap) < 1e-5 ? 1 : 0
      }
    }
    #expect(ended > 50 && reached == 600 - ended, "\(reached) and \(ended)")
  }

  /// The first value has room for 0.1; of the gap of 0.6 the other two leave 0.5 to slopes of 3.
  @Test func byHand() {
    let change = HyperplaneProjection.change(from: [0.9, 0.5, 0.5], along: [1, 1, -2], by: 0.6)
    #expect(zip(change, [0.1, 1.0 / 6, -1.0 / 6]).allSatisfy { abs(Double($0) - $1) < 1e-6 }, "\(change)")
    #expect(HyperplaneProjection.change(from: [0.9, 0.5], along: [1, 1], by: 5) == [1 - 0.9, 0.5])
    #expect(HyperplaneProjection.change(from: [0.9, 0.5], along: [0, 0], by: 5) == [0, 0])
    #expect(HyperplaneProjection.change(from: [0.9, 0.5], along: [1, .nan], by: .nan).count == 2)
  }
}

@Suite struct FastAdaptiveBoundaryTests {
  /// Logits .25 and .45; the difference's weights are (1, 3, -2), so that 0.2 / 6 of every value is the smallest change.
  private static let byHand = LinearModel(weights: [[1, 2, -1], [0, -1, 1]])
  private static let image: [Float] = [0.2, 0.5, 0.95]
  private static let random = CounterRandom(key: 1, stream: 1)

  private func found(budget: Double, steps: Int) throws -> [Float] {
    let attack = Attack(.fabT, budget: budget, step: 0, steps: steps)
    return try Attacker(attack, on: Self.byHand).attacked(Self.image, labels: [1], randoms: [Self.random])
  }

  private func expectChange(_ found: [Float], _ length: Double) {
    let expected = zip(Self.image, [1, 1, -1]).map { Double($0) + length * $1 }
    #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) < 1e-6 }, "\(found)")
  }

  /// The first step goes 1.05 times the smallest change. From 0.9 of that, 0.945, the next goes on by 1.05 x 0.055, and has a
  /// share of 0.055 / 1.055 of 1.05.
  @Test func stepsByHand() throws {
    expectChange(try found(budget: 0.0351, steps: 1), 1.05 * 0.2 / 6)
    expectChange(try found(budget: 0.0349, steps: 1), 0)
    let share = 0.055 / 1.055
    expectChange(
      try found(budget: 0.0349, steps: 2), ((0.945 + 1.05 * 0.055) * (1 - share) + 1.05 * share) * 0.2 / 6)
  }

  /// An image that cannot be changed within the budget stays as it is, however many steps there are.
  @Test func budgetsBelowTheSmallestChangeChangeNothing() throws {
    #expect(try found(budget: 0.2 / 6 * 0.999, steps: 200) == Self.image)
    #expect(try found(budget: 0.2 / 6 * 1.006, steps: 200) != Self.image)
  }

  /// Where many steps are needed: one image as the paper's algorithm has it, line by line, with the projection found by
  /// halves.
  private func plain(
    _ model: BentModel, _ x: [Float], label: Int, target: Int, budget: Float, steps: Int
  ) throws
    -> [Float]?
  {
    func project(_ point: [Float], _ w: [Float], _ gap: Double) -> [Float] {
      func change(_ length: Double) -> [Double] {
        zip(point, w).map { value, slope in
          slope == 0 ? 0 : (slope > 0) == (gap >= 0) ? min(length, 1 - Double(value)) : -min(length, Double(value))
        }
      }
      var (low, high) = (0.0, 1.0)
      for _ in 0..<100 {
        let middle = (low + high) / 2
        let given = zip(w, change(middle)).reduce(0) { $0 + Double($1.0) * $1.1 }
        if abs(given) < abs(gap) { low = middle } else { high = middle }
      }
      return change(high).map { Float($0) }
    }
    func largest(_ values: [Float]) -> Float { max(1e-8, values.map { abs($0) }.max() ?? 0) }
    var image = x
    for _ in 0..<steps {
      let (logits, w) = try model.gradients(of: image, losses: [.difference(of: target, less: label)])
      let b = Double(logits[label]) - Double(logits[target])
      let own = project(image, w, b)
      let back = project(x, w, b + zip(w, zip(image, x)).reduce(0) { $0 + Double($1.0) * Double($1.1.0 - $1.1.1) })
      let alpha = min(largest(own) / (largest(own) + largest(back)), 0.1)
      image = image.indices.map { index in
        let mixed = (1 - alpha) * (image[index] + 1.05 * own[index]) + alpha * (x[index] + 1.05 * back[index])
        return min(1, max(0, mixed))
      }
      let found = try model.logits(of: image, count: 1)
      guard found.firstIndex(of: found.max() ?? 0) != label else { continue }
      let changes = zip(image, x).map { $0 - $1 }
      if (changes.map { abs($0) }.max() ?? 0) <= budget { return image }
      image = zip(x, changes).map { $0 + 0.9 * $1 }
    }
    return nil
  }

  @Test(
    "a network with bends takes many steps: images are those of the algorithm line by line", arguments: [0.007, 0.012])
  func sameAsTheReference(budget: Double) throws {
    let model = BentModel(classes: 5, values: 24, seed: 4)
    let random = CounterRandom(key: 6, stream: 7)
    let images: [Float] = (0..<40 * 24).map { Float(random.uniform(at: UInt64($0))) }
    let orders = try (0..<40).map { image in
      let logits = try model.logits(of: Array(images[(image * 24)..<((image + 1) * 24)]), count: 1)
      return logits.indices.sorted { logits[$0] > logits[$1] }
    }
    let attack = Attack(.fabT, budget: budget, step: 0, steps: 12, targets: 3)
    let found = try Attacker(attack, on: model).attacked(
      images, labels: orders.map { $0[0] }, randoms: orders.map { _ in random })
    var broken = 0
    for image in 0..<40 {
      let original = Array(images[(image * 24)..<((image + 1) * 24)])
      var expected: [Float]?
      for target in 1...3 where expected == nil {
        expected = try plain(
          model, original, label: orders[image][0], target: orders[image][target], budget: Float(budget), steps: 12)
      }
      broken += expected == nil ? 0 : 1
      let own = found[(image * 24)..<((image + 1) * 24)]
      #expect(zip(own, expected ?? original).allSatisfy { abs($0 - $1) < 1e-5 }, "image \(image)")
    }
    #expect((3...37).contains(broken), "\(broken) of 40")
  }

  /// From an image without a gradient nothing is found; later restarts begin half of the budget away, at random.
  @Test func restartsBeginAtRandom() throws {
    let attack = { Attack(.fabT, budget: 0.06, step: 0, steps: 1, restarts: $0, targets: 1) }
    let model = ShyModel()
    let image = ShyModel.image
    #expect(
      try Attacker(attack(1), on: model).attacked(image, labels: [1], randoms: [Self.random]) == image)
    let found = try Attacker(attack(2), on: model).attacked(image, labels: [1], randoms: [Self.random])
    let logits = try model.logits(of: found, count: 1)
    #expect(logits[0] > logits[1])
    #expect(model.asked.count == 3)
    for (start, length) in zip(model.asked, [0, 0, 0.03]) {
      let change = zip(start, image).map { abs($0 - $1) }.max() ?? 1
      #expect(abs(Double(change) - length) < 1e-6)
    }
  }

  /// Each target's restart has a start of its own.
  @Test func startsOfTargetsAreOthers() throws {
    let model = ShyModel()
    let attack = Attack(.fabT, budget: 0.002, step: 0, steps: 1, restarts: 2, targets: 2)
    #expect(
      try Attacker(attack, on: model).attacked(ShyModel.image, labels: [1], randoms: [Self.random]) == ShyModel.image)
    #expect(model.asked.count == 4 && Set(model.asked).count == 3)
  }
}

/// A linear network that shows no gradient at one image, and whose third class is far away.
private final class ShyModel: AttackedModel {
  static let image: [Float] = [0.5, 0.4, 0.95]
  private let model = LinearModel(weights: [[1, 2, -1], [0, -1, 1], [-4, -4, -4]])
  /// The images whose gradients were asked for.
  private(set) var asked: [[Float]] = []

  var classCount: Int { model.classCount }
  var height: Int { model.height }
  var width: Int { model.width }

  func logits(of images: [Float], count: Int) throws -> [Float] { try model.logits(of: images, count: count) }

  func gradients(of images: [Float], losses: [Loss]) throws -> (logits: [Float], gradients: [Float]) {
    asked.append(images)
    let (logits, gradients) = try model.gradients(of: images, losses: losses)
    return (logits, images == Self.image ? [0, 0, 0] : gradients)
  }
}
