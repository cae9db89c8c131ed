import Tensors

/// Where and how a silhouette lies on the canvas, whose sides are 1 long: p = centre + x horizontal + y vertical.
package struct Pose: Sendable, Equatable {
  /// The canvas point of the silhouette's origin.
  package let centre: Point
  /// The canvas vector of the silhouette's (1, 0).
  package let horizontal: Point
  /// The canvas vector of the silhouette's (0, 1).
  package let vertical: Point

  /// A turned, scaled and slanted silhouette.
  ///
  /// - Parameters:
  ///   - radius: the length of the silhouette's (1, 0) on the canvas.
  ///   - turns: the rotation, clockwise, in whole turns.
  ///   - stretch: height over width.
  ///   - slant: how far a height of 1 leans to the side.
  package init(centre: Point, radius: Double, turns: Double, stretch: Double = 1, slant: Double = 0) {
    let axis = Point.direction(turns: turns) * radius
    self.centre = centre
    horizontal = axis
    vertical = (Point(-axis.y, axis.x) + slant * axis) * stretch
  }

  /// The canvas point of a point of the silhouette.
  func apply(to point: Point) -> Point {
    centre + point.x * horizontal + point.y * vertical
  }

  /// The point of the silhouette that lies at a canvas point; the pose has an area.
  func inverse(of point: Point) -> Point {
    let offset = point - centre
    let area = horizontal.x * vertical.y - horizontal.y * vertical.x
    return Point(
      (offset.x * vertical.y - offset.y * vertical.x) / area,
      (offset.y * horizontal.x - offset.x * horizontal.y) / area)
  }

  /// An object's pose: anywhere, but most of it inside the canvas.
  package static func ofObject(_ random: inout CounterRandomSequence) -> Pose {
    let radius = random.number(in: 0.22...0.4)
    let margin = 0.62 * radius + 0.04
    return Pose(
      centre: Point(random.number(in: margin...(1 - margin)), random.number(in: margin...(1 - margin))),
      radius: radius, turns: random.number(in: -0.17...0.17), stretch: random.number(in: 0.8...1.25),
      slant: random.number(in: -0.22...0.22))
  }
}

extension CounterRandomSequence {
  /// A number between the bounds.
  mutating func number(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * nextUniform()
  }

  /// A whole number from 0 up to but not including `count`.
  mutating func index(below count: Int) -> Int {
    Int(nextUniform() * Double(count))
  }

  /// True with a probability.
  mutating func chance(_ probability: Double) -> Bool {
    nextUniform() < probability
  }
}
