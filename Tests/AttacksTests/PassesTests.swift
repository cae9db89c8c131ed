import Attacks
import Benchmarks
import Networks
import Synchronization
import Tensors
import Testing

/// Attacks ask a network what they say they ask.
@Suite struct PassesTests {
  /// Five classes, of which it always sees one; it counts the images that it is asked for.
  private final class Counting: AttackedModel {
    let (classCount, height, width) = (5, 4, 4)
    private let answer: Int
    private let counts = Mutex((forward: 0, gradients: 0))

    init(answer: Int) { self.answer = answer }

    var passes: Passes { counts.withLock { Passes(forward: $0.forward, gradients: $0.gradients) } }

    func logits(of images: [Float], count: Int) -> [Float] {
      counts.withLock { $0.forward += count }
      return rows(count)
    }

    func gradients(of images: [Float], losses: [Loss]) -> (logits: [Float], gradients: [Float]) {
      counts.withLock { $0.gradients += losses.count }
      return (rows(losses.count), images.map { _ in 0.5 })
    }

    private func rows(_ count: Int) -> [Float] {
      (0..<count).flatMap { _ in (0..<classCount).map { $0 == answer ? 4 : Float($0) / 8 } }
    }
  }

  private static let attacks: [Attack] =
    Attack.Method.allCases.flatMap { method in
      [1, 3].map {
        Attack(method, budget: 0.1, step: 0.02, steps: 7, startsAtRandom: true, restarts: $0, targets: 3)
      } + [Attack(method, budget: 0.1, step: 0.02, steps: 2, startsAtRandom: false, targets: 9)]
    }

  private static let sizeOfImages = 3 * 4 * 4 * 3

  private func asked(_ attack: Attack, answer: Int) throws -> Passes {
    let model = Counting(answer: answer)
    _ = try Attacker(attack, on: model).attacked(
      (0..<Self.sizeOfImages).map { Float($0 % 17) / 16 }, labels: [2, 2, 2],
      randoms: (0..<3).map { CounterRandom(key: 1, stream: $0) })
    return model.passes
  }

  @Test("a network that never errs is asked as often as is said", arguments: attacks)
  func stubborn(attack: Attack) throws {
    let said = 3 * attack.passes(classCount: 5)
    let asked = try asked(attack, answer: 2)
    #expect(asked.forward == said.forward && asked.gradients == said.gradients)
  }

  @Test("a network that errs is asked less, where what is said is an upper bound", arguments: attacks)
  func wrong(attack: Attack) throws {
    let said = 3 * attack.passes(classCount: 5)
    let asked = try asked(attack, answer: 0)
    #expect(said.isUpperBound == (asked.forward + asked.gradients < said.forward + said.gradients))
    #expect(asked.forward <= said.forward && asked.gradients <= said.gradients)
  }

  @Test("what is usual costs what its authors say")
  func usual() {
    func passes(_ method: Attack.Method, steps: Int, targets: Int = 9) -> Passes {
      Attack(method, budget: 0.1, step: 0.1, steps: steps, targets: targets).passes(classCount: 1000)
    }
    #expect(passes(.fgsm, steps: 1) == Passes(gradients: 1))
    #expect(passes(.pgd, steps: 10) == Passes(gradients: 10))
    #expect(passes(.apgdCE, steps: 100) == Passes(forward: 1, gradients: 101, isUpperBound: true))
    #expect(passes(.apgdT, steps: 100) == Passes(forward: 1, gradients: 909, isUpperBound: true))
    #expect(passes(.taigR, steps: 20) == Passes(gradients: 420))
    #expect(passes(.square, steps: 5000) == Passes(forward: 5002, isUpperBound: true))
    #expect(passes(.fabT, steps: 100) == Passes(forward: 901, gradients: 900, isUpperBound: true))
    let standard = Attack(.autoattack, budget: 0.1, step: 0.1, steps: 100, targets: 9, queries: 5000)
    #expect(standard.passes(classCount: 1000) == Passes(forward: 5910, gradients: 1910, isUpperBound: true))
    // There are no more classes to go towards than the others.
    #expect(standard.passes(classCount: 4) == Passes(forward: 5310, gradients: 704, isUpperBound: true))
  }

  @Test("a condition costs its attack and one more pass; without blocks at most that")
  func conditions() {
    let cell = GridCell(index: 0, values: [])
    let attack = Attack(.pgd, budget: 0.1, step: 0.1, steps: 10)
    #expect(Condition(cell, steps: [.fit]).passes(classCount: 10) == Passes(forward: 1))
    #expect(
      Condition(cell, steps: [.fit], attack: attack).passes(classCount: 10) == Passes(forward: 1, gradients: 10))
    let sum = 4 * Passes(forward: 1, gradients: 2) + Passes(forward: 3, isUpperBound: true)
    #expect(sum == Passes(forward: 7, gradients: 8, isUpperBound: true))
  }
}
