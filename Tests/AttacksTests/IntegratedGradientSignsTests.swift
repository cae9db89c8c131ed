import Attacks
import Benchmarks
import Networks
import Tensors
import Testing

@Suite struct IntegratedGradientSignsTests {
  /// One step of TAIG as the paper's equations have it, with points of the line that are moved at random or not.
  private func plain(_ x: [Float], label: Int, budget: Float, _ random: CounterRandom?) throws -> [Float] {
    let points = (0...20).map { point in
      let directions = x.indices.map { index in
        random.map { Float(2 * $0.branch(UInt32(point)).uniform(at: UInt64(index)) - 1) } ?? 0
      }
      return zip(x, directions).map { $0 * (Float(point) / 20) + budget * $1 }
    }
    let slopes = try points.map { try BentImages.model.gradients(of: $0, losses: [.logit(of: label)]).gradients }
    return x.indices.map { index in
      let integrated = (points[20][index] - points[0][index]) * slopes.reduce(0) { $0 + $1[index] } / 21
      let moved = x[index] - 0.01 * (integrated > 0 ? 1 : integrated < 0 ? -1 : 0)
      let level = (255 * min(1, max(0, moved))).rounded()
      return level / 255
    }
  }

  @Test(
    "steps go down the signs of the integrated gradients, to whole levels", arguments: [Attack.Method.taigS, .taigR])
  func sameAsTheReference(method: Attack.Method) throws {
    let found = try BentImages.attacked(Attack(method, budget: 0.1, step: 0.01, steps: 1))
    var differing = 0
    for image in 0..<BentImages.count {
      let expected = try plain(
        BentImages.images[image], label: BentImages.labels[image], budget: 0.1,
        method == .taigR ? BentImages.randoms[image] : nil)
      // Where an integrated gradient is all but 0, rounding decides.
      differing += zip(found[image], expected).count { $0 != $1 }
    }
    #expect(differing < 3, "\(differing)")
  }
}
