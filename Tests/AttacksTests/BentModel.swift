import Attacks
import Benchmarks
import Networks
import Tensors

/// A network with bends: logits are W x + V x², so that steps overshoot.
struct BentModel: AttackedModel {
  let linear: [[Float]]
  let square: [[Float]]
  var classCount: Int { linear.count }
  let height = 2
  var width: Int { linear[0].count / 6 }

  init(classes: Int, values: Int, seed: UInt64) {
    let random = CounterRandom(key: seed, stream: 9)
    func matrix(_ part: UInt32, _ scale: Float) -> [[Float]] {
      (0..<classes).map { row in
        (0..<values).map { scale * Float(random.branch(part).normal(at: UInt64(row * values + $0))) }
      }
    }
    (linear, square) = (matrix(1, 1), matrix(2, 4))
  }

  func logits(_ image: ArraySlice<Float>) -> [Float] {
    zip(linear, square).map { w, v in
      zip(image, zip(w, v)).reduce(0) { $0 + $1.0 * $1.1.0 + $1.0 * $1.0 * $1.1.1 }
    }
  }

  func logits(of images: [Float], count: Int) throws -> [Float] {
    let size = images.count / count
    return (0..<count).flatMap { logits(images[($0 * size)..<(($0 + 1) * size)]) }
  }

  func gradients(of images: [Float], losses: [Loss]) throws -> (logits: [Float], gradients: [Float]) {
    let size = linear[0].count
    var (all, gradients): ([Float], [Float]) = ([], [])
    for (image, loss) in losses.enumerated() {
      let pixels = Array(images[(image * size)..<((image + 1) * size)])
      let logits = logits(pixels[...])
      var ofLogits = [Float](repeating: 0, count: classCount)
      logits.withUnsafeBufferPointer { logits in
        ofLogits.withUnsafeMutableBufferPointer { loss.writeGradient(of: logits, into: $0) }
      }
      all += logits
      gradients += (0..<size).map { k in
        (0..<classCount).reduce(0) { $0 + ofLogits[$1] * (linear[$1][k] + 2 * square[$1][k] * pixels[k]) }
      }
    }
    return (all, gradients)
  }
}

/// Images that attacks of a network with bends are tried on.
enum BentImages {
  static let model = BentModel(classes: 5, values: 24, seed: 4)
  static let count = 40
  static let images: [[Float]] = {
    let random = CounterRandom(key: 6, stream: 7)
    return (0..<count).map { image in (0..<24).map { Float(random.uniform(at: UInt64(image * 24 + $0))) } }
  }()
  static let labels = images.map { answer($0) }
  static let randoms = (0..<count).map { CounterRandom(key: 11, stream: UInt64($0)) }

  static func answer(_ image: [Float]) -> Int {
    let logits = model.logits(image[...])
    return logits.firstIndex(of: logits.max() ?? 0) ?? 0
  }

  static func attacked(_ attack: Attack, labels: [Int] = labels, branch: UInt32 = 0) throws -> [[Float]] {
    let found = try Attacker(attack, on: model).attacked(
      images.flatMap { $0 }, labels: labels, randoms: randoms.map { $0.branch(branch) })
    return (0..<count).map { Array(found[($0 * 24)..<(($0 + 1) * 24)]) }
  }
}
