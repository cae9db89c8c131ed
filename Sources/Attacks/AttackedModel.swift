import Networks

/// A network as attacks ask it: images are values in [0, 1], `[height][width][3]`, before mean and standard deviation.
public protocol AttackedModel {
  /// Logits an image.
  var classCount: Int { get }
  /// Rows of an image.
  var height: Int { get }
  /// Columns of an image.
  var width: Int { get }
  /// Logits, [count, classes], of images [count, values].
  func logits(of images: [Float], count: Int) throws -> [Float]
  /// Logits, [count, classes], and each image's gradient of its own loss with respect to its values. Neither depends on the
  /// other images.
  ///
  /// - Parameters:
  ///   - images: [count, values].
  ///   - losses: of each image.
  func gradients(of images: [Float], losses: [Loss]) throws -> (logits: [Float], gradients: [Float])
}

extension AttackedModel {
  /// The largest logit's place of each image, of equal ones the first.
  package func answers(_ logits: [Float]) -> [Int] {
    stride(from: 0, to: logits.count, by: classCount).map { start in
      (0..<classCount).reduce(0) { logits[start + $1] > logits[start + $0] ? $1 : $0 }
    }
  }

  /// The losses of each image's logits.
  func values(_ losses: [Loss], _ logits: [Float]) -> [Float] {
    logits.withUnsafeBufferPointer { logits in
      losses.enumerated().map { image, loss in
        loss.value(of: UnsafeBufferPointer(rebasing: logits[(image * classCount)..<((image + 1) * classCount)]))
      }
    }
  }
}
