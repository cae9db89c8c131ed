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
      let before = (layer.size - 1) / 2
      let after = layer.size - 1 - before
      let share = layer.alpha / Float(layer.size)
      for start in stride(from: 0, to: work.count * rows * channels, by: channels) {
        for channel in 0..<channels {
          var sum: Float = 0
          for index in start + max(0, channel - before)...start + min(channels - 1, channel + after) {
            sum.addProduct(input[index], input[index])
          }
          let factor = ElementwiseFunction.power(layer.bias + share * sum, -layer.beta)
          output[start + channel] = input[start + channel] * factor
        }
      }
    }
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
      let before = (layer.size - 1) / 2
      let after = layer.size - 1 - before
      let share = layer.alpha / Float(layer.size)
      for start in stride(from: 0, to: work.count * rows * channels, by: channels) {
        for channel in 0..<channels {
          var sum: Float = 0
          for index in start + max(0, channel - before)...start + min(channels - 1, channel + after) {
            sum.addProduct(input[index], input[index])
          }
          let base = layer.bias + share * sum
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
