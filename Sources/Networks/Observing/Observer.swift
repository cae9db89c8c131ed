import Tensors

/// One stream of images through a network of which something within is looked at.
public final class Observer {
  /// The most images at once.
  public let maximumBatch: Int
  /// Memory that it takes beside the network's shared weights.
  public let needs: MemoryNeeds
  private let size: Int
  private let counts: [Int]
  private let session: ProgramSession
  private let together: Int

  /// - Parameter isAlone: whether no other program of the network shares its weights.
  init(_ program: Program, maximumBatch: Int, isAlone: Bool) {
    self.maximumBatch = maximumBatch
    size = program.graph.extents[0].count
    counts = program.graph.outputs.map { program.graph.extents[$0].count }
    together = GradientSession.imagesTogether(program.storage, maximumBatch: maximumBatch)
    session = ProgramSession(program, maximumBatch: together)
    needs = MemoryNeeds(
      weights: program.layers[(isAlone ? 0 : program.graph.firstUnshared)...].reduce(0) { $0 + $1.byteCount },
      session: 4 * (program.storage.count(maximumBatch: together) + program.workspaceCount(maximumBatch: together)))
  }

  /// What is seen of some images, each output as [image, extents]; what is seen of an image does not depend on the others.
  ///
  /// - Parameters:
  ///   - images: [count, height, width, 3], normalised.
  ///   - count: 0 to `maximumBatch`.
  /// - Throws: `InferenceError` for sizes that do not fit.
  public func observe(_ images: UnsafeBufferPointer<Float>, count: Int) throws(InferenceError) -> [[Float]] {
    guard (0...maximumBatch).contains(count), images.count >= count * size else {
      throw .wrongSize("\(count) images of \(size) numbers do not fit \(images.count) numbers or the observer")
    }
    var outputs = counts.map { [Float](repeating: .nan, count: count * $0) }
    for start in stride(from: 0, to: count, by: together) {
      let range = start..<min(count, start + together)
      let buffers = counts.map { AlignedBuffer(count: $0 * range.count) }
      session.run(
        UnsafeBufferPointer(rebasing: images[(range.lowerBound * size)..<(range.upperBound * size)]),
        count: range.count, into: buffers.map(\.elements))
      for (place, buffer) in buffers.enumerated() {
        let values = (range.lowerBound * counts[place])..<(range.upperBound * counts[place])
        outputs[place].replaceSubrange(values, with: buffer.elements[..<values.count])
      }
    }
    return outputs
  }
}

extension Graph {
  /// The first layer on the way back, whose weights are others than those of the network; none: the end.
  fileprivate var firstUnshared: Int { nodes.firstIndex { $0.layer is CentreGradient } ?? nodes.count }
}

extension Classifier {
  /// Memory to look into the network in, for up to `maximumBatch` images at once. One thread uses it at a time. The first one
  /// reads the checkpoint again.
  ///
  /// - Throws: `NetworkViewError` for what it has nothing of, `CheckpointError` where weights cannot be read any more.
  public func makeObserver(_ view: NetworkView, maximumBatch: Int) throws -> Observer {
    let made = try program(for: .none, seenBy: view)
    return Observer(
      made, maximumBatch: max(1, maximumBatch),
      isAlone: made.graph.takesProductsInBlocks != program.graph.takesProductsInBlocks)
  }
}
