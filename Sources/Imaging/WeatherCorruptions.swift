import Tensors

extension Corruption {
  /// Where a picture's single uniform numbers start, far behind those of its pixels.
  static let singles: UInt64 = 1 << 40

  /// How much snow falls, how it is blown, and how much of the picture stays below it.
  struct Snowfall {
    var mean: Double
    var deviation: Double
    var zoom: Double
    var threshold: Float
    var radius: Int
    var sigma: Double
    var mix: Float
  }

  private static let snowfalls = [
    Snowfall(mean: 0.1, deviation: 0.3, zoom: 3, threshold: 0.5, radius: 10, sigma: 4, mix: 0.8),
    Snowfall(mean: 0.2, deviation: 0.3, zoom: 2, threshold: 0.5, radius: 12, sigma: 4, mix: 0.7),
    Snowfall(mean: 0.55, deviation: 0.3, zoom: 4, threshold: 0.9, radius: 12, sigma: 8, mix: 0.7),
    Snowfall(mean: 0.55, deviation: 0.3, zoom: 4.5, threshold: 0.85, radius: 12, sigma: 8, mix: 0.65),
    Snowfall(mean: 0.55, deviation: 0.3, zoom: 2.5, threshold: 0.85, radius: 12, sigma: 12, mix: 0.55),
  ]

  static func snow(_ image: RGBImage, level: Int, _ random: CounterRandom) -> RGBImage {
    snow(image, snowfalls[level], degrees: -135 + 90 * random.uniform(at: singles), random)
  }

  /// Snow that falls at an angle; the flakes are those of the random numbers, whatever the angle.
  static func snow(_ image: RGBImage, _ snowfall: Snowfall, degrees: Double, _ random: CounterRandom) -> RGBImage {
    let (threshold, mix) = (snowfall.threshold, snowfall.mix)
    var layer = Plane.normal(
      width: image.width, height: image.height, mean: snowfall.mean, deviation: snowfall.deviation, random
    ).clippedZoom(snowfall.zoom)
    for index in layer.values.indices {
      layer.values[index] = layer.values[index] < threshold ? 0 : min(layer.values[index], 1)
    }
    let taps = motionTaps(radius: snowfall.radius, sigma: snowfall.sigma, degrees: degrees)
    layer = layer.correlated(taps, border: .replicate)
    for index in layer.values.indices { layer.values[index] = (layer.values[index] * 255).rounded() / 255 }
    // Grey is the same for all channels, and so is what falls: the layer and itself turned by half a turn.
    let planes = image.planes
    let fallen = zip(layer.values, layer.values.reversed()).map { $0 + $1 }
    let red = zip(planes[0].values, planes[1].values).map { 0.299 * $0 + 0.587 * $1 }
    let veils = zip(red, planes[2].values).map { ($0 + 0.114 * $1) * 1.5 + 0.5 }
    return RGBImage(
      planes: planes.map { plane in
        var plane = plane
        plane.values.withUnsafeMutableBufferPointer { values in
          veils.withUnsafeBufferPointer { veils in
            fallen.withUnsafeBufferPointer { fallen in
              for index in 0..<values.count {
                let value = values[index]
                values[index] = mix * value + (1 - mix) * max(value, veils[index]) + fallen[index]
              }
            }
          }
        }
        return plane
      })
  }

  /// The weighted sum of the picture and frost.
  ///
  /// The public code's six photographs are not free to ship. In their place stands a texture of ridges: bright where a
  /// plasma passes its middle, which draws branching lines, on a bluish ground that a second plasma makes uneven.
  static func frost(_ image: RGBImage, level: Int, _ random: CounterRandom) -> RGBImage {
    let (share, frostShare): (Float, Float) = [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)][level]
    let crystals = plasma(width: image.width, height: image.height, decay: 1.45, random)
    let ground = plasma(width: image.width, height: image.height, decay: 2, random.branch(1))
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
    let cloud = plasma(width: image.width, height: image.height, decay: decay, random)
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
  static func plasma(width: Int, height: Int, decay: Double, _ random: CounterRandom) -> Plane {
    var side = 2
    while side < max(width, height) { side *= 2 }
    let uniforms = random.uniforms(side * side)
    var map = [Float](repeating: 0, count: side * side)
    map.withUnsafeMutableBufferPointer { map in
      uniforms.withUnsafeBufferPointer { grow($0, into: map, side: side, decay: decay) }
    }
    let smallest = map.min() ?? 0
    let range = max((map.max() ?? 0) - smallest, .leastNormalMagnitude)
    var plane = Plane(width: width, height: height)
    for row in 0..<height {
      for column in 0..<width {
        plane.values[row * width + column] = (map[row * side + column] - smallest) / range
      }
    }
    return plane
  }

  /// Fills a torus of zeros, [side, side], from coarse to fine; each number takes the next uniform one.
  private static func grow(
    _ uniforms: UnsafeBufferPointer<Float>, into map: UnsafeMutableBufferPointer<Float>, side: Int, decay: Double
  ) {
    let mask = side - 1
    var amplitude = 100.0
    var next = 0
    var step = side
    while step >= 2 {
      let half = step / 2
      let swing = Float(amplitude * amplitude)
      func noise() -> Float {
        next &+= 1
        return swing * (2 * uniforms[next &- 1] - 1)
      }
      for row in stride(from: 0, to: side, by: step) {
        let (above, below) = (row * side, ((row + step) & mask) * side)
        for column in stride(from: 0, to: side, by: step) {
          let right = (column + step) & mask
          map[(row + half) * side + column + half] =
            (map[above + column] + map[below + column] + map[above + right] + map[below + right]) / 4 + noise()
        }
      }
      for row in stride(from: 0, to: side, by: step) {
        let (here, middle) = (row * side, (row + half) * side)
        let (above, below) = (((row - half) & mask) * side, ((row + step) & mask) * side)
        for column in stride(from: 0, to: side, by: step) {
          let (centre, left, right) = (column + half, (column - half) & mask, (column + step) & mask)
          map[here + centre] =
            (map[middle + centre] + map[above + centre] + map[here + column] + map[here + right]) / 4 + noise()
          map[middle + column] =
            (map[middle + centre] + map[middle + left] + map[here + column] + map[below + column]) / 4 + noise()
        }
      }
      step = half
      amplitude /= decay
    }
  }
}
