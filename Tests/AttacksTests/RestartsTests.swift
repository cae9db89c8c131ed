import Attacks
import Benchmarks
import Testing

@Suite struct RestartsTests {
  /// Restart n alone is an attack whose random numbers are those of its branch.
  @Test(arguments: [Attack.Method.pgd, .apgdCE])
  func imagesAreThoseOfTheFirstRestartThatSucceeds(method: Attack.Method) throws {
    func attack(_ restarts: Int) -> Attack {
      Attack(
        method, budget: method == .pgd ? 0.02 : 0.012, step: 0.003, steps: method == .pgd ? 1 : 2, restarts: restarts)
    }
    let alone = try (0..<3).map { try BentImages.attacked(attack(1), branch: UInt32(2 * $0)) }
    let together = try BentImages.attacked(attack(3))
    var firsts = Set<Int>()
    for image in 0..<BentImages.count {
      let first = alone.firstIndex { BentImages.answer($0[image]) != BentImages.labels[image] }
      #expect(together[image] == alone[first ?? 2][image], "image \(image)")
      if let first { firsts.insert(first) }
    }
    // APGD goes to the ends of the budget from any start.
    #expect(firsts.count > 1 || method == .apgdCE, "\(firsts)")
  }

  @Test(arguments: Attack.Method.allCases.filter(\.keepsWhatErrs))
  func imagesThatAreSeenWrongStayAsTheyAre(method: Attack.Method) throws {
    let wrong = BentImages.labels.map { ($0 + 1) % 5 }
    let attack = Attack(method, budget: 0.02, step: 0, steps: 3, targets: 2, queries: 3)
    #expect(try BentImages.attacked(attack, labels: wrong) == BentImages.images)
  }

  /// Where the first leaves an image right, the second leaves another one.
  @Test func squaresOfRestartsAreOthers() throws {
    let once = try BentImages.attacked(Attack(.square, budget: 0.01, step: 0, steps: 8))
    let twice = try BentImages.attacked(Attack(.square, budget: 0.01, step: 0, steps: 8, restarts: 2))
    for image in 0..<BentImages.count {
      let isBroken = BentImages.answer(once[image]) != BentImages.labels[image]
      #expect((once[image] == twice[image]) == isBroken, "image \(image)")
    }
  }

  /// Of a start within a cube each change is as likely as another.
  @Test func startsWithinACube() throws {
    let found = try BentImages.attacked(Attack(.pgd, budget: 0.01, step: 1e-9, steps: 1))
    let changes = zip(found.joined(), BentImages.images.joined()).map { abs($0 - $1) / 0.01 }
    #expect(changes.allSatisfy { $0 <= 1.001 } && changes.contains { $0 > 0.98 })
    #expect(abs(changes.reduce(0, +) / Float(changes.count) - 0.5) < 0.05)
  }

  /// Of a start within a sphere each share of the budget is as likely as another.
  @Test func startsWithinASphere() throws {
    let attack = Attack(.pgd, norm: .l2, budget: 0.01, step: 1e-9, steps: 1)
    let found = try BentImages.attacked(attack)
    let shares = zip(found, BentImages.images).map { found, image in
      zip(found, image).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot() / 0.01
    }
    #expect(shares.allSatisfy { $0 <= 1.001 } && abs(shares.reduce(0, +) / 40 - 0.5) < 0.15, "\(shares)")
  }
}
