import Tensors

extension Corruption {
  /// Poisson(x photons) / photons, by inversion: the smallest count whose cumulative probability exceeds a uniform
  /// number.
  static func shotNoise(_ image: RGBImage, photons: Double, _ random: CounterRandom) -> RGBImage {
    let tables = (0...255).map { PoissonTable(mean: Double($0) / 255 * photons) }
    let pixels = image.pixels.enumerated().map { index, value in
      byte(Double(tables[Int(value)].count(at: random.uniform(at: UInt64(index)))) / photons)
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// Salt and pepper, half each, of `amount` of all channel values, as scikit-image's `random_noise`.
  static func impulseNoise(_ image: RGBImage, amount: Double, _ random: CounterRandom) -> RGBImage {
    let pixels = image.pixels.enumerated().map { index, value -> UInt8 in
      let uniform = random.uniform(at: UInt64(index))
      return uniform < amount / 2 ? 255 : uniform < amount ? 0 : value
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// x + x N(0, deviation).
  static func speckleNoise(_ image: RGBImage, deviation: Double, _ random: CounterRandom) -> RGBImage {
    let pixels = image.pixels.enumerated().map { index, value in
      let value = Double(value) / 255
      return byte(value + value * deviation * random.normal(at: UInt64(index)))
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }
}

/// The cumulative probabilities of a Poisson distribution with a mean of at most 700.
package struct PoissonTable {
  private var cumulative: [Double] = []
  private let start: Int

  package init(mean: Double) {
    start = Int(mean)
    var probability = ReproducibleMath.exponential(-mean)
    var sum = 0.0
    var count = 0.0
    // Until the sum no longer grows: what lies beyond has no probability in float64.
    while sum + probability > sum {
      sum += probability
      cumulative.append(sum)
      count += 1
      probability *= mean / count
    }
  }

  /// The count at a cumulative probability in [0, 1); the search starts at the mean.
  package func count(at uniform: Double) -> Int {
    var count = min(start, cumulative.count - 1)
    while count > 0, cumulative[count - 1] > uniform { count -= 1 }
    while count < cumulative.count - 1, cumulative[count] <= uniform { count += 1 }
    return count
  }
}
