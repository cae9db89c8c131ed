import Kernels

/// Multi-head self-attention on queries, keys and values, [tokens, 3, heads, channels a head].
struct SelfAttention: Layer {
  let heads: Int
  let scope: Scope

  /// Which tokens attend to which.
  enum Scope: Sendable {
    /// All to all.
    case whole
    case windows(Window)
    /// As many neighbouring tokens to each other; the checkpoint's tensor, [groups or 1, heads, size, size], is added to
    /// the scores.
    case groups(size: Int, bias: String?, biasCount: Int)
  }

  /// Swin's windows: a square of `side`, the image rolled by `shift`, and the table of biases by relative position.
  struct Window: Sendable {
    let side: Int
    let shift: Int
    let table: String
  }

  /// The checkpoint's tensor that the biases follow from.
  private var bias: Parameter? {
    switch scope {
    case .whole, .groups(_, nil, _): nil
    case .windows(let window): Parameter(window.table, [(2 * window.side - 1) * (2 * window.side - 1), heads])
    case .groups(let size, let bias?, let count): Parameter(bias, [count, heads, size, size])
    }
  }

  var parameters: [Parameter] { bias.map { [$0] } ?? [] }

  func extents(of input: Graph.Extents) -> Graph.Extents {
    var result = input
    result.channels = input.channels / 3
    return result
  }

  func multiplyAdds(from input: Graph.Extents, to output: Graph.Extents) -> Int {
    let reach =
      switch scope {
      case .whole: input.pixels
      case .windows(let window): window.side * window.side
      case .groups(let size, _, _): size
      }
    return 2 * input.pixels * output.channels * reach
  }

  func estimatedByteCount(of input: Graph.Extents, _ precision: Precision) -> Int {
    guard case .windows(let window) = scope else { return 4 * weightCount }
    let size = window.side * window.side
    return 4 * heads * size * size * (window.shift == 0 ? 1 : input.pixels / size)
  }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    Prepared(
      attention: try attention(on: preparation.from, preparation), from: preparation.from, to: preparation.to)
  }

  func attention(on input: Graph.Extents, _ preparation: Preparation) throws(CheckpointError) -> Attention {
    let values = try bias.map { (parameter) throws(CheckpointError) in try preparation.values(parameter) } ?? []
    var windows = [Array(0..<input.pixels)]
    var biases: [[Float]] = []
    switch scope {
    case .whole: break
    case .windows(let window):
      let layout = WindowLayout(height: input.height, width: input.width, side: window.side, shift: window.shift)
      windows = layout.windows
      biases = layout.biases(table: values, heads: heads)
    case .groups(let size, let bias, let count):
      windows = stride(from: 0, to: input.pixels, by: size).map { Array($0..<($0 + size)) }
      if bias != nil {
        let each = heads * size * size
        biases = (0..<count).map { Array(values[($0 * each)..<(($0 + 1) * each)]) }
      }
    }
    return Attention(
      heads: heads, headSize: input.channels / 3 / heads, windows: windows, biases: biases,
      instructionSet: preparation.options.instructionSet, backend: preparation.options.gemm)
  }

  private struct Prepared: PreparedLayer {
    let attention: Attention
    let from: Graph.Extents
    let to: Graph.Extents

    var byteCount: Int { attention.byteCount }

    func workspaceCount(images: Int) -> Int { attention.scratchCount }

    func compute(_ work: LayerWork) {
      work.forEachImage(from, to) { projected, output in
        attention.attend(projected, scratch: work.workspace, into: output)
        to.clearSpareRows(of: output)
      }
    }
  }
}

extension SelfAttention {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(
      SelfAttentionGradient(layer: self, input: node.from), [gradient, node.inputs[0]],
      from: builder.extents(node.output), to: node.inputs[0])
  }
}

/// The gradient of queries, keys and values, the second input.
struct SelfAttentionGradient: Layer {
  let layer: SelfAttention
  let input: Graph.Extents

  var parameters: [Parameter] { layer.parameters }
  var hasResiduals: Bool { false }
  func extents(of gradient: Graph.Extents) -> Graph.Extents { input }

  func multiplyAdds(from gradient: Graph.Extents, to output: Graph.Extents) -> Int {
    layer.multiplyAdds(from: output, to: gradient) / 2 * 5
  }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    Prepared(attention: try layer.attention(on: input, preparation), gradient: preparation.from, input: input)
  }

  private struct Prepared: PreparedLayer {
    let attention: Attention
    let gradient: Graph.Extents
    let input: Graph.Extents

    var byteCount: Int { attention.byteCount }

    func workspaceCount(images: Int) -> Int { attention.gradientScratchCount }

    func compute(_ work: LayerWork) {
      for image in 0..<work.count {
        let part = (image * input.count)..<((image + 1) * input.count)
        let output = UnsafeMutableBufferPointer(rebasing: work.output[part])
        attention.gradient(
          UnsafeBufferPointer(rebasing: work.input[(image * gradient.count)..<((image + 1) * gradient.count)]),
          UnsafeBufferPointer(rebasing: work.inputs[1][part]), scratch: work.workspace, into: output)
        input.clearSpareRows(of: output)
      }
    }
  }
}

/// Swin's shifted windows (Liu et al., "Swin Transformer", ICCV 2021, section 3.2) as lists of an image's pixels.
struct WindowLayout {
  let height: Int
  let width: Int
  let side: Int
  let shift: Int

  private var origins: [(row: Int, column: Int)] {
    stride(from: 0, to: height, by: side).flatMap { row in stride(from: 0, to: width, by: side).map { (row, $0) } }
  }

  /// The pixels of each window of the rolled image.
  var windows: [[Int]] {
    origins.map { origin in
      (0..<side * side).map { place in
        let row = (origin.row + place / side + shift) % height
        let column = (origin.column + place % side + shift) % width
        return row * width + column
      }
    }
  }

  /// The table's biases for each pair of a window's pixels, and -100 between pixels that the roll brought together;
  /// one list for all windows where nothing is rolled.
  func biases(table: [Float], heads: Int) -> [[Float]] {
    let span = 2 * side - 1
    let size = side * side
    func region(_ position: Int, _ extent: Int) -> Int {
      position < extent - side ? 0 : position < extent - shift ? 1 : 2
    }
    func region(_ origin: (row: Int, column: Int), _ place: Int) -> Int {
      3 * region(origin.row + place / side, height) + region(origin.column + place % side, width)
    }
    return (shift == 0 ? [(0, 0)] : origins).map { origin in
      var result = [Float](repeating: 0, count: heads * size * size)
      for query in 0..<size {
        for key in 0..<size {
          let row = query / side - key / side + side - 1
          let column = query % side - key % side + side - 1
          let isApart = shift > 0 && region(origin, query) != region(origin, key)
          for head in 0..<heads {
            result[(head * size + query) * size + key] =
              table[(row * span + column) * heads + head] + (isApart ? -100 : 0)
          }
        }
      }
      return result
    }
  }
}
