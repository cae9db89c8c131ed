import KernelInterfaces
import Tensors

/// The gradients of inputs that follow from those of outputs, for what `Normalisation` and `Activation` do; sums are added
/// in the order that is said there, so that the bits do not depend on the instruction set.
public struct Backpropagation: Sendable {
  /// What computes it.
  public let instructionSet: InstructionSet
  private var kernel: any GradientKernel.Type { instructionSet.gradientKernel }

  /// Computed by an instruction set that this processor has.
  public init(_ instructionSet: InstructionSet) { self.instructionSet = instructionSet }

  private static let errorFunction = ErrorFunction.table + [ErrorFunction.scale]

  /// x Φ(x) of `count` numbers, the bits of `Activation.gelu`; `output` may be `input`.
  public func gelu(
    _ input: UnsafeBufferPointer<Float>, count: Int, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(input.count >= count && output.count >= count, "shape and storage differ")
    guard let source = input.baseAddress, let target = output.baseAddress else { return }
    Self.errorFunction.withUnsafeBufferPointer { table in
      guard let table = table.baseAddress else { return }
      kernel.gelu(source, count: count, errorFunction: table, into: target)
    }
  }

  /// The gradient times the derivative of x Φ(x) at `input`; `output` may be either.
  public func geluGradient(
    _ gradient: UnsafeBufferPointer<Float>, _ input: UnsafeBufferPointer<Float>, count: Int,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(min(gradient.count, input.count, output.count) >= count, "shape and storage differ")
    guard let gradient = gradient.baseAddress, let source = input.baseAddress, let target = output.baseAddress else {
      return
    }
    Self.errorFunction.withUnsafeBufferPointer { table in
      guard let table = table.baseAddress else { return }
      kernel.geluGradient(gradient, source, count: count, errorFunction: table, into: target)
    }
  }

  /// The gradient where `values` are above 0, else 0: of max(x, 0), whose derivative at 0 is 0; `output` may be either.
  public func mask(
    _ gradient: UnsafeBufferPointer<Float>, _ values: UnsafeBufferPointer<Float>, count: Int,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(min(gradient.count, values.count, output.count) >= count, "shape and storage differ")
    guard let gradient = gradient.baseAddress, let values = values.baseAddress, let target = output.baseAddress else {
      return
    }
    kernel.mask(gradient, values, count: count, into: target)
  }

  /// The sums of pairs; `output` may be either.
  public func add(
    _ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>, count: Int,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(min(left.count, right.count, output.count) >= count, "shape and storage differ")
    guard let left = left.baseAddress, let right = right.baseAddress, let target = output.baseAddress else { return }
    kernel.add(left, right, count: count, into: target)
  }

  /// Of `Normalisation.layer`.
  ///
  /// - Parameters:
  ///   - gradient, input, residual: [rows, channels]; the residual is added.
  ///   - output: may be the gradient or the residual.
  public func layer(
    _ gradient: UnsafeBufferPointer<Float>, _ input: UnsafeBufferPointer<Float>, rows: Int, channels: Int,
    weight: [Float], epsilon: Float, residual: UnsafeBufferPointer<Float>?,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(channels > 0 && weight.count == channels, "shape and storage differ")
    let count = rows * channels
    precondition(min(gradient.count, input.count, output.count) >= count, "shape and storage differ")
    precondition((residual?.count ?? count) >= count, "shape and storage differ")
    guard let gradient = gradient.baseAddress, let source = input.baseAddress, let target = output.baseAddress else {
      return
    }
    weight.withUnsafeBufferPointer { weight in
      guard let weight = weight.baseAddress else { return }
      for start in stride(from: 0, to: count, by: channels) {
        kernel.layer(
          gradient + start, source + start, channels: channels, weight: weight, epsilon: epsilon,
          residual: residual?.baseAddress.map { $0 + start }, into: target + start)
      }
    }
  }

  /// Of `Normalisation.softmax`, from the probabilities that it gave; `output` may be the gradient.
  ///
  /// - Parameter gradient, probabilities, output: [rows, columns].
  public func softmax(
    _ gradient: UnsafeBufferPointer<Float>, _ probabilities: UnsafeBufferPointer<Float>, rows: Int, columns: Int,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(
      min(gradient.count, probabilities.count, output.count) >= rows * columns, "shape and storage differ")
    guard let gradient = gradient.baseAddress, let source = probabilities.baseAddress, let target = output.baseAddress
    else { return }
    for start in stride(from: 0, to: rows * columns, by: max(1, columns)) {
      kernel.softmax(gradient + start, source + start, columns: columns, into: target + start)
    }
  }

  /// Of `Normalisation.group` without its ReLU: with h the gradient times the weights, n = (x - mean) scale and means over
  /// a group's channels and all pixels, scale (h - mean(h) - n mean(h n)).
  ///
  /// - Parameter gradient, input, output: [count, pixels, channels]; `output` may be the gradient.
  public func group(
    _ gradient: UnsafeBufferPointer<Float>, _ input: UnsafeBufferPointer<Float>, count: Int, pixels: Int,
    channels: Int, groups: Int, weight: [Float], epsilon: Float, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(groups > 0 && pixels > 0 && channels % groups == 0, "the groups do not divide the channels")
    let total = count * pixels * channels
    precondition(weight.count == channels, "shape and storage differ")
    precondition(min(gradient.count, input.count, output.count) >= total, "shape and storage differ")
    guard let gradient = gradient.baseAddress, let source = input.baseAddress, let target = output.baseAddress else {
      return
    }
    let rows = instructionSet.rowKernel
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 4 * channels) { totals in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 5 * channels) { numbers in
        guard let moments = totals.baseAddress, let factors = numbers.baseAddress else { return }
        let (sums, weights) = (moments + 2 * channels, factors + 4 * channels)
        for channel in 0..<channels { weights[channel] = weight[channel] }
        for image in 0..<count {
          let start = image * pixels * channels
          rows.addMoments(source + start, pixels: pixels, channels: channels, into: moments)
          kernel.addProducts(
            gradient + start, source + start, pixels: pixels, channels: channels, weight: weights, into: sums)
          for group in 0..<groups {
            let members = (group * channels / groups)..<((group + 1) * channels / groups)
            Self.factors(of: members, pixels, channels, moments, sums, epsilon, factors)
          }
          kernel.combine(
            gradient + start, source + start, pixels: pixels, channels: channels, weight: weights, factors: factors,
            into: target + start)
        }
      }
    }
  }

  /// What a group's channels are combined with; see `GradientPasses.combine`.
  private static func factors(
    of members: Range<Int>, _ pixels: Int, _ channels: Int, _ moments: UnsafePointer<Double>,
    _ sums: UnsafePointer<Double>, _ epsilon: Float, _ factors: UnsafeMutablePointer<Float>
  ) {
    var (sum, squares, gradients, products) = (0.0, 0.0, 0.0, 0.0)
    for channel in members {
      sum += moments[channel]
      squares += moments[channels + channel]
      gradients += sums[channel]
      products += sums[channels + channel]
    }
    let count = Double(pixels * members.count)
    let mean = sum / count
    let scale = 1 / (max(0, squares / count - mean * mean) + Double(epsilon)).squareRoot()
    let slope = (products - mean * gradients) / count * scale * scale * scale
    for channel in members {
      factors[channel] = Float(scale)
      factors[channels + channel] = Float(mean)
      factors[2 * channels + channel] = Float(-slope)
      factors[3 * channels + channel] = Float(-scale * gradients / count)
    }
  }
}
