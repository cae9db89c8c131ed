import KernelInterfaces

// Derivatives of the elementwise functions, as PyTorch has them where a function has none: 0 at the corners of ReLU, ReLU6,
// hard sigmoid and the absolute value; half for each side where two numbers are equal.

extension ElementwiseFunction {
  /// The derivative at `x`; of `gelu` see `Backpropagation`.
  package func slope(at x: Float) -> Float {
    switch self {
    case .row(let function): return Self.slope(of: function, at: x)
    case .gelu:
      let distribution = 0.5 * (1 + ErrorFunction.erf(x * 0.7071067812))
      return distribution + x * 0.3989422804 * Self.row(.exponential).value(-0.5 * x * x)
    case .geluByTanh:
      let tanh = Self.row(.tanh).value(0.7978845608 * (x + 0.044715 * x * x * x))
      return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * 0.7978845608 * (1 + 3 * 0.044715 * x * x)
    // 2 / sqrt(pi)
    case .erf: return 1.1283791671 * Self.row(.exponential).value(-x * x)
    case .elu(let scale): return x > 0 ? 1 : scale * Self.row(.exponential).value(x)
    case .softplus: return x > 20 ? 1 : Self.row(.sigmoid).value(x)
    case .mish:
      let tanh = Self.row(.tanh).value(Self.softplus.value(x))
      return tanh + x * (1 - tanh * tanh) * Self.softplus.slope(at: x)
    case .squareRoot: return 0.5 / x.squareRoot()
    case .reciprocal: return -1 / (x * x)
    case .absolute: return x > 0 ? 1 : x < 0 ? -1 : 0
    case .logarithm: return 1 / x
    case .power(let exponent): return exponent == 0 ? 0 : exponent * Self.power(x, exponent - 1)
    }
  }

  private static func slope(of function: RowFunction, at x: Float) -> Float {
    switch function {
    case .relu: return x > 0 ? 1 : 0
    case .sigmoid:
      let value = row(.sigmoid).value(x)
      return value * (1 - value)
    case .silu:
      let value = row(.sigmoid).value(x)
      return value * (1 + x * (1 - value))
    case .tanh:
      let value = row(.tanh).value(x)
      return 1 - value * value
    case .exponential: return row(.exponential).value(x)
    case .hardSigmoid(let scale, let shift):
      let value = x * scale + shift
      return value > 0 && value < 1 ? scale : 0
    case .hardSwish: return x < -3 ? 0 : x <= 3 ? x / 3 + 0.5 : 1
    case .clip(let low, let high): return x > low && x < high ? 1 : 0
    case .leakyReLU(let slope): return x > 0 ? 1 : slope
    case .affine(let scale, _): return scale
    }
  }
}

extension BinaryFunction {
  /// The derivatives with respect to both numbers.
  package func slopes(_ a: Float, _ b: Float) -> (Float, Float) {
    switch self {
    case .add: return (1, 1)
    case .subtract: return (1, -1)
    case .multiply: return (b, a)
    case .divide: return (1 / b, -a / (b * b))
    case .maximum: return a == b ? (0.5, 0.5) : a > b ? (1, 0) : (0, 1)
    case .minimum: return a == b ? (0.5, 0.5) : a < b ? (1, 0) : (0, 1)
    case .power:
      let ofBase = b == 0 ? 0 : b * ElementwiseFunction.power(a, b - 1)
      return (ofBase, a > 0 ? ElementwiseFunction.power(a, b) * ElementwiseFunction.logarithm.value(a) : 0)
    }
  }
}
