import Tensors

/// A dense 3x3 convolution of step 1 and padding 1 by Winograd's F(2x2, 3x3): 16 products of matrices for every four
/// outputs where the direct method needs 36.
///
/// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1. A tile is 2x2 outputs of
/// one image, so that nothing depends on the batch.
public final class WinogradConvolution: Sendable {
  /// Channels of the input.
  public let inputs: Int
  /// Channels of the output.
  public let outputs: Int
  /// What computes it.
  public let instructionSet: InstructionSet
  private let products: [PackedMatrix]
  private let bias: AlignedBuffer
  private let zeros: AlignedBuffer
  /// Tiles that are multiplied together, so that their sums stay near the cache while weights are not read too often.
  private let tilesTogether: Int

  /// Whether a convolution of 3x3, step 1 and padding 1 is computed so.
  public static func isUsed(inputs: Int, outputs: Int) -> Bool {
    inputs % 16 == 0 && outputs % 16 == 0 && min(inputs, outputs) >= 64
  }

  /// Transforms and packs `weights`, [outputs, 3, 3, inputs], and `bias`, [outputs].
  ///
  /// - Precondition: the counts fit, both counts of channels are multiples of 16, and this processor has
  ///   `instructionSet`.
  public init(
    weights: [Float], bias: [Float], inputs: Int, outputs: Int, instructionSet: InstructionSet,
    backend: GEMMBackend = .native
  ) {
    precondition(weights.count == 9 * inputs * outputs && bias.count == outputs, "shape and storage differ")
    precondition(inputs % 16 == 0 && outputs % 16 == 0 && inputs > 0 && outputs > 0, "channels are not whole registers")
    self.inputs = inputs
    self.outputs = outputs
    self.instructionSet = instructionSet
    tilesTogether = Self.tilesTogether(inputs, outputs)
    products = ScalarKernels.winogradFilters(weights, inputs: inputs, outputs: outputs).map {
      PackedMatrix(
        weights: $0, bias: nil, inner: inputs, columns: outputs, instructionSet: instructionSet, backend: backend)
    }
    self.bias = AlignedBuffer(count: outputs)
    for (index, value) in bias.enumerated() { self.bias.pointer[index] = value }
    zeros = AlignedBuffer(count: inputs)
  }

  /// Bytes that it takes.
  public var byteCount: Int { products.reduce(bias.byteCount + zeros.byteCount) { $0 + $1.byteCount } }

  /// Elements that `convolve` needs to work in.
  public var scratchCount: Int { featureCount + (products.first?.scratchCount(rows: tilesTogether) ?? 0) }

  /// Elements of the transformed inputs and of the sums.
  private var featureCount: Int { Self.featureCount(inputs: inputs, outputs: outputs) }

  /// Elements of transformed inputs and sums that a convolution of some channels works in.
  public static func featureCount(inputs: Int, outputs: Int) -> Int {
    16 * tilesTogether(inputs, outputs) * (inputs + outputs)
  }

  private static func tilesTogether(_ inputs: Int, _ outputs: Int) -> Int { inputs + outputs > 256 ? 192 : 96 }

