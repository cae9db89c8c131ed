import Kernels

/// max(x, 0).
struct ReLU: Layer, Hashable {
  var overwritableInputs: Set<Int> { [0] }

  func prepare(_ preparation: Preparation) -> any PreparedLayer { Prepared(count: preparation.from.count) }

  private struct Prepared: PreparedLayer {
    let count: Int

    func compute(_ work: LayerWork) {
      for index in 0..<work.count * count { work.output[index] = work.input[index] > 0 ? work.input[index] : 0 }
    }
  }
}

/// The largest or the mean of each window.
struct Pooling: Layer, Hashable {
  enum Kind: Sendable, Hashable {
    case maximum, average
  }

  let kind: Kind
  let shape: WindowShape
  /// Whether the zeros around the image take part.
  let countsPadding: Bool

  init(_ kind: Kind, _ shape: WindowShape, countsPadding: Bool) {
    (self.kind, self.shape, self.countsPadding) = (kind, shape, countsPadding)
  }

  func extents(of input: Graph.Extents) -> Graph.Extents {
    var result = input
    result.height = shape.rows.count(over: input.height)
    result.width = shape.columns.count(over: input.width)
    return result
  }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    Prepared(
      layer: self, windows: preparation.windows(shape), from: preparation.from, to: preparation.to,
      instructionSet: preparation.options.instructionSet)
  }

  private struct Prepared: PreparedLayer {
    let layer: Pooling
    let windows: Windows
    let from: Graph.Extents
    let to: Graph.Extents
    let instructionSet: InstructionSet

    func compute(_ work: LayerWork) {
      work.forEachImage(from, to) { image, output in
        switch layer.kind {
        case .maximum:
          windows.maximum(
            image, countsPadding: layer.countsPadding, instructionSet: instructionSet, into: output)
        case .average: windows.average(image, countsPadding: layer.countsPadding, into: output)
        }
      }
    }
  }
}

/// The mean over all pixels, [1, 1, channels].
struct GlobalAverage: Layer, Hashable {
  func extents(of input: Graph.Extents) -> Graph.Extents {
    Graph.Extents(height: 1, width: 1, channels: input.channels)
  }

  func prepare(_ preparation: Preparation) -> any PreparedLayer { Prepared(from: preparation.from) }

  private struct Prepared: PreparedLayer {
    let from: Graph.Extents

    func compute(_ work: LayerWork) {
      FeaturePasses.globalAverage(
        work.input, count: work.count, pixels: from.pixels, channels: from.channels, into: work.output)
    }
  }
}
