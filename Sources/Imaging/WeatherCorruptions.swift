import Kernels
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
    var layer = Raster.normal(
      width: image.width, height: image.height, mean: snowfall.mean, deviation: snowfall.deviation, random
    ).clippedZoom(snowfall.zoom)
    for index in layer.values.indices {
      layer.values[index] = layer.values[index] < threshold ? 0 : min(layer.values[index], 1)
    }
    let taps = motionTaps(radius: snowfall.radius, sigma: snowfall.sigma, degrees: degrees)
    layer = layer.correlated(taps, border: .replicate)
    for index in layer.values.indices { layer.values[index] = (layer.values[index] * 255).rounded() / 255 }
    var raster = Raster(image)
    raster.values.withUnsafeMutableBufferPointer { values in
      layer.values.withUnsafeBufferPointer { layer in
        for pixel in layer.indices {
          // Grey is the same for all channels, and so is what falls: the layer and itself turned by half a turn.
          let start = 3 &* pixel
          let grey = 0.299 * values[start] + 0.587 * values[start &+ 1] + 0.114 * values[start &+ 2]
          let veil = grey * 1.5 + 0.5
          let fallen = layer[pixel] + layer[layer.count &- 1 &- pixel]
          for channel in start..<start &+ 3 {
            let value = values[channel]
            values[channel] = mix * value + (1 - mix) * max(value, veil) + fallen
          }
        }
      }
    }
    return RGBImage(raster)
  }

  static func fog(_ image: RGBImage, level: Int, _ random: CounterRandom) -> RGBImage {
    let (strength, decay): (Float, Double) = [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)][level]
    let brightest = image.pixels.withUnsafeBufferPointer { pixels in
      var brightest: UInt8 = 0
      for value in pixels { brightest = max(brightest, value) }
      return brightest
    }
    let largest = Float(brightest) / 255
    let cloud = plasma(width: image.width, height: image.height, decay: decay, random)
    // (x + strength cloud) largest / (largest + strength).
    let share = largest / (largest + strength)
    let thickness = strength * share
    return image.veiled(share: share, cloud.map { thickness * $0 }, tint: (1, 1, 1))
  }

  /// A plasma fractal by diamonds and squares on a torus of the next power of two, scaled to 0...1, its corner cut out:
  /// `[height][width]`.
  ///
  /// The first amplitude is 100; each round multiplies amplitude by a uniform number of [-amplitude, amplitude), as the
  /// public code does, and then divides it by `decay`.
  static func plasma(width: Int, height: Int, decay: Double, _ random: CounterRandom) -> [Float] {
    let kernel = InstructionSet.chosen.pixelKernel
    var side = 2
    while side < max(width, height) { side *= 2 }
    let uniforms = random.uniforms(side * side)
    let area = side * side
    // The lattice, the one of twice its side, and the centres in between.
    var scratch = [Float](repeating: 0, count: 2 * area + area / 4)
    return scratch.withUnsafeMutableBufferPointer { scratch in
      uniforms.withUnsafeBufferPointer { uniforms in
        guard var lattice = scratch.baseAddress, let uniforms = uniforms.baseAddress else { return [] }
        var finer = lattice + area
        let centres = lattice + 2 * area
        var amplitude = 100.0
        var next = 0
        var step = 1
        while step < side {
          kernel.grow(
            lattice, side: step, uniforms: uniforms + next, swing: Float(amplitude * amplitude), centres: centres,
            into: finer)
          swap(&lattice, &finer)
          next += 3 * step * step
          step *= 2
          amplitude /= decay
        }
        let (smallest, largest) = kernel.range(lattice, count: area)
        let range = max(largest - smallest, .leastNormalMagnitude)
        return [Float](unsafeUninitializedCapacity: width * height) { target, initialized in
          for row in 0..<height {
            for column in 0..<width {
              target[row &* width &+ column] = (lattice[row &* side &+ column] - smallest) / range
            }
          }
          initialized = width * height
        }
      }
    }
  }
}
