import Kernels
import Tensors

/// One stream of images through a compiled graph: the buffers of the storage plan, for up to a number of images.
final class GraphSession {
  private let compiled: CompiledGraph
  private let buffers: [AlignedBuffer]
  private let scratch: AlignedBuffer
  /// What products work in, so that nothing is allocated while a network runs.
  private let productScratch: AlignedBuffer

  init(_ compiled: CompiledGraph, maximumBatch: Int) {
    self.compiled = compiled
    buffers = compiled.storage.buffers.map { AlignedBuffer(count: $0.count * ($0.isOfOneImage ? 1 : maximumBatch)) }
    scratch = AlignedBuffer(count: compiled.scratchCount)
    productScratch = AlignedBuffer(count: compiled.productScratchCount(maximumBatch: maximumBatch))
  }

  /// Bytes that a session takes, before it is made.
  static func byteCount(_ compiled: CompiledGraph, maximumBatch: Int) -> Int {
    let numbers = compiled.storage.buffers.reduce(compiled.scratchCount) {
      $0 + $1.count * ($1.isOfOneImage ? 1 : maximumBatch)
    }
    return 4 * (numbers + compiled.productScratchCount(maximumBatch: maximumBatch))
  }

  /// Writes the logits, [count, classes], of images [count, height, width, 3].
  func logits(
    images: UnsafeBufferPointer<Float>, count: Int, into logits: UnsafeMutableBufferPointer<Float>
  ) {
    let first = 0..<compiled.storage.batchStart
    let imageCount = compiled.graph.extents[0].count
    for image in 0..<(first.isEmpty ? 0 : count) {
      let pixels = UnsafeBufferPointer(rebasing: images[(image * imageCount)..<((image + 1) * imageCount)])
      run(first, on: pixels, count: 1, image: image, logits: logits)
    }
    run(first.upperBound..<compiled.graph.nodes.count, on: images, count: count, image: 0, logits: logits)
  }

  /// Computes some of the operations for `count` images; what is kept of each image begins at `image`.
  private func run(
    _ range: Range<Int>, on images: UnsafeBufferPointer<Float>, count: Int, image: Int,
    logits: UnsafeMutableBufferPointer<Float>
  ) {
    let (graph, storage) = (compiled.graph, compiled.storage)
    func target(_ value: Graph.Value) -> UnsafeMutableBufferPointer<Float> {
      let buffer = storage.placement[value]
      let elements = buffers[buffer].elements
      guard !storage.buffers[buffer].isOfOneImage else { return elements }
      return UnsafeMutableBufferPointer(rebasing: elements[(image * graph.extents[value].count)...])
    }
    func source(_ value: Graph.Value) -> UnsafeBufferPointer<Float> {
      storage.placement[value] < 0 ? images : UnsafeBufferPointer(target(value))
    }
    for index in range {
      let node = graph.nodes[index]
      let output = node.output == graph.output ? logits : target(node.output)
      if case .tensor(let step) = compiled.steps[index] {
        compute(
          step, node.inputs.map { (source($0), graph.extents[$0].count) }, graph.extents[node.output], count, output)
      } else {
        compute(
          compiled.steps[index], source(node.inputs[0]), node.inputs.count > 1 ? source(node.inputs[1]) : nil,
          node.from, graph.extents[node.output], count, into: output)
      }
    }
  }

  private func compute(
    _ step: TensorStep, _ inputs: [(numbers: UnsafeBufferPointer<Float>, count: Int)], _ to: Graph.Extents,
    _ count: Int, _ output: UnsafeMutableBufferPointer<Float>
  ) {
    for image in 0..<count {
      let parts = inputs.map {
        UnsafeBufferPointer(rebasing: $0.numbers[(image * $0.count)..<((image + 1) * $0.count)])
      }
      let part = UnsafeMutableBufferPointer(rebasing: output[(image * to.count)..<((image + 1) * to.count)])
      step.compute(parts, outputCount: to.count, into: part)
    }
  }

