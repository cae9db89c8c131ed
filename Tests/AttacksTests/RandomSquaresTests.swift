import Attacks
import Benchmarks
import Networks
import Tensors
import Testing

@Suite struct RandomSquaresTests {
  /// The attack of one image as the paper's algorithms 1 and 2 have it, line by line.
  private func plain(_ x: [Float], label: Int, budget: Float, queries: Int, _ random: CounterRandom) -> [Float] {
    func margin(_ image: [Float]) -> Float {
      let logits = BentImages.model.logits(image[...])
      return logits[label] - (logits.indices.filter { $0 != label }.map { logits[$0] }.max() ?? 0)
    }
    func isDown(_ random: CounterRandom, _ word: UInt64) -> Bool { random.word(at: word) % 2 == 1 }
    // Two rows of four pixels: stripes are the four columns of each channel.
    var best = x.indices.map { min(1, max(0, x[$0] + (isDown(random, UInt64($0 % 12)) ? -budget : budget))) }
    var least = margin(best)
    for query in 1...queries where least >= 0 {
      let own = random.branch(UInt32(query))
      let side = Attacker<BentModel>.side(query, of: queries, height: 2, width: 4)
      let (top, left) = (Int(own.word(at: 0)) % (3 - side), Int(own.word(at: 1)) % (5 - side))
      var image = best
      for pixel in 0..<8 where (top..<(top + side)) ~= pixel / 4 && (left..<(left + side)) ~= pixel % 4 {
        for channel in 0..<3 {
          let place = pixel * 3 + channel
          let moved = image[place] + (isDown(own, UInt64(2 + channel)) ? -2 : 2) * budget
          image[place] = min(1, max(0, min(x[place] + budget, max(x[place] - budget, moved))))
        }
      }
      let found = margin(image)
      if found < least { (best, least) = (image, found) }
    }
    return best
  }

  @Test("images are those of the authors' algorithm, whether they err at last or not", arguments: [0.01, 0.03])
  func sameAsTheReference(budget: Double) throws {
    let found = try BentImages.attacked(Attack(.square, budget: budget, step: 0, steps: 50))
    var broken = 0
    for image in 0..<BentImages.count {
      let expected = plain(
        BentImages.images[image], label: BentImages.labels[image], budget: Float(budget), queries: 50,
        BentImages.randoms[image])
      #expect(found[image].map(\.bitPattern) == expected.map(\.bitPattern), "image \(image)")
      broken += BentImages.answer(expected) == BentImages.labels[image] ? 0 : 1
    }
    #expect((1..<BentImages.count).contains(broken), "\(broken)")
  }

  /// Of equal logits the first is the answer: stripes and all squares are looked at, after the image itself.
  @Test func equalLogitsAreNoError() throws {
    let model = CountedLogits(LinearModel(weights: [[1, 1, 1], [1, 1, 1]]))
    let attack = Attack(.square, budget: 0.25, step: 0, steps: 8)
    _ = try Attacker(attack, on: model).attacked(
      [0.5, 0.5, 0.5], labels: [0], randoms: [CounterRandom(key: 1, stream: 1)])
    #expect(model.count == 1 + 1 + 8)
  }
}

/// Counts the images whose logits are asked for.
private final class CountedLogits: AttackedModel {
  let model: LinearModel
  private(set) var count = 0

  init(_ model: LinearModel) { self.model = model }

  var classCount: Int { model.classCount }
  var height: Int { model.height }
  var width: Int { model.width }

  func logits(of images: [Float], count: Int) throws -> [Float] {
    self.count += count
    return try model.logits(of: images, count: count)
  }

  func gradients(of images: [Float], losses: [Loss]) throws -> (logits: [Float], gradients: [Float]) {
    try model.gradients(of: images, losses: losses)
  }
}
