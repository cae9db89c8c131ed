import Benchmarks
import Networks
import Tensors

/// APGD (Croce and Hein, ICML 2020, algorithm 1): steps with momentum, halved at checkpoints where they no longer raise the
/// loss, from the best image so far on.
extension Attacker {
  /// Images that are seen wrong as they are stay as they are.
  func automatic(_ batch: inout Batch, loss: (Int) -> Loss) throws {
    try markWrong(&batch)
    for restart in 0..<attack.restarts {
      let rest = batch.rest
      try climb(&batch, rest, rest.map { loss(batch.labels[$0]) }, stream: UInt32(restart))
    }
  }

  /// Towards each of the classes behind the first, by their logits of the image as it is.
  func targeted(_ batch: inout Batch) throws {
    let orders = orders(try markWrong(&batch))
    for restart in 0..<attack.restarts {
      for target in targetPlaces {
        let rest = batch.rest
        let losses = rest.map { image in
          // An image that is still right has its label in front.
          Loss.targetedLogitRatio(label: batch.labels[image], target: orders[image][target])
        }
        try climb(&batch, rest, losses, stream: UInt32(restart * 1000 + target))
      }
    }
  }

  /// The targets' places in the order of an image's logits.
  var targetPlaces: Range<Int> { 1..<max(1, min(attack.targets + 1, model.classCount)) }

  /// Each image's classes by its logits, the largest first, of equal ones the first.
  func orders(_ logits: [Float]) -> [[Int]] {
    stride(from: 0, to: logits.count, by: model.classCount).map { start in
      let row = logits[start..<(start + model.classCount)]
      return row.indices.sorted { row[$0] == row[$1] ? $0 < $1 : row[$0] > row[$1] }.map { $0 - start }
    }
  }

  /// Marks the images that the network sees wrong as they are, and gives all images' logits.
  @discardableResult
  func markWrong(_ batch: inout Batch) throws -> [Float] {
    let logits = try model.logits(of: batch.images, count: batch.labels.count)
    for (image, answer) in model.answers(logits).enumerated() where answer != batch.labels[image] {
      batch.isBroken[image] = true
    }
    return logits
  }

  /// One image on its way up.
  private struct Climber {
    let image: Int
    let loss: Loss
    var values: [Float]
    var before: [Float]
    var gradient: [Float]
    var best: [Float]
    var bestGradient: [Float]
    var bestLoss: Float
    var bestAtCheck: Float
    var wasReduced = true
    var step: Float
    /// Of each step.
    var losses: [Float] = []
    var isBroken = false
  }

  private func climb(_ batch: inout Batch, _ rest: [Int], _ losses: [Loss], stream: UInt32) throws {
    guard !rest.isEmpty else { return }
    let size = batch.size
    var values: [Float] = []
    for image in rest {
      values += start(at: batch.images[batch.range(image)], batch.randoms[image].branch(2 * stream), size: budget.size)
    }
    let (logits, gradients) = try model.gradients(of: values, losses: losses)
    let firstLosses = model.values(losses, logits)
    let answers = model.answers(logits)
    var climbers = rest.indices.map { place in
      let own = Array(values[(place * size)..<((place + 1) * size)])
      let gradient = Array(gradients[(place * size)..<((place + 1) * size)])
      return Climber(
        image: rest[place], loss: losses[place], values: own, before: own, gradient: gradient, best: own,
        bestGradient: gradient, bestLoss: firstLosses[place], bestAtCheck: firstLosses[place], step: 2 * budget.size,
        isBroken: answers[place] != batch.labels[rest[place]])
    }
    var checks = Checkpoints(steps: attack.steps)
    for step in 0..<attack.steps {
      // What is broken is found.
      let going = climbers.indices.filter { !climbers[$0].isBroken }
      guard !going.isEmpty else { break }
      for place in going { move(&climbers[place], batch, isFirst: step == 0) }
      let (logits, gradients) = try model.gradients(
        of: going.flatMap { climbers[$0].values }, losses: going.map { climbers[$0].loss })
      let reached = model.values(going.map { climbers[$0].loss }, logits)
      let answers = model.answers(logits)
      let width = checks.isDue()
      for (index, place) in going.enumerated() {
        if answers[index] != batch.labels[climbers[place].image] {
          climbers[place].isBroken = true
          climbers[place].best = climbers[place].values
        } else {
          climbers[place].gradient = Array(gradients[(index * size)..<((index + 1) * size)])
          look(&climbers[place], reached[index], checkpoint: width)
        }
      }
    }
    for climber in climbers {
      batch.found.replaceSubrange(batch.range(climber.image), with: climber.best)
      batch.isBroken[climber.image] = climber.isBroken
    }
  }

  /// x + size u / max |u|, u random in -1 ... 1.
  func start(at original: ArraySlice<Float>, _ random: CounterRandom, size: Float) -> [Float] {
    let directions = Budget.directions(original.count, random)
    let largest = directions.reduce(Float(0)) { max($0, abs($1)) }
    guard largest > 0 else { return Array(original) }
    return zip(original, directions).map { Budget.clipped($0 + size * ($1 / largest)) }
  }

  /// Three quarters of the step, and a quarter of the last move; the first step whole.
  private func move(_ climber: inout Climber, _ batch: Batch, isFirst: Bool) {
    let original = batch.images[batch.range(climber.image)]
    let share: Float = isFirst ? 1 : 0.75
    let stepped = budget.projected(
      budget.step(from: climber.values[...], along: climber.gradient[...], length: climber.step), around: original)
    var next: [Float] = []
    next.reserveCapacity(stepped.count)
    for index in stepped.indices {
      let value = climber.values[index]
      next.append(value + (stepped[index] - value) * share + (value - climber.before[index]) * (1 - share))
    }
    climber.before = climber.values
    climber.values = budget.projected(next, around: original)
  }

  /// Remembers the best, and halves the step at a checkpoint where too few steps raised the loss, or where neither step nor
  /// best changed since the last.
  private func look(_ climber: inout Climber, _ loss: Float, checkpoint width: Int?) {
    climber.losses.append(loss)
    if loss > climber.bestLoss {
      (climber.best, climber.bestGradient, climber.bestLoss) = (climber.values, climber.gradient, loss)
    }
    guard let width else { return }
    let count = climber.losses.count
    let raised = (max(1, count - width)..<count).count { climber.losses[$0] > climber.losses[$0 - 1] }
    // The first step of all has no loss before it; the authors compare it with 0.
    let first = count <= width && climber.losses[0] > 0 ? 1 : 0
    let isReduced =
      Float(raised + first) <= 0.75 * Float(width)
      || (!climber.wasReduced && climber.bestAtCheck >= climber.bestLoss)
    climber.wasReduced = isReduced
    climber.bestAtCheck = climber.bestLoss
    guard isReduced else { return }
    climber.step /= 2
    (climber.values, climber.gradient) = (climber.best, climber.bestGradient)
  }
}

/// The steps after which APGD looks back: after 22 % of them, then after 3 % less each time, 6 % at least.
package struct Checkpoints {
  private let least: Int
  private let less: Int
  private var width: Int
  private var passed = 0

  package init(steps: Int) {
    width = max(Int(0.22 * Double(steps)), 1)
    least = max(Int(0.06 * Double(steps)), 1)
    less = max(Int(0.03 * Double(steps)), 1)
  }

  /// After one more step: how many there were since the last checkpoint, if this is one.
  package mutating func isDue() -> Int? {
    passed += 1
    guard passed == width else { return nil }
    defer { (width, passed) = (max(width - less, least), 0) }
    return width
  }
}