  /// Writes `activation(convolution + bias) + residual`; the bits do not depend on the instruction set.
  ///
  /// - Parameters:
  ///   - input: [count, height, width, inputs].
  ///   - residual: [count, height, width, outputs] or nil.
  ///   - scratch: `scratchCount` elements.
  ///   - output: [count, height, width, outputs]; must not overlap `input`.
  public func convolve(
    _ input: UnsafeBufferPointer<Float>, count: Int, height: Int, width: Int, activation: Activation,
    residual: UnsafeBufferPointer<Float>?, scratch: UnsafeMutableBufferPointer<Float>,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(count >= 0 && height > 0 && width > 0, "no such image")
    let pixels = count * height * width
    precondition(input.count >= pixels * inputs && output.count >= pixels * outputs, "shape and storage differ")
    precondition((residual?.count ?? .max) >= pixels * outputs, "shape and storage differ")
    precondition(scratch.count >= scratchCount, "the scratch is too small")
    precondition(activation != .gelu, "no such epilogue")
    guard let source = input.baseAddress, let target = output.baseAddress, let transformed = scratch.baseAddress else {
      return
    }
    let (down, across) = ((height + 1) / 2, (width + 1) / 2)
    let sums = transformed + 16 * tilesTogether * inputs
    let total = count * down * across
    // Passes of about the same length; 12 tiles are a tile of the product.
    let passes = max(1, (total + tilesTogether - 1) / tilesTogether)
    let together = min(tilesTogether, ((total + passes - 1) / passes + 11) / 12 * 12)
    for start in stride(from: 0, to: total, by: together) {
      let tiles = min(together, total - start)
      for tile in 0..<tiles {
        let place = Place(start + tile, down, across, height, width)
        take(source, place, step: tiles * inputs, into: transformed + tile * inputs)
      }
      for (index, product) in products.enumerated() {
        product.multiply(
          UnsafeBufferPointer(start: transformed + index * tiles * inputs, count: tiles * inputs), rows: tiles,
          scratch: UnsafeMutableBufferPointer(rebasing: scratch[featureCount...]),
          into: UnsafeMutableBufferPointer(start: sums + index * tiles * outputs, count: tiles * outputs))
      }
      for tile in 0..<tiles {
        let place = Place(start + tile, down, across, height, width)
        give(sums + tile * outputs, step: tiles * outputs, place, activation, residual?.baseAddress, target)
      }
    }
  }

  /// Where a tile's outputs are.
  private struct Place {
    let image, y, x, height, width: Int

    init(_ tile: Int, _ down: Int, _ across: Int, _ height: Int, _ width: Int) {
      image = tile / (down * across)
      (y, x) = (tile / across % down * 2, tile % across * 2)
      (self.height, self.width) = (height, width)
    }

    /// The index of a pixel, from the tile's first output on; nil outside the image.
    @inline(__always)
    func pixel(_ row: Int, _ column: Int) -> Int? {
      let (row, column) = (y + row, x + column)
      guard row >= 0, row < height, column >= 0, column < width else { return nil }
      return (image * height + row) * width + column
    }
  }

  private func take(
    _ source: UnsafePointer<Float>, _ place: Place, step: Int, into target: UnsafeMutablePointer<Float>
  ) {
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: 16) { pixels in
      guard let list = pixels.baseAddress else { return }
      for index in 0..<16 {
        let pixel = place.pixel(index / 4 - 1, index % 4 - 1)
        (list + index).initialize(to: pixel.map { source + $0 * inputs } ?? UnsafePointer(zeros.pointer))
      }
      if let kernel = instructionSet.winogradKernel {
        kernel.input(list, channels: inputs, step: step, into: target)
      } else {
        for channel in 0..<inputs {
          let values = ScalarKernels.winogradInput((0..<16).map { list[$0][channel] })
          for (index, value) in values.enumerated() { target[index * step + channel] = value }
        }
      }
    }
  }

  private func give(
    _ sums: UnsafePointer<Float>, step: Int, _ place: Place, _ activation: Activation,
    _ residual: UnsafePointer<Float>?,
    _ target: UnsafeMutablePointer<Float>
  ) {
    withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>?.self, capacity: 4) { targets in
      withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: 4) { others in
        guard let list = targets.baseAddress, let others = others.baseAddress else { return }
        for index in 0..<4 {
          let pixel = place.pixel(index / 2, index % 2)
          (list + index).initialize(to: pixel.map { target + $0 * outputs })
          (others + index).initialize(to: pixel.flatMap { pixel in residual.map { $0 + pixel * outputs } })
        }
        let residuals = residual == nil ? nil : UnsafePointer(others)
        if let kernel = instructionSet.winogradKernel {
          kernel.output(
            sums, channels: outputs, step: step, bias: bias.pointer, activation: activation.rawValue,
            residuals: residuals,
            into: list)
        } else {
          for channel in 0..<outputs {
            let values = ScalarKernels.winogradOutput((0..<16).map { sums[$0 * step + channel] })
            for (index, sum) in values.enumerated() {
              var value = sum + bias.pointer[channel]
              if activation == .relu { value = value > 0 ? value : 0 }
              if let other = others[index] { value += other[channel] }
              if activation == .reluOfSum { value = value > 0 ? value : 0 }
              list[index]?[channel] = value
            }
          }
        }
      }
    }
  }
}

