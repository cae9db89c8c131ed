import Tensors

/// A point or vector of the plane: x to the right, y down.
package typealias Point = SIMD2<Double>

/// A plane figure inside the unit circle: outlines laid over one another in turn, each filling or cutting.
package struct Silhouette: Sendable, Equatable {
  /// The edge of one part.
  package enum Outline: Sendable, Equatable {
    /// Filled by the even-odd rule.
    case polygon([Point])
    /// Filled to and including `radius` around `centre`.
    case disc(centre: Point, radius: Double)

    static func rectangle(from low: Point, to high: Point) -> Outline {
      .polygon([low, Point(high.x, low.y), high, Point(low.x, high.y)])
    }
  }

  /// What one part does to those below it.
  package enum Part: Sendable, Equatable {
    /// Adds the inside of the outline.
    case fill(Outline)
    /// Takes the inside of the outline away.
    case cut(Outline)
  }

  /// The parts, the lowest first.
  package let parts: [Part]

  /// A figure of these parts, the lowest first.
  package init(parts: [Part]) {
    self.parts = parts
  }

  static func polygon(_ vertices: [Point]) -> Silhouette {
    Silhouette(parts: [.fill(.polygon(vertices))])
  }

  static func disc(radius: Double) -> Silhouette {
    Silhouette(parts: [.fill(.disc(centre: Point(0, 0), radius: radius))])
  }

  /// `count` points at equal angles, the first one up, at the radii given in turn.
  static func vertices(count: Int, radii: [Double]) -> [Point] {
    (0..<count).map { index in
      let direction = Point.direction(turns: Double(index) / Double(count) + 0.75)
      return direction * radii[index % radii.count]
    }
  }

  /// Where the line through `point` touches the circle on the side away from the axis x = 0, for `point` on that axis
  /// outside the circle and `centre` to the right of it.
  static func tangentPoint(from point: Point, centre: Point, radius: Double) -> Point {
    let toCentre = centre - point
    let distance = toCentre.length
    let tangent = (distance * distance - radius * radius).squareRoot()
    let unit = toCentre / distance
    let outward = Point(-unit.y, unit.x)
    return point + tangent / distance * (tangent * unit + radius * outward)
  }
}

extension Point {
  /// The vector's Euclidean length.
  var length: Double { (x * x + y * y).squareRoot() }

  /// The unit vector at an angle of `turns` whole turns, the same bits on every machine.
  static func direction(turns: Double) -> Point {
    let cosine = turns - turns.rounded(.down)
    let sine = turns + 0.75 - (turns + 0.75).rounded(.down)
    return Point(ReproducibleMath.cosineOfTurns(cosine), ReproducibleMath.cosineOfTurns(sine))
  }
}
