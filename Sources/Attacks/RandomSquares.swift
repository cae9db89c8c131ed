import Tensors

/// The square attack within a budget of the largest change (Andriushchenko et al., ECCV 2020, algorithms 1 and 2): stripes,
/// then squares at random places that change all values of a channel alike, as far as the budget lets them.
extension Attacker {
  /// Images that are seen wrong as they are stay as they are.
  func randomSquares(_ batch: inout Batch) throws {
    try markWrong(&batch)
    for restart in 0..<attack.restarts {
      let rest = batch.rest
      guard !rest.isEmpty else { return }
      try search(&batch, rest, restart)
    }
  }

  private func search(_ batch: inout Batch, _ rest: [Int], _ restart: Int) throws {
    var going = rest
    var margins: [Int: Float] = [:]
    for image in rest {
      batch.found.replaceSubrange(
        batch.range(image), with: stripes(batch.images[batch.range(image)], random(batch, image, restart, query: 0)))
    }
    for query in 0...attack.steps {
      let side = query == 0 ? 0 : Self.side(query, of: attack.steps, height: model.height, width: model.width)
      let candidates = going.map { image in
        query == 0
          ? Array(batch.found[batch.range(image)])
          : withSquare(batch, image, side: side, random(batch, image, restart, query: query))
      }
      let logits = try model.logits(of: candidates.flatMap { $0 }, count: going.count)
      for (place, image) in going.enumerated() {
        let row = logits[(place * model.classCount)..<((place + 1) * model.classCount)]
        let margin = Self.margin(row, label: batch.labels[image])
        guard margin < margins[image] ?? .infinity else { continue }
        margins[image] = margin
        batch.found.replaceSubrange(batch.range(image), with: candidates[place])
        // Equal logits are no error yet: of equal ones the first is the answer.
        if model.answers(Array(row))[0] != batch.labels[image] { batch.isBroken[image] = true }
      }
      going = going.filter { !batch.isBroken[$0] }
      if going.isEmpty { return }
    }
  }

  private func random(_ batch: Batch, _ image: Int, _ restart: Int, query: Int) -> CounterRandom {
    batch.randoms[image].branch(UInt32(truncatingIfNeeded: restart * (attack.steps + 1) + query))
  }

  /// By how much the label's logit is above the largest other.
  private static func margin(_ logits: ArraySlice<Float>, label: Int) -> Float {
    let own = logits[logits.startIndex + label]
    var other = -Float.infinity
    for (index, value) in logits.enumerated() where index != label { other = max(other, value) }
    return own - other
  }

  /// Each column of each channel the budget up or down.
  private func stripes(_ original: ArraySlice<Float>, _ random: CounterRandom) -> [Float] {
    original.enumerated().map { index, value in
      let stripe = index % (3 * model.width)
      return Budget.clipped(value + (random.word(at: UInt64(stripe)) & 1 == 0 ? budget.size : -budget.size))
    }
  }

  /// The best image with a square, each channel of which goes twice the budget up or down and then back within it.
  private func withSquare(_ batch: Batch, _ image: Int, side: Int, _ random: CounterRandom) -> [Float] {
    var values = Array(batch.found[batch.range(image)])
    let original = batch.images[batch.range(image)]
    let top = Int(random.word(at: 0)) % (model.height - side + 1)
    let left = Int(random.word(at: 1)) % (model.width - side + 1)
    let changes = (0..<3).map { random.word(at: UInt64(2 + $0)) & 1 == 0 ? 2 * budget.size : -2 * budget.size }
    for row in top..<top + side {
      for column in left..<left + side {
        for channel in 0..<3 {
          let place = (row * model.width + column) * 3 + channel
          let before = original[original.startIndex + place]
          let value = values[place] + changes[channel]
          let (low, high) = (before - budget.size, before + budget.size)
          values[place] = Budget.clipped(value < low ? low : value > high ? high : value)
        }
      }
    }
    return values
  }

  /// The side of a query's square: 0.8 of the pixels at first, half as many at each of nine points of 10,000 queries.
  package static func side(_ query: Int, of queries: Int, height: Int, width: Int) -> Int {
    let place = query * 10_000 / queries
    let halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000].count { place > $0 }
    let pixels = 0.8 / Double(1 << halvings) * Double(height * width)
    return min(max(1, Int(pixels.squareRoot().rounded())), min(height, width))
  }
}
