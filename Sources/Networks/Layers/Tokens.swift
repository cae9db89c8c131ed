/// Puts the class token before the patches and adds a position to each; spare rows make the count a multiple of 4.
struct Tokens: Layer, Hashable {
  let token: String
  let position: String
  let count: Int
  let channels: Int

  var parameters: [Parameter] {
    [Parameter(token, [1, 1, channels]), Parameter(position, [1, count, channels])]
  }

  func extents(of input: Graph.Extents) -> Graph.Extents {
    var result = input
    (result.height, result.width) = (input.pixels + 1, 1)
    result.spare = (4 - result.height % 4) % 4
    return result
  }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    let positions = try positions(preparation.source)
    let first = zip(try preparation.values(parameters[0]), positions).map { $0 + $1 }
    return Prepared(
      first: first, positions: Array(positions[channels...]), from: preparation.from, to: preparation.to)
  }

  /// The positions of tokens, resampled where the checkpoint has them for another size of images.
  private func positions(_ source: any WeightSource) throws(CheckpointError) -> [Float] {
    guard let stored = source.shape(of: position), stored.count == 3, stored[1] != count,
      let from = PositionResampling.side(ofTokens: stored[1]), let to = PositionResampling.side(ofTokens: count)
    else { return try source.values(position, shape: [1, count, channels]) }
    let values = try source.values(position, shape: [1, stored[1], channels])
    return PositionResampling.resample(values, from: from, to: to, channels: channels)
  }

  private struct Prepared: PreparedLayer {
    let first: [Float]
    let positions: [Float]
    let from: Graph.Extents
    let to: Graph.Extents

    var byteCount: Int { 4 * (first.count + positions.count) }

    func compute(_ work: LayerWork) {
      work.forEachImage(from, to) { patches, tokens in
        for index in first.indices { tokens[index] = first[index] }
        for index in positions.indices { tokens[first.count + index] = patches[index] + positions[index] }
        to.clearSpareRows(of: tokens)
      }
    }
  }
}

/// The first row alone: the class token.
struct FirstToken: Layer, Hashable {
  func extents(of input: Graph.Extents) -> Graph.Extents {
    Graph.Extents(height: 1, width: 1, channels: input.channels)
  }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    ImageByImage(preparation) { tokens, first, _, to in
      for channel in 0..<to.channels { first[channel] = tokens[channel] }
    }
  }
}

extension Graph.Extents {
  /// Writes zeros to the spare rows of an image.
  func clearSpareRows(of image: UnsafeMutableBufferPointer<Float>) {
    for index in pixels * channels..<count { image[index] = 0 }
  }
}

/// Each 2 x 2 pixels' channels together, columns slower than rows, as Swin has it.
struct MergePatches: Layer, Hashable {
  func extents(of input: Graph.Extents) -> Graph.Extents {
    Graph.Extents(height: input.height / 2, width: input.width / 2, channels: 4 * input.channels)
  }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    ImageByImage(preparation) { input, output, from, to in
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
}

extension Tokens {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(
      TokensGradient(input: node.from), [gradient], from: builder.extents(node.output), to: node.inputs[0])
  }
}

extension FirstToken {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(
      FirstTokenGradient(input: node.from), [gradient], from: builder.extents(node.output), to: node.inputs[0])
  }
}

extension MergePatches {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(
      MergePatchesGradient(input: node.from), [gradient], from: builder.extents(node.output), to: node.inputs[0])
  }
}

/// The patches' gradients: all tokens' but the first's.
struct TokensGradient: Layer, Hashable {
  let input: Graph.Extents

  func extents(of gradient: Graph.Extents) -> Graph.Extents { input }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    ImageByImage(preparation) { tokens, patches, _, to in
      for index in 0..<to.pixels * to.channels { patches[index] = tokens[to.channels + index] }
      to.clearSpareRows(of: patches)
    }
  }
}

/// The first token's gradient, and none of the others.
struct FirstTokenGradient: Layer, Hashable {
  let input: Graph.Extents

  func extents(of gradient: Graph.Extents) -> Graph.Extents { input }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    ImageByImage(preparation) { first, tokens, _, to in
      for channel in 0..<to.channels { tokens[channel] = first[channel] }
      for index in to.channels..<to.count { tokens[index] = 0 }
    }
  }
}

/// The gradients of merged patches where the patches lay.
struct MergePatchesGradient: Layer, Hashable {
  let input: Graph.Extents

  func extents(of gradient: Graph.Extents) -> Graph.Extents { input }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    ImageByImage(preparation) { gradient, output, from, to in
      for index in 0..<to.count { output[index] = 0 }
      for row in 0..<from.height {
        for column in 0..<from.width {
          for part in 0..<4 {
            let target = ((2 * row + part % 2) * to.width + 2 * column + part / 2) * to.channels
            let source = (row * from.width + column) * from.channels + part * to.channels
            for channel in 0..<to.channels { output[target + channel] = gradient[source + channel] }
          }
        }
      }
    }
  }
}

/// A layer without weights that moves an image's numbers.
struct ImageByImage: PreparedLayer {
  typealias Move =
    @Sendable (UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>, Graph.Extents, Graph.Extents) -> Void

  let from: Graph.Extents
  let to: Graph.Extents
  let move: Move

  init(_ preparation: Preparation, move: @escaping Move) {
    (from, to, self.move) = (preparation.from, preparation.to, move)
  }

  func compute(_ work: LayerWork) {
    work.forEachImage(from, to) { move($0, $1, from, to) }
  }
}
