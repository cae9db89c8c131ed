import Attacks
import Imaging
import Networks

/// A network of which attacks ask gradients of values in [0, 1].
struct NetworkUnderAttack: AttackedModel {
  let inference: InferenceSession
  /// Where gradients are asked for.
  let session: GradientSession?
  /// Told of each pass.
  let passes: PassCounter
  let preprocessing: Preprocessing
  let classCount: Int
  let height: Int
  let width: Int

  func logits(of images: [Float], count: Int) throws -> [Float] {
    var values = images
    passes.add(count)
    preprocessing.normalise(&values)
    var logits = [Float](repeating: .nan, count: count * classCount)
    try values.withUnsafeBufferPointer { values in
      try logits.withUnsafeMutableBufferPointer { try inference.logits(images: values, count: count, into: $0) }
    }
    return logits
  }

  func gradients(of images: [Float], losses: [Loss]) throws -> (logits: [Float], gradients: [Float]) {
    var values = images
    passes.add(losses.count)
    preprocessing.normalise(&values)
    var logits = [Float](repeating: .nan, count: losses.count * classCount)
    var gradients = [Float](repeating: .nan, count: images.count)
    try values.withUnsafeBufferPointer { values in
      try logits.withUnsafeMutableBufferPointer { logits in
        try gradients.withUnsafeMutableBufferPointer {
          try session?.gradients(images: values, losses: losses, logits: logits, gradients: $0)
        }
      }
    }
    // (x - mean) / std goes before the network.
    for start in stride(from: 0, to: gradients.count, by: 3) {
      for channel in 0..<3 { gradients[start + channel] /= preprocessing.std[channel] }
    }
    return (logits, gradients)
  }
}
