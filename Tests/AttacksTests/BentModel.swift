import Attacks
import Networks
import Tensors

/// A network with bends: logits are W x + V x², so that steps overshoot.
struct BentModel: AttackedModel {
  let linear: [[Float]]
  let square: [[Float]]
  var classCount: Int { linear.count }
  let height = 1
  var width: Int { linear[0].count / 3 }

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
