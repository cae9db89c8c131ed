import Tensors

extension Corruption {
  /// A random affine map of three points, border reflect-101, then a smoothed random displacement, border reflect.
  public static let elasticTransform = Corruption(
    "elastic_transform", .standard(alexNetError: 0.646056),
    levels: [(2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02)]
  ) { (image, level: (alpha: Double, sigma: Double, reach: Double), supplies) in
    let ((alpha, sigma, reach), random) = (level, supplies.random)
    let (width, height) = (image.width, image.height)
    let map = AffineMap(width: width, height: height, reach: 244 * reach, random)
    func displacement(_ field: UInt32) -> [Float] {
      let uniforms = random.branch(field + 1).uniforms(width * height)
      let strength = Float(244 * alpha)
      return Raster(width: width, height: height, values: uniforms.map { 2 * $0 - 1 })
        .gaussian(sigma: 244 * sigma, border: .reflect, truncate: 3).values.map { strength * $0 }
    }
    let mapped = Raster(image).warped(border: .reflect101) { row, column in
      let source = map.source(x: Double(column), y: Double(row))
      return (source.y, source.x)
    }
    let (across, down) = (displacement(0), displacement(1))
    return RGBImage(
      across.withUnsafeBufferPointer { across in
        down.withUnsafeBufferPointer { down in
          mapped.warped(border: .reflect) { row, column in
            let pixel = row * width + column
            return (Float(row) + down[pixel], Float(column) + across[pixel])
          }
        }
      })
  }

  /// Where a pixel of the mapped picture comes from.
  private struct AffineMap {
    private var x: (Double, Double, Double) = (1, 0, 0)
    private var y: (Double, Double, Double) = (0, 1, 0)

    /// Three corners of a square of two thirds of the smaller side go to places up to `reach` pixels away.
    init(width: Int, height: Int, reach: Double, _ random: CounterRandom) {
      // The public code takes (height, width) for (x, y), which differ for pictures that are not square.
      let centre = (x: Double(height / 2), y: Double(width / 2))
      let side = Double(min(width, height) / 3)
      let from = [
        (centre.x + side, centre.y + side), (centre.x + side, centre.y - side), (centre.x - side, centre.y - side),
      ]
      let to = from.enumerated().map { index, point in
        func shift(_ axis: Int) -> Double {
          reach * (2 * random.uniform(at: Corruption.singles + UInt64(2 * index + axis)) - 1)
        }
        return (point.0 + shift(0), point.1 + shift(1))
      }
      // The inverse: the map that takes `to` to `from`, by Cramer's rule. Points on one line leave the identity.
      let (a, b) = ((to[1].0 - to[0].0, to[1].1 - to[0].1), (to[2].0 - to[0].0, to[2].1 - to[0].1))
      let determinant = a.0 * b.1 - a.1 * b.0
      guard abs(determinant) > 1e-9 else { return }
      func solve(_ p: Double, _ q: Double, _ r: Double) -> (Double, Double, Double) {
        let slope = (((q - p) * b.1 - (r - p) * a.1) / determinant, ((r - p) * a.0 - (q - p) * b.0) / determinant)
        return (slope.0, slope.1, p - slope.0 * to[0].0 - slope.1 * to[0].1)
      }
      x = solve(from[0].0, from[1].0, from[2].0)
      y = solve(from[0].1, from[1].1, from[2].1)
    }

    func source(x column: Double, y row: Double) -> (x: Float, y: Float) {
      (Float(x.0 * column + x.1 * row + x.2), Float(y.0 * column + y.1 * row + y.2))
    }
  }
}
