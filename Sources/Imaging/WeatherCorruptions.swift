import Tensors

extension Corruption {
  /// Where a picture's single uniform numbers start, far behind those of its pixels.
  static let singles: UInt64 = 1 << 40

  static func snow(_ image: RGBImage, level: Int, _ random: CounterRandom) -> RGBImage {
    let (mean, deviation, zoom, threshold, radius, sigma, mix): (Double, Double, Double, Float, Int, Double, Float) = [
      (0.1, 0.3, 3, 0.5, 10, 4, 0.8), (0.2, 0.3, 2, 0.5, 12, 4, 0.7), (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
      (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65), (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ][level]
    var layer = Plane.normal(
      width: image.width, height: image.height, mean: mean, deviation: deviation, random
    ).clippedZoom(zoom)
    for index in layer.values.indices {
      layer.values[index] = layer.values[index] < threshold ? 0 : min(layer.values[index], 1)
    }
    let taps = motionTaps(radius: radius, sigma: sigma, degrees: -135 + 90 * random.uniform(at: singles))
    layer = layer.correlated(taps, border: .replicate)
    for index in layer.values.indices { layer.values[index] = (layer.values[index] * 255).rounded() / 255 }
    var planes = image.planes
    let last = layer.values.count - 1
    for index in layer.values.indices {
      let grey = 0.299 * planes[0].values[index] + 0.587 * planes[1].values[index] + 0.114 * planes[2].values[index]
      let fallen = layer.values[index] + layer.values[last - index]
      for channel in 0..<3 {
        let value = planes[channel].values[index]
        planes[channel].values[index] = mix * value + (1 - mix) * max(value, grey * 1.5 + 0.5) + fallen
      }
    }
    return RGBImage(planes: planes)
  }

  /// The weighted sum of the picture and frost.
  ///
  /// The public code's six photographs are not free to ship. In their place stands a texture of ridges: bright where a
  /// plasma passes its middle, which draws branching lines, on a bluish ground that a second plasma makes uneven.
  static func frost(_ image: RGBImage, level: Int, _ random: CounterRandom) -> RGBImage {
    let (share, frostShare): (Float, Float) = [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)][level]
    let crystals = plasma(width: image.width, height: image.height, decay: 1.45, random, offset: 0)
    let ground = plasma(width: image.width, height: image.height, decay: 2, random, offset: singles)
    var planes = image.planes
    for (channel, tint) in [Float(0.82), 0.96, 1].enumerated() {
      for index in planes[channel].values.indices {
        let ridge = 1 - abs(2 * crystals.values[index] - 1)
        let texture = min(1, 0.22 + 0.5 * ground.values[index] + 0.6 * ridge * ridge * ridge * ridge) * tint
        planes[channel].values[index] = share * planes[channel].values[index] + frostShare * texture
      }
    }
    return RGBImage(planes: planes)
  }

  static func fog(_ image: RGBImage, level: Int, _ random: CounterRandom) -> RGBImage {
    let (strength, decay): (Float, Double) = [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)][level]
    let largest = Float(image.pixels.max() ?? 0) / 255
    let cloud = plasma(width: image.width, height: image.height, decay: decay, random, offset: 0)
    return RGBImage(
      planes: image.planes.map { plane in
        var plane = plane
        for index in plane.values.indices {
          plane.values[index] = (plane.values[index] + strength * cloud.values[index]) * largest / (largest + strength)
        }
        return plane
      })
  }

  /// A plasma fractal by diamonds and squares on a torus of the next power of two, scaled to 0...1, its corner cut out.
  ///
  /// The first amplitude is 100; each round multiplies amplitude by a uniform number of [-amplitude, amplitude), as the
  /// public code does, and then divides it by `decay`.
  static func plasma(
    width: Int, height: Int, decay: Double, _ random: CounterRandom, offset: UInt64
  ) -> Plane {
    var side = 2
    while side < max(width, height) { side *= 2 }
    let mask = side - 1
    var map = [Double](repeating: 0, count: side * side)
    var amplitude = 100.0
    var next = offset
    func value(_ row: Int, _ column: Int) -> Double { map[(row & mask) * side + (column & mask)] }
    func set(_ row: Int, _ column: Int, sum: Double) {
      map[row * side + column] = sum / 4 + amplitude * amplitude * (2 * random.uniform(at: next) - 1)
      next += 1
    }
    var step = side
    while step >= 2 {
      let half = step / 2
      for row in stride(from: 0, to: side, by: step) {
        for column in stride(from: 0, to: side, by: step) {
          set(
            row + half, column + half,
            sum: value(row, column) + value(row + step, column) + value(row, column + step)
              + value(row + step, column + step))
        }
      }
      for row in stride(from: 0, to: side, by: step) {
        for column in stride(from: 0, to: side, by: step) {
          set(
            row, column + half,
            sum: value(row + half, column + half) + value(row - half, column + half) + value(row, column)
              + value(row, column + step))
          set(
            row + half, column,
            sum: value(row + half, column + half) + value(row + half, column - half) + value(row, column)
              + value(row + step, column))
        }
      }
      step = half
      amplitude /= decay
    }
    let smallest = map.min() ?? 0
    let range = max((map.max() ?? 0) - smallest, .leastNormalMagnitude)
    var plane = Plane(width: width, height: height)
    for row in 0..<height {
      for column in 0..<width { plane[row, column] = Float((map[row * side + column] - smallest) / range) }
    }
    return plane
  }
}
