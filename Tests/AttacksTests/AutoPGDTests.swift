import Attacks
import Benchmarks
import Networks
import Tensors
import Testing

/// APGD of one image as the authors' code has it, line by line, the slow reference: losses of all steps are kept, and what a
/// checkpoint asks is counted anew.
private struct PlainAutoPGD {
  let model: BentModel
  let budget: Float
  let steps: Int

  func attacked(_ x: [Float], _ label: Int, _ loss: Loss, start directions: [Float]) throws -> [Float] {
    func clamp(_ values: [Float]) -> [Float] {
      zip(values, x).map { value, x in
        let change = value - x
        return min(1, max(0, x + min(budget, max(-budget, change))))
      }
    }
    func ask(_ image: [Float]) throws -> (loss: Float, gradient: [Float], isWrong: Bool) {
      let (logits, gradient) = try model.gradients(of: image, losses: [loss])
      let answer = logits.firstIndex(of: logits.max() ?? 0)
      return (logits.withUnsafeBufferPointer { loss.value(of: $0) }, gradient, answer != label)
    }
    let largest = directions.map { abs($0) }.max() ?? 1
    var image = zip(x, directions).map { min(1, max(0, $0 + budget * ($1 / largest))) }
    var found = try ask(image)
    if found.isWrong { return image }
    var (best, bestGradient, bestLoss) = (image, found.gradient, found.loss)
    var (old, gradient, step) = (image, found.gradient, 2 * budget)
    var lossSteps: [Float] = []
    var (wasReduced, lossAtLastCheck) = (true, bestLoss)
    var (k, counter) = (max(Int(0.22 * Double(steps)), 1), 0)
    for index in 0..<steps {
      let move = zip(image, old).map { $0 - $1 }
      old = image
      let a: Float = index > 0 ? 0.75 : 1
      let first = clamp(zip(image, gradient).map { $0 + step * ($1 > 0 ? 1 : $1 < 0 ? -1 : 0) })
      image = clamp(image.indices.map { image[$0] + (first[$0] - image[$0]) * a + move[$0] * (1 - a) })
      found = try ask(image)
      if found.isWrong { return image }
      gradient = found.gradient
      lossSteps.append(found.loss)
      if found.loss > bestLoss { (best, bestGradient, bestLoss) = (image, gradient, found.loss) }
      counter += 1
      guard counter == k else { continue }
      let raised = (0..<k).count { back in
        let before = index - back - 1
        return lossSteps[index - back] > (before >= 0 ? lossSteps[before] : 0)
      }
      let isReduced = Float(raised) <= Float(k) * 0.75 || (!wasReduced && lossAtLastCheck >= bestLoss)
      (wasReduced, lossAtLastCheck) = (isReduced, bestLoss)
      if isReduced {
        step /= 2
        (image, gradient) = (best, bestGradient)
      }
      (k, counter) = (max(k - max(Int(0.03 * Double(steps)), 1), max(Int(0.06 * Double(steps)), 1)), 0)
    }
    return best
  }
}

@Suite struct AutoPGDTests {
  @Test(
    "images are those of the authors' algorithm, whether they err at last or not", arguments: [0.004, 0.03], [8, 60])
  func sameAsTheReference(budget: Double, steps: Int) throws {
    let model = BentModel(classes: 5, values: 24, seed: 4)
    let random = CounterRandom(key: 6, stream: 7)
    let images: [Float] = (0..<40 * 24).map { Float(random.uniform(at: UInt64($0))) }
    let labels = try (0..<40).map { image in
      let logits = try model.logits(of: Array(images[(image * 24)..<((image + 1) * 24)]), count: 1)
      return logits.firstIndex(of: logits.max() ?? 0) ?? 0
    }
    let randoms = (0..<40).map { CounterRandom(key: 11, stream: UInt64($0)) }
    let attack = Attack(.apgdCE, budget: budget, step: 0, steps: steps)
    let found = try Attacker(attack, on: model).attacked(images, labels: labels, randoms: randoms)
    let reference = PlainAutoPGD(model: model, budget: Float(budget), steps: steps)
    var broken = 0
    for image in 0..<40 {
      let directions = (0..<24).map { Float(2 * randoms[image].uniform(at: UInt64($0)) - 1) }
      let expected = try reference.attacked(
        Array(images[(image * 24)..<((image + 1) * 24)]), labels[image], .crossEntropy(label: labels[image]),
        start: directions)
      let own = Array(found[(image * 24)..<((image + 1) * 24)])
      #expect(own.map(\.bitPattern) == expected.map(\.bitPattern), "image \(image)")
      let logits = model.logits(own[...])
      if logits.firstIndex(of: logits.max() ?? 0) != labels[image] { broken += 1 }
    }
    #expect((1..<40).contains(broken), "\(broken) of 40")
  }

  /// After 22 of a hundred steps, then 19, 16, 13, 10, 7, and 6 from then on.
  @Test func checkpointsComeCloserToEachOther() {
    var checks = Checkpoints(steps: 100)
    let due = (1...100).compactMap { step in checks.isDue().map { (step, $0) } }
    #expect(due.map(\.0) == [22, 41, 57, 70, 80, 87, 93, 99])
    #expect(due.map(\.1) == [22, 19, 16, 13, 10, 7, 6, 6])
  }
}