extension ScalarKernels {
  /// G g G^T of each pair of channels, [16][outputs, inputs], computed in float64 and rounded once.
  ///
  /// - Parameter weights: [outputs, 3, 3, inputs].
  static func winogradFilters(_ weights: [Float], inputs: Int, outputs: Int) -> [[Float]] {
    func line(_ g0: Double, _ g1: Double, _ g2: Double) -> [Double] {
      [g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2]
    }
    var filters = [[Float]](repeating: [Float](repeating: 0, count: inputs * outputs), count: 16)
    for output in 0..<outputs {
      for channel in 0..<inputs {
        func tap(_ row: Int, _ column: Int) -> Double {
          Double(weights[(output * 9 + row * 3 + column) * inputs + channel])
        }
        let lines = (0..<3).map { line(tap(0, $0), tap(1, $0), tap(2, $0)) }
        for row in 0..<4 {
          for (column, value) in line(lines[0][row], lines[1][row], lines[2][row]).enumerated() {
            filters[row * 4 + column][output * inputs + channel] = Float(value)
          }
        }
      }
    }
    return filters
  }

  /// B^T d B of a 4x4 patch, row by row.
  static func winogradInput(_ d: [Float]) -> [Float] {
    func line(_ d: [Float]) -> [Float] { [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]] }
    let columns = (0..<4).map { column in line((0..<4).map { d[4 * $0 + column] }) }
    return (0..<4).flatMap { row in line((0..<4).map { columns[$0][row] }) }
  }

  /// A^T m A of 16 sums: 2x2 outputs, row by row.
  static func winogradOutput(_ m: [Float]) -> [Float] {
    func line(_ m: [Float]) -> [Float] { [m[0] + m[1] + m[2], m[1] - m[2] - m[3]] }
    let columns = (0..<4).map { column in line((0..<4).map { m[4 * $0 + column] }) }
    return (0..<2).flatMap { row in line((0..<4).map { columns[$0][row] }) }
  }

  /// `convolution` of 3x3, step 1, as `WinogradConvolution` computes it: every product is one chain over the channels.
  package static func winogradConvolution(
    _ input: [Float], _ weights: [Float], count: Int, height: Int, width: Int, inputs: Int, outputs: Int,
    epilogue: Epilogue = Epilogue()
  ) -> [Float] {
    precondition(input.count == count * height * width * inputs, "shapes and storage differ")
    let filters = winogradFilters(weights, inputs: inputs, outputs: outputs)
    var output = [Float](repeating: 0, count: count * height * width * outputs)
    for image in 0..<count {
      for y in stride(from: 0, to: height, by: 2) {
        for x in stride(from: 0, to: width, by: 2) {
          let patches = (0..<inputs).map { channel in
            winogradInput(
              (0..<16).map { index in
                let (row, column) = (y + index / 4 - 1, x + index % 4 - 1)
                guard (0..<height).contains(row), (0..<width).contains(column) else { return 0 }
                return input[((image * height + row) * width + column) * inputs + channel]
              })
          }
          for channel in 0..<outputs {
            let sums = (0..<16).map { product in
              (0..<inputs).reduce(Float(0)) { sum, k in
                sum.addingProduct(patches[k][product], filters[product][channel * inputs + k])
              }
            }
            for (index, sum) in winogradOutput(sums).enumerated() {
              let (row, column) = (y + index / 2, x + index % 2)
              guard row < height, column < width else { continue }
              let place = ((image * height + row) * width + column) * outputs + channel
              output[place] = epilogue.finish(sum, channel: channel, index: place)
            }
          }
        }
      }
    }
    return output
  }
}
