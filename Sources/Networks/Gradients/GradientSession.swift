import Tensors

/// One stream of images through a classifier and back: logits, and gradients of losses with respect to the images.
public final class GradientSession {
  /// The most images at once.
  public let maximumBatch: Int
  private let classifier: Classifier
  private let session: ProgramSession
  /// Images that go forth and back together: what lies between the layers is kept until the way back, so a whole batch would
  /// take a gigabyte.
  private let together: Int
  private static let bytesTogether = 3 << 27
  /// What it takes beside the network itself: weights of the way back, which all threads share, and what it computes in.
  public let needs: MemoryNeeds

  init(_ classifier: Classifier, _ program: Program, maximumBatch: Int) {
    self.classifier = classifier
    self.maximumBatch = maximumBatch
    together = Self.imagesTogether(program.storage, maximumBatch: maximumBatch)
    session = ProgramSession(program, maximumBatch: together)
    let own = program.graph.firstUnshared(with: classifier.program.graph)
    needs = MemoryNeeds(
      weights: program.layers[own...].reduce(0) { $0 + $1.byteCount },
      session: 4 * (program.storage.count(maximumBatch: together) + program.workspaceCount(maximumBatch: together)))
  }

  /// Computes logits and each image's gradient of its own loss; neither depends on the other images. Where the network has
  /// ReLUs or maxima the logits are ``InferenceSession``'s, bit for bit; where it has none, large products are not taken in
  /// blocks, for smaller errors of the gradient, and the logits' last digits differ.
  ///
  /// - Parameters:
  ///   - images: [count, height, width, 3], normalised; as many as there are losses.
  ///   - losses: 0 to `maximumBatch`.
  ///   - logits: [count, classes].
  ///   - gradients: [count, height, width, 3], with respect to the normalised numbers.
  /// - Throws: `InferenceError` for sizes that do not fit, or a loss of a class that there is not.
  public func gradients(
    images: UnsafeBufferPointer<Float>, losses: [Loss], logits: UnsafeMutableBufferPointer<Float>,
    gradients: UnsafeMutableBufferPointer<Float>
  ) throws(InferenceError) {
    let size = classifier.inputHeight * classifier.inputWidth * 3
    let classes = classifier.classCount
    let count = losses.count
    guard count <= maximumBatch, images.count >= count * size, logits.count >= count * classes,
      gradients.count >= count * size
    else {
      throw .wrongSize("\(count) images of \(size) numbers and \(classes) logits do not fit the storage or the session")
    }
    if let wrong = losses.first(where: { !$0.fits(classes: classes) }) {
      throw .wrongSize("there is no \(wrong) of \(classes) logits")
    }
    for start in stride(from: 0, to: count, by: together) {
      let range = start..<min(count, start + together)
      let pixels = (range.lowerBound * size)..<(range.upperBound * size)
      session.run(
        UnsafeBufferPointer(rebasing: images[pixels]), count: range.count, losses: losses[range],
        into: [
          UnsafeMutableBufferPointer(rebasing: logits[(range.lowerBound * classes)..<(range.upperBound * classes)]),
          UnsafeMutableBufferPointer(rebasing: gradients[pixels]),
        ])
    }
  }
}

extension GradientSession {
  /// How many images go forth and back at once.
  static func imagesTogether(_ storage: StoragePlan, maximumBatch: Int) -> Int {
    min(maximumBatch, max(1, bytesTogether / (4 * max(1, storage.count(maximumBatch: 1)))))
  }
}

extension Architecture {
  /// Refuses a network that cannot be differentiated.
  public func checkGradient() throws(GradientError) { _ = try graph.withInputGradient() }
}

extension Classifier {
  /// Memory to compute gradients in, for up to `maximumBatch` images at once. One thread uses it at a time. The first one
  /// reads the checkpoint again for the weights of the way back. Products are of the network's own precision.
  ///
  /// - Throws: `GradientError` for a network that cannot be differentiated, `NetworkChangeError` for a change that it does not
  ///   allow, `CheckpointError` where weights cannot be read any more.
  public func makeGradientSession(
    maximumBatch: Int, change: NetworkChange = .none
  ) throws -> GradientSession {
    GradientSession(self, try program(for: change, isDifferentiated: true), maximumBatch: max(1, maximumBatch))
  }
}
