import Tensors

/// A pattern over the canvas with values from 0 to 1: what lies where, not in which colours.
package struct Texture: Sendable, Equatable {
  /// The families of patterns.
  package enum Kind: CaseIterable, Sendable {
    /// Smooth noise in two octaves.
    case clouds
    /// Parallel bands, bent by noise.
    case stripes
    /// A chessboard.
    case checks
    /// Discs on a square lattice.
    case dots
    /// Fine noise.
    case grain
  }

  private static let latticeSide = 16

  private let kind: Kind
  private let axis: Point
  private let period: Float
  private let phase: Float
  private let roughness: Float
  private let lattice: [Float]

  /// A pattern of any kind, direction and period.
  package init(_ random: inout CounterRandomSequence) {
    kind = Kind.allCases[random.index(below: Kind.allCases.count)]
    axis = Point.direction(turns: random.nextUniform())
    period = Float(random.number(in: kind == .grain ? 0.015...0.04 : 0.08...0.26))
    phase = Float(random.nextUniform())
    roughness = Float(random.number(in: 0...0.7))
    lattice = (0..<Self.latticeSide * Self.latticeSide).map { _ in Float(random.nextUniform()) }
  }

  /// The pattern at the centres of `side` x `side` samples, rows from the top.
  func values(side: Int) -> [Float] {
    var values = [Float](repeating: 0, count: side * side)
    let step = 1 / Float(side)
    let cosine = Float(axis.x)
    let sine = Float(axis.y)
    for row in 0..<side {
      let y = (Float(row) + 0.5) * step
      for column in 0..<side {
        let x = (Float(column) + 0.5) * step
        values[row * side + column] = value(
          along: (x * cosine + y * sine) / period + phase, across: (y * cosine - x * sine) / period + phase)
      }
    }
    return values
  }

  private func value(along: Float, across: Float) -> Float {
    switch kind {
    case .clouds, .grain: return 0.65 * noise(along, across) + 0.35 * noise(2 * along + 5, 2 * across + 3)
    case .stripes:
      let position = along + roughness * noise(along * 0.5, across * 0.5)
      return Self.plateau(position)
    case .checks:
      let bands = Self.plateau(along) * 2 - 1
      return 0.5 + 0.5 * bands * (Self.plateau(across) * 2 - 1)
    case .dots:
      let x = Self.fraction(along) - 0.5
      let y = Self.fraction(across) - 0.5
      let radius = 0.25 + 0.2 * roughness
      return x * x + y * y < radius * radius ? 1 : 0.2 * noise(along * 0.5, across * 0.5)
    }
  }

  /// A wave of period 1 between 0 and 1 with flat tops and short slopes.
  private static func plateau(_ position: Float) -> Float {
    let triangle = abs(2 * fraction(position) - 1)
    return smoothStep(max(0, min(1, (triangle - 0.35) / 0.3)))
  }

  /// Values at lattice points, blended smoothly between them.
  private func noise(_ x: Float, _ y: Float) -> Float {
    let column = Self.floor(x)
    let row = Self.floor(y)
    let across = Self.smoothStep(x - Float(column))
    let down = Self.smoothStep(y - Float(row))
    let top = blend(corner(column, row), corner(column + 1, row), across)
    let bottom = blend(corner(column, row + 1), corner(column + 1, row + 1), across)
    return blend(top, bottom, down)
  }

  private func corner(_ column: Int, _ row: Int) -> Float {
    lattice[(row & (Self.latticeSide - 1)) * Self.latticeSide + (column & (Self.latticeSide - 1))]
  }

  private func blend(_ first: Float, _ second: Float, _ share: Float) -> Float {
    first + (second - first) * share
  }

  private static func smoothStep(_ value: Float) -> Float { value * value * (3 - 2 * value) }

  private static func floor(_ value: Float) -> Int {
    let truncated = Int(value)
    return Float(truncated) > value ? truncated - 1 : truncated
  }

  private static func fraction(_ value: Float) -> Float { value - Float(floor(value)) }
}
