import Benchmarks
import Networks
import Tensors

/// FAB (Croce and Hein, "Minimally distorted adversarial examples with a fast adaptive boundary attack", ICML 2020, algorithm
/// 1) towards one class after the other: steps onto the boundary as the gradient has it, drawn towards the image, and back
/// into the boundary's far side whenever it was crossed, so that ever smaller changes are found.
extension Attacker {
  /// How far beyond the boundary a step goes: eta.
  private static var overshoot: Float { 1.05 }
  /// What is left of a change that errs: beta.
  private static var keptOfChange: Float { 0.9 }
  /// The largest share of the step that starts at the image: alpha max.
  private static var largestShare: Float { 0.1 }

  /// Images that are seen wrong as they are, and those of which no change within the budget is found, stay as they are. Others
  /// become the first image within the budget that errs; smaller changes are not sought then.
  func boundaries(_ batch: inout Batch) throws {
    let orders = orders(try markWrong(&batch))
    for restart in 0..<attack.restarts {
      for target in targetPlaces {
        let walkers = batch.rest.map { image in
          let original = Array(batch.images[batch.range(image)])
          let random = batch.randoms[image].branch(UInt32(2 * (restart * 1000 + target)))
          return Walker(
            image: image, loss: .difference(of: orders[image][target], less: batch.labels[image]), original: original,
            // The first try starts at the image, later ones at most half of the budget away.
            values: restart == 0 ? original : start(at: original[...], random, size: budget.size / 2))
        }
        try walk(&batch, walkers)
      }
    }
  }

  /// One image on its way.
  private struct Walker {
    let image: Int
    /// The target's logit less the label's: 0 on the boundary.
    let loss: Loss
    let original: [Float]
    var values: [Float]
  }

  private func walk(_ batch: inout Batch, _ walkers: [Walker]) throws {
    var walkers = walkers
    let size = batch.size
    for _ in 0..<attack.steps {
      guard !walkers.isEmpty else { return }
      let losses = walkers.map(\.loss)
      let (logits, gradients) = try model.gradients(of: walkers.flatMap(\.values), losses: losses)
      let differences = model.values(losses, logits)
      for place in walkers.indices {
        cross(&walkers[place], differences[place], gradients[(place * size)..<((place + 1) * size)])
      }
      let answers = model.answers(try model.logits(of: walkers.flatMap(\.values), count: walkers.count))
      for place in walkers.indices where answers[place] != batch.labels[walkers[place].image] {
        keepOrGoBack(&walkers[place], &batch)
      }
      walkers.removeAll { batch.isBroken[$0.image] }
    }
  }

  /// The step from where it is, and a share of the step from the image, both onto the boundary as it looks from here; the
  /// share is the larger, the smaller the latter.
  private func cross(_ walker: inout Walker, _ difference: Float, _ gradient: ArraySlice<Float>) {
    let gap = -Double(difference)
    var gapOfOriginal = gap
    for (slope, (here, original)) in zip(gradient, zip(walker.values, walker.original)) {
      gapOfOriginal += Double(slope) * (Double(here) - Double(original))
    }
    let step = HyperplaneProjection.change(from: walker.values, along: gradient, by: gap)
    let change = HyperplaneProjection.change(from: walker.original, along: gradient, by: gapOfOriginal)
    let (near, far) = (max(Self.largest(step), 1e-8), max(Self.largest(change), 1e-8))
    let share = min(near / (near + far), Self.largestShare)
    for index in walker.values.indices {
      let here = walker.values[index] + Self.overshoot * step[index]
      let there = walker.original[index] + Self.overshoot * change[index]
      walker.values[index] = Budget.clipped(here * (1 - share) + there * share)
    }
  }

  /// What errs within the budget is found. What errs beyond it goes back towards the image.
  private func keepOrGoBack(_ walker: inout Walker, _ batch: inout Batch) {
    let changes = zip(walker.values, walker.original).map { $0 - $1 }
    if Self.largest(changes) <= budget.size {
      batch.found.replaceSubrange(batch.range(walker.image), with: walker.values)
      batch.isBroken[walker.image] = true
    } else {
      walker.values = zip(walker.original, changes).map { $0 + Self.keptOfChange * $1 }
    }
  }

  private static func largest(_ changes: [Float]) -> Float { changes.reduce(0) { max($0, abs($1)) } }
}
