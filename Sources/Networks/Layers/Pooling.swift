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

extension ReLU {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(
      ReLUGradient(), [gradient, node.output], from: builder.extents(node.output), to: node.inputs[0])
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

extension Pooling {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    let inputs = kind == .maximum ? [gradient, node.inputs[0]] : [gradient]
    builder.give(
      PoolingGradient(pooling: self, input: node.from), inputs, from: builder.extents(node.output), to: node.inputs[0])
  }
}

/// The gradient of what a pooling takes, the second input where maxima are taken.
struct PoolingGradient: Layer, Hashable {
  let pooling: Pooling
  let input: Graph.Extents

  var hasResiduals: Bool { false }
  func extents(of gradient: Graph.Extents) -> Graph.Extents { input }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    var windows = preparation
    windows.from = input
    return Prepared(pooling: pooling, windows: windows.windows(pooling.shape), gradient: preparation.from, input: input)
  }

  private struct Prepared: PreparedLayer {
    let pooling: Pooling
    let windows: Windows
    let gradient: Graph.Extents
    let input: Graph.Extents

    func compute(_ work: LayerWork) {
      for image in 0..<work.count {
        let part = (image * input.count)..<((image + 1) * input.count)
        let from = UnsafeBufferPointer(rebasing: work.input[(image * gradient.count)..<((image + 1) * gradient.count)])
        let output = UnsafeMutableBufferPointer(rebasing: work.output[part])
        switch pooling.kind {
        case .maximum:
          windows.maximumGradient(
            from, of: UnsafeBufferPointer(rebasing: work.inputs[1][part]), countsPadding: pooling.countsPadding,
            into: output)
        case .average: windows.averageGradient(from, countsPadding: pooling.countsPadding, into: output)
        }
        input.clearSpareRows(of: output)
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

extension GlobalAverage {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(
      GlobalAverageGradient(input: node.from), [gradient], from: builder.extents(node.output), to: node.inputs[0])
  }
}

/// Each pixel's share of the mean's gradient.
struct GlobalAverageGradient: Layer, Hashable {
  let input: Graph.Extents

  func extents(of gradient: Graph.Extents) -> Graph.Extents { input }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    ImageByImage(preparation) { mean, output, _, to in
      for channel in 0..<to.channels {
        let share = mean[channel] / Float(to.pixels)
        for pixel in 0..<to.pixels { output[pixel * to.channels + channel] = share }
      }
      to.clearSpareRows(of: output)
    }
  }
}
