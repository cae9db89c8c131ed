import Attacks
import Networks

/// A linear network, whose gradients are written down at once.
struct LinearModel: AttackedModel {
  /// [classes][values]
  let weights: [[Float]]
  var classCount: Int { weights.count }
  var height = 1
  var width: Int { weights[0].count / 3 }

  func logits(of images: [Float], count: Int) throws -> [Float] {
    (0..<count).flatMap { logits(images[($0 * weights[0].count)..<(($0 + 1) * weights[0].count)]) }
  }

  func logits(_ image: ArraySlice<Float>) -> [Float] {
    weights.map { row in zip(row, image).reduce(0) { $0 + $1.0 * $1.1 } }
  }

  func gradients(of images: [Float], losses: [Loss]) throws -> (logits: [Float], gradients: [Float]) {
    let size = weights[0].count
    var (all, gradients): ([Float], [Float]) = ([], [])
    for (image, loss) in losses.enumerated() {
      let logits = logits(images[(image * size)..<((image + 1) * size)])
      var ofLogits = [Float](repeating: 0, count: classCount)
      logits.withUnsafeBufferPointer { logits in
        ofLogits.withUnsafeMutableBufferPointer { loss.writeGradient(of: logits, into: $0) }
      }
      all += logits
      gradients += (0..<size).map { k in (0..<classCount).reduce(0) { $0 + ofLogits[$1] * weights[$1][k] } }
    }
    return (all, gradients)
  }
}
