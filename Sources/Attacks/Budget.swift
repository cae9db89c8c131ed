import Benchmarks
import Tensors

/// What an image may become: what is at most a budget away from it, with values in [0, 1].
struct Budget {
  let norm: Attack.Norm
  let size: Float

  /// The image nearest to `values` that may be; where the norm is l2, on the line from the original to them.
  ///
  /// - Parameters:
  ///   - values: what a step gave.
  ///   - original: the image.
  func projected(_ values: [Float], around original: ArraySlice<Float>) -> [Float] {
    switch norm {
    case .linf:
      return zip(values, original).map { value, original in
        let change = value - original
        return Self.clipped(original + (change < -size ? -size : change > size ? size : change))
      }
    case .l2:
      let length = Self.length(zip(values, original).lazy.map { $0 - $1 })
      let factor = length > Double(size) ? Float(Double(size) / length) : 1
      return zip(values, original).map { Self.clipped($1 + ($0 - $1) * factor) }
    }
  }

  /// A random image: within linf's budget each value is as likely as another; l2's has a random direction, and a length of
  /// which each share of the budget is as likely as another.
  func start(at original: ArraySlice<Float>, random: CounterRandom) -> [Float] {
    switch norm {
    case .linf:
      return zip(original, Self.directions(original.count, random)).map { Self.clipped($0 + size * $1) }
    case .l2:
      let direction = original.indices.map { random.normal(at: UInt64($0 - original.startIndex)) }
      let length = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let share = random.branch(1).uniform(at: 0) * Double(size) / max(length, 1e-12)
      return zip(original, direction).map { Self.clipped($0 + Float($1 * share)) }
    }
  }

  /// A step of some length up the gradient: of its sign, or of its direction.
  func step(from values: ArraySlice<Float>, along gradient: ArraySlice<Float>, length: Float) -> [Float] {
    switch norm {
    case .linf: return zip(values, gradient).map { $0 + length * Self.sign($1) }
    case .l2:
      let factor = Double(length) / (Self.length(gradient) + 1e-10)
      return zip(values, gradient).map { $0 + Float(Double($1) * factor) }
    }
  }

  /// Random numbers from -1 to 1, each as likely as another.
  static func directions(_ count: Int, _ random: CounterRandom) -> [Float] {
    (0..<count).map { Float(2 * random.uniform(at: UInt64($0)) - 1) }
  }

  static func clipped(_ value: Float) -> Float { value < 0 ? 0 : value > 1 ? 1 : value }

  static func sign(_ value: Float) -> Float { value > 0 ? 1 : value < 0 ? -1 : 0 }

  /// The root of the sum of squares, added in order in float64.
  static func length(_ values: some Sequence<Float>) -> Double {
    values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
  }
}
