import Kernels
import Tensors

/// A graph with its weights folded and packed, and the storage that each value takes.
struct Program: Sendable {
  /// As it is computed, after all passes.
  let graph: Graph
  let layers: [any PreparedLayer]
  let storage: StoragePlan

  /// - Parameters:
  ///   - graph: as it is computed.
  ///   - store: keeps packed weights for other programs of the same source.
  /// - Throws: `CheckpointError` for a parameter that is missing, damaged or of another shape.
  init(
    _ graph: Graph, weights: any WeightSource, options: ComputeOptions, store: WeightStore
  ) throws(CheckpointError) {
    self.graph = graph
    layers = try computeTogether(graph.nodes.count) { (index) throws(CheckpointError) in
      let node = graph.nodes[index]
      return try node.layer.prepare(
        Preparation(
          source: weights, options: options, from: node.from, to: graph.extents[node.output],
          takesProductsInBlocks: graph.takesProductsInBlocks, store: store))
    }
    storage = StoragePlan(graph)
  }

  /// Numbers that a thread needs besides the values, for any count of images up to a number.
  func workspaceCount(maximumBatch: Int) -> Int {
    layers.enumerated().reduce(0) { largest, item in
      let counts = 1...max(1, item.offset < storage.batchStart ? 1 : maximumBatch)
      return counts.reduce(largest) { max($0, item.element.workspaceCount(images: $1)) }
    }
  }
}

/// One stream of images through a program: the buffers of the storage plan, for up to a number of images.
final class ProgramSession {
  private let program: Program
  private let buffers: [AlignedBuffer]
  private let workspace: AlignedBuffer

  init(_ program: Program, maximumBatch: Int) {
    self.program = program
    buffers = program.storage.buffers.map { AlignedBuffer(count: $0.count * ($0.isOfOneImage ? 1 : maximumBatch)) }
    workspace = AlignedBuffer(count: program.workspaceCount(maximumBatch: maximumBatch))
  }

  /// Computes the graph's outputs for images [count, height, width, 3], each [count, extents].
  ///
  /// - Parameter losses: of each image, where the graph has a gradient.
  func run(
    _ images: UnsafeBufferPointer<Float>, count: Int, losses: ArraySlice<Loss> = [],
    into outputs: [UnsafeMutableBufferPointer<Float>]
  ) {
    let first = 0..<program.storage.batchStart
    let size = program.graph.extents[0].count
    for image in 0..<(first.isEmpty ? 0 : count) {
      let pixels = UnsafeBufferPointer(rebasing: images[(image * size)..<((image + 1) * size)])
      run(first, on: pixels, count: 1, image: image, [], outputs)
    }
    run(first.upperBound..<program.layers.count, on: images, count: count, image: 0, losses, outputs)
  }

  /// Computes some of the layers for `count` images; what is kept of each image begins at `image`.
  private func run(
    _ range: Range<Int>, on images: UnsafeBufferPointer<Float>, count: Int, image: Int,
    _ losses: ArraySlice<Loss>, _ outputs: [UnsafeMutableBufferPointer<Float>]
  ) {
    let (graph, storage) = (program.graph, program.storage)
    func target(_ value: Graph.Value) -> UnsafeMutableBufferPointer<Float> {
      let size = graph.extents[value].count
      let (elements, start) =
        if let place = graph.outputs.firstIndex(of: value) {
          (outputs[place], image * size)
        } else {
          (
            buffers[storage.placement[value]].elements,
            storage.buffers[storage.placement[value]].isOfOneImage ? 0 : image * size
          )
        }
      return UnsafeMutableBufferPointer(rebasing: elements[start..<(start + count * size)])
    }
    func source(_ value: Graph.Value) -> UnsafeBufferPointer<Float> {
      guard value > 0 else { return UnsafeBufferPointer(rebasing: images[..<(count * graph.extents[0].count)]) }
      return UnsafeBufferPointer(target(value))
    }
    for index in range {
      let node = graph.nodes[index]
      program.layers[index].compute(
        LayerWork(
          count: count, inputs: node.inputs.map(source), output: target(node.output), workspace: workspace.elements,
          losses: losses))
    }
  }
}