  private func compute(
    _ step: CompiledGraph.Step, _ input: UnsafeBufferPointer<Float>, _ residual: UnsafeBufferPointer<Float>?,
    _ from: Graph.Extents, _ to: Graph.Extents, _ count: Int, into output: UnsafeMutableBufferPointer<Float>
  ) {
    func images(_ body: (UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) -> Void) {
      for image in 0..<count {
        body(
          UnsafeBufferPointer(rebasing: input[(image * from.count)..<((image + 1) * from.count)]),
          UnsafeMutableBufferPointer(rebasing: output[(image * to.count)..<((image + 1) * to.count)]))
      }
    }
    switch step {
    case .linear(let matrix, let activation):
      matrix.multiply(
        input, rows: count * from.rows, activation: activation, residual: residual, scratch: productScratch.elements,
        into: output)
    case .convolution(let matrix, let windows, let activation):
      convolve(matrix, windows, activation, input, residual, count, into: output)
    case .grouped(let matrices, let windows, let activation):
      convolve(matrices, windows, activation, input, count, into: output)
    case .winograd(let layer, let activation):
      layer.convolve(
        input, count: count, height: from.height, width: from.width, activation: activation, residual: residual,
        scratch: scratch.elements, into: output)
    case .depthwise(let layer, let relu):
      layer.convolve(
        input, count: count, height: from.height, width: from.width, relu: relu, scratch: scratch.elements,
        into: output)
    case .layerNorm(let weight, let bias, let epsilon):
      Normalisation.layer(
        input, rows: count * from.rows, channels: from.channels, weight: weight, bias: bias, epsilon: epsilon,
        into: output)
    case .groupNorm(let weight, let bias, let groups, let epsilon, let relu):
      Normalisation.group(
        input, count: count, pixels: from.pixels, channels: from.channels, groups: groups, weight: weight, bias: bias,
        epsilon: epsilon, relu: relu, into: output)
    case .relu:
      for index in 0..<count * from.count { output[index] = input[index] > 0 ? input[index] : 0 }
    case .maxPool(let windows, let countsPadding):
      images { windows.maximum($0, countsPadding: countsPadding, into: $1) }
    case .averagePool(let windows, let countsPadding):
      images { windows.average($0, countsPadding: countsPadding, into: $1) }
    case .globalAverage:
      FeaturePasses.globalAverage(
        input, count: count, pixels: from.pixels, channels: from.channels, into: output)
    case .tokens(let first, let positions):
      images { patches, tokens in
        for index in first.indices { tokens[index] = first[index] }
        for index in positions.indices { tokens[first.count + index] = patches[index] + positions[index] }
        clearSpareRows(to, of: tokens)
      }
    case .firstToken:
      images { tokens, first in
        for channel in 0..<to.channels { first[channel] = tokens[channel] }
      }
    case .attention(let attention):
      images {
        attention.attend($0, scratch: scratch.elements, into: $1)
        clearSpareRows(to, of: $1)
      }
    case .mergePatches:
      images { merge($0, from, to, into: $1) }
    case .tensor: break
    }
  }

  private func clearSpareRows(_ extents: Graph.Extents, of image: UnsafeMutableBufferPointer<Float>) {
    for index in extents.pixels * extents.channels..<extents.count { image[index] = 0 }
  }

  private func convolve(
    _ matrix: PackedMatrix, _ windows: Windows, _ activation: Activation, _ input: UnsafeBufferPointer<Float>,
    _ residual: UnsafeBufferPointer<Float>?, _ count: Int, into output: UnsafeMutableBufferPointer<Float>
  ) {
    let places = windows.rows * windows.columns
    let imageCount = windows.height * windows.width * windows.channels
    for image in 0..<count {
      let pixels = UnsafeBufferPointer(rebasing: input[(image * imageCount)..<((image + 1) * imageCount)])
      for start in stride(from: 0, to: places, by: CompiledGraph.patchRows) {
        let range = start..<min(places, start + CompiledGraph.patchRows)
        windows.gather(pixels, range, into: scratch.elements)
        let first = (image * places + start) * matrix.columns
        let part = first..<(first + range.count * matrix.columns)
        matrix.multiply(
          UnsafeBufferPointer(scratch.elements), rows: range.count, activation: activation,
          residual: residual.map { UnsafeBufferPointer(rebasing: $0[part]) }, scratch: productScratch.elements,
          into: UnsafeMutableBufferPointer(rebasing: output[part]))
      }
    }
  }

  /// Group by group; a group's outputs go to their channels by way of the scratch.
  private func convolve(
    _ matrices: [PackedMatrix], _ windows: Windows, _ activation: Activation, _ input: UnsafeBufferPointer<Float>,
    _ count: Int, into output: UnsafeMutableBufferPointer<Float>
  ) {
    let places = windows.rows * windows.columns
    let imageCount = windows.height * windows.width * windows.channels
    let (inputs, outputs) = (windows.channels / matrices.count, matrices[0].columns)
    let patches = CompiledGraph.patchRows * matrices[0].inner
    let sums = UnsafeMutableBufferPointer(rebasing: scratch.elements[patches...])
    for image in 0..<count {
      let pixels = UnsafeBufferPointer(rebasing: input[(image * imageCount)..<((image + 1) * imageCount)])
      for start in stride(from: 0, to: places, by: CompiledGraph.patchRows) {
        let range = start..<min(places, start + CompiledGraph.patchRows)
        for (group, matrix) in matrices.enumerated() {
          windows.gather(pixels, range, part: (group * inputs)..<((group + 1) * inputs), into: scratch.elements)
          matrix.multiply(
            UnsafeBufferPointer(scratch.elements), rows: range.count, activation: activation, residual: nil,
            scratch: productScratch.elements, into: sums)
          for place in 0..<range.count {
            let target = ((image * places + start + place) * matrices.count + group) * outputs
            for column in 0..<outputs { output[target + column] = sums[place * outputs + column] }
          }
        }
      }
    }
  }

  private func merge(
    _ input: UnsafeBufferPointer<Float>, _ from: Graph.Extents, _ to: Graph.Extents,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    for row in 0..<to.height {
      for column in 0..<to.width {
        for part in 0..<4 {
          let source = ((2 * row + part % 2) * from.width + 2 * column + part / 2) * from.channels
          let target = (row * to.width + column) * to.channels + part * from.channels
          for channel in 0..<from.channels { output[target + channel] = input[source + channel] }
        }
      }
    }
  }
}
