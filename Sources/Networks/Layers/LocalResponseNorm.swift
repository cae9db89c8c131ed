import Kernels

/// x / (bias + alpha / size * the sum of squares over neighbouring channels)^beta (Krizhevsky et al., "ImageNet
/// Classification with Deep Convolutional Neural Networks", NIPS 2012); of an even number of neighbours one more follows.
struct LocalResponseNorm: Layer, Hashable {
  /// Neighbours, the channel among them.
  let size: Int
  let alpha: Float
  let beta: Float
  let bias: Float

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    Prepared(layer: self, channels: preparation.from.channels, rows: preparation.from.rows)
  }

  private struct Prepared: PreparedLayer {
    let layer: LocalResponseNorm
    let channels: Int
    let rows: Int

    func compute(_ work: LayerWork) {
      let (input, output) = (work.input, work.output)
      for start in stride(from: 0, to: work.count * rows * channels, by: channels) {
        for channel in 0..<channels {
          let factor = ElementwiseFunction.power(layer.base(input, start, channel, of: channels), -layer.beta)
          output[start + channel] = input[start + channel] * factor
        }
      }
    }
  }

  /// Neighbours before a channel and behind it.
  fileprivate var reach: (before: Int, after: Int) {
    let before = (size - 1) / 2
    return (before, size - 1 - before)
  }

  /// What is raised to a power, for a channel of the row that begins at `start`.
  fileprivate func base(
    _ input: UnsafeBufferPointer<Float>, _ start: Int, _ channel: Int, of channels: Int
  ) -> Float {
    var sum: Float = 0
    for index in start + max(0, channel - reach.before)...start + min(channels - 1, channel + reach.after) {
      sum.addProduct(input[index], input[index])
    }
    return bias + alpha / Float(size) * sum
  }
}

extension LocalResponseNorm {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(
      LocalResponseNormGradient(layer: self), [gradient, node.inputs[0]], from: node.from, to: node.inputs[0])
  }
}

/// With s the sum that is raised to -beta: g s^-beta - 2 alpha beta / size x (the sum of g x s^(-beta-1) over the channels
/// whose neighbour this one is). The second input is what was normalised.
struct LocalResponseNormGradient: Layer, Hashable {
  let layer: LocalResponseNorm

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    Prepared(layer: layer, channels: preparation.from.channels, rows: preparation.from.rows)
  }

  private struct Prepared: PreparedLayer {
    let layer: LocalResponseNorm
    let channels: Int
    let rows: Int

    func workspaceCount(images: Int) -> Int { 2 * channels }

    func compute(_ work: LayerWork) {
      let (gradient, input, output) = (work.input, work.inputs[1], work.output)
      let (before, after) = layer.reach
      let share = layer.alpha / Float(layer.size)
      for start in stride(from: 0, to: work.count * rows * channels, by: channels) {
        for channel in 0..<channels {
          let base = layer.base(input, start, channel, of: channels)
          let factor = ElementwiseFunction.power(base, -layer.beta)
          work.workspace[channel] = factor
          work.workspace[channels + channel] = gradient[start + channel] * input[start + channel] * factor / base
        }
        for channel in 0..<channels {
          var sum: Float = 0
          for reader in max(0, channel - after)...min(channels - 1, channel + before) {
            sum += work.workspace[channels + reader]
          }
          output[start + channel] =
            gradient[start + channel] * work.workspace[channel]
            - 2 * share * layer.beta * input[start + channel] * sum
        }
      }
    }
  }
}
