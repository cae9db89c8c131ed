/// Which samples of a square grid a silhouette covers. Several samples make a pixel, which smooths the edges.
package struct Mask: Sendable, Equatable {
  /// Samples a side.
  package let side: Int
  /// 1 where covered, else 0; rows from the top.
  package private(set) var samples: [UInt8]

  /// The samples whose centres the silhouette covers.
  package init(_ silhouette: Silhouette, pose: Pose, side: Int) {
    self.side = side
    samples = [UInt8](repeating: 0, count: side * side)
    for part in silhouette.parts {
      switch part {
      case .fill(let outline): draw(outline, pose: pose, value: 1)
      case .cut(let outline): draw(outline, pose: pose, value: 0)
      }
    }
  }

  private mutating func draw(_ outline: Silhouette.Outline, pose: Pose, value: UInt8) {
    switch outline {
    case .polygon(let vertices): drawPolygon(vertices.map(pose.apply), value: value)
    case .disc(let centre, let radius): drawDisc(centre: centre, radius: radius, pose: pose, value: value)
    }
  }

  private mutating func drawPolygon(_ vertices: [Point], value: UInt8) {
    let corners = vertices.map { $0 * Double(side) - 0.5 }
    var crossings: [Double] = []
    for row in rows(from: corners.map(\.y).min() ?? 0, to: corners.map(\.y).max() ?? 0) {
      crossings.removeAll(keepingCapacity: true)
      let y = Double(row)
      for (index, end) in corners.enumerated() {
        let start = corners[(index + corners.count - 1) % corners.count]
        guard (start.y > y) != (end.y > y) else { continue }
        crossings.append(start.x + (y - start.y) / (end.y - start.y) * (end.x - start.x))
      }
      crossings.sort()
      for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
        for column in rows(from: crossings[pair], to: crossings[pair + 1]) {
          samples[row * side + column] = value
        }
      }
    }
  }

  private mutating func drawDisc(centre: Point, radius: Double, pose: Pose, value: UInt8) {
    let middle = pose.apply(to: centre)
    let reach =
      Point(
        Point(pose.horizontal.x, pose.vertical.x).length, Point(pose.horizontal.y, pose.vertical.y).length) * radius
    let low = (middle - reach) * Double(side) - 0.5
    let high = (middle + reach) * Double(side) - 0.5
    for row in rows(from: low.y, to: high.y) {
      for column in rows(from: low.x, to: high.x) {
        let sample = Point(Double(column) + 0.5, Double(row) + 0.5) / Double(side)
        let offset = pose.inverse(of: sample) - centre
        if offset.x * offset.x + offset.y * offset.y <= radius * radius { samples[row * side + column] = value }
      }
    }
  }

  /// The rows, or columns, of the grid between two positions, inclusive.
  private func rows(from low: Double, to high: Double) -> Range<Int> {
    let first = Int(max(0, min(low, Double(side))).rounded(.up))
    let last = Int(max(-1, min(high, Double(side) - 1)).rounded(.down))
    return first..<max(first, last + 1)
  }

  /// The mask smoothed by a square window of 2 `radius` + 1 samples a side, twice; 0 to 1, zero outside the grid.
  func softened(radius: Int) -> [Float] {
    var values = samples.map(Int32.init)
    for _ in 0..<2 {
      values = Self.transposedRunningSums(values, side: side, radius: radius)
      values = Self.transposedRunningSums(values, side: side, radius: radius)
    }
    let width = Float(2 * radius + 1)
    let scale = 1 / (width * width * width * width)
    return values.map { Float($0) * scale }
  }

  private static func transposedRunningSums(_ values: [Int32], side: Int, radius: Int) -> [Int32] {
    var sums = [Int32](repeating: 0, count: values.count)
    for row in 0..<side {
      var sum: Int32 = 0
      for column in 0..<min(radius, side) { sum += values[row * side + column] }
      for column in 0..<side {
        if column + radius < side { sum += values[row * side + column + radius] }
        if column - radius > 0 { sum -= values[row * side + column - radius - 1] }
        sums[column * side + row] = sum
      }
    }
    return sums
  }
}
