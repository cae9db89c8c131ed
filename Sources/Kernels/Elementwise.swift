import KernelInterfaces
import Tensors

/// A function of one number, with the same bits on every processor.
package enum ElementwiseFunction: Sendable, Hashable {
  /// Those that kernels compute many at once.
  case row(RowFunction)
  /// x Φ(x) with the exact normal distribution function.
  case gelu
  /// x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))) / 2.
  case geluByTanh
  case erf
  /// x, or `scale` (e^x - 1) where it is negative.
  case elu(scale: Float)
  /// ln(1 + e^x).
  case softplus
  /// x tanh(ln(1 + e^x)).
  case mish
  case squareRoot
  case reciprocal
  case absolute
  case logarithm
  /// x to a power.
  case power(Float)

  /// Writes the function of each number.
  ///
  /// - Parameter input: may be `output`.
  package func apply(
    _ input: UnsafeBufferPointer<Float>, count: Int, instructionSet: InstructionSet,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(input.count >= count && output.count >= count, "shape and storage differ")
    guard let source = input.baseAddress, let target = output.baseAddress else { return }
    if case .row(let function) = self {
      instructionSet.rowKernel.map(function, source, count: count, into: target)
    } else {
      for index in 0..<count { target[index] = value(source[index]) }
    }
  }

  /// The function of one number.
  package func value(_ x: Float) -> Float {
    switch self {
    case .row(let function):
      var result = x
      withUnsafePointer(to: x) { RowPasses.map(function, $0, count: 1, into: &result) }
      return result
    case .gelu: return ErrorFunction.gelu(x)
    case .geluByTanh:
      return 0.5 * x * (1 + Self.row(.tanh).value(0.7978845608 * (x + 0.044715 * x * x * x)))
    case .erf: return ErrorFunction.erf(x)
    case .elu(let scale): return x < 0 ? scale * (Self.row(.exponential).value(x) - 1) : x
    case .softplus: return Self.softplus(x)
    case .mish: return x * Self.row(.tanh).value(Self.softplus(x))
    case .squareRoot: return x.squareRoot()
    case .reciprocal: return 1 / x
    case .absolute: return abs(x)
    case .logarithm: return Self.logarithm(x)
    case .power(let exponent): return Self.power(x, exponent)
    }
  }

  private static func softplus(_ x: Float) -> Float {
    x > 20 ? x : logarithm(1 + Self.row(.exponential).value(x))
  }

  private static func logarithm(_ x: Float) -> Float {
    guard x > 0, x < .infinity else { return x == 0 ? -.infinity : x > 0 ? x : .nan }
    return Float(ReproducibleMath.logarithm(Double(x)))
  }

  /// Products for whole powers up to 4, the root for 1/2, else e^(exponent ln x), which only positive numbers have.
  package static func power(_ x: Float, _ exponent: Float) -> Float {
    switch exponent {
    case 0: return 1
    case 1: return x
    case 2: return x * x
    case 3: return x * x * x
    case 4: return (x * x) * (x * x)
    case -1: return 1 / x
    case 0.5: return x.squareRoot()
    case -0.5: return 1 / x.squareRoot()
    default:
      guard x > 0, x < .infinity else { return x == 0 ? (exponent > 0 ? 0 : .infinity) : .nan }
      return Float(ReproducibleMath.exponential(Double(exponent) * ReproducibleMath.logarithm(Double(x))))
    }
  }
}

/// A function of two numbers.
package enum BinaryFunction: Sendable, Hashable {
  case add, subtract, multiply, divide, maximum, minimum, power

  @inline(__always)
  package func callAsFunction(_ a: Float, _ b: Float) -> Float {
    switch self {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .divide: a / b
    case .maximum: a > b || a.isNaN ? a : b
    case .minimum: a < b || a.isNaN ? a : b
    case .power: ElementwiseFunction.power(a, b)
    }
  }
}
