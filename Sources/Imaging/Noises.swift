import Kernels
import Tensors

/// Noises: value i of a picture takes the number i of the kernels' order, see `NoisePasses`.
extension RGBImage {
  /// x + N(0, deviation).
  func withGaussianNoise(deviation: Double, _ random: CounterRandom) -> RGBImage {
    noisy(deviation: deviation, multiplies: false, random)
  }

  /// x + x N(0, deviation).
  func withSpeckleNoise(deviation: Double, _ random: CounterRandom) -> RGBImage {
    noisy(deviation: deviation, multiplies: true, random)
  }

  private func noisy(deviation: Double, multiplies: Bool, _ random: CounterRandom) -> RGBImage {
    changing { pixels, count in
      InstructionSet.chosen.noiseKernel.gaussian(
        pixels, count: count, scale: Float(multiplies ? deviation : 255 * deviation), multiplies: multiplies,
        random.noiseSource)
    }
  }

  /// Salt and pepper, half each, of `amount` of all channel values, as scikit-image's `random_noise`.
  func withImpulseNoise(amount: Double, _ random: CounterRandom) -> RGBImage {
    changing { pixels, count in
      InstructionSet.chosen.noiseKernel.impulse(
        pixels, count: count, white: UInt32(amount / 2 * 0x1p32), changed: UInt32(amount * 0x1p32), random.noiseSource)
    }
  }

  /// Poisson(x photons) / photons, by inversion: the smallest count whose cumulative probability exceeds a uniform
  /// number.
  func withShotNoise(_ table: ShotTable, _ random: CounterRandom) -> RGBImage {
    let groups = (pixels.count + 63) / 64
    return changing { pixels, count in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64 * groups) { words in
        guard let start = words.baseAddress else { return }
        InstructionSet.chosen.noiseKernel.words(start, groups: groups, random.noiseSource)
        table.apply(UnsafeMutableBufferPointer(start: pixels, count: count), words: UnsafeBufferPointer(words))
      }
    }
  }

  /// A copy whose values a function changes in place.
  private func changing(_ change: (UnsafeMutablePointer<UInt8>, Int) -> Void) -> RGBImage {
    var pixels = pixels
    pixels.withUnsafeMutableBufferPointer { buffer in
      if let start = buffer.baseAddress { change(start, buffer.count) }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}

/// Shot noise's results for every value of a picture and every word: where the cumulative probabilities of its Poisson
/// distribution lie among the words, and what each count becomes.
package struct ShotTable: Sendable {
  /// The words at which the count becomes one more, all values one after the other, each ending with the largest word.
  private var limits: [UInt32] = []
  /// Where each value's limits begin.
  private var starts: [Int32] = []
  /// The count at the first word of each 256th of all words, [value, 256th].
  private var guide: [UInt8] = []
  /// What each count becomes: count / photons, cut off.
  private var results: [UInt8] = []

  package init(photons: Double) {
    for value in 0...255 {
      let table = PoissonTable(mean: Double(value) / 255 * photons)
      starts.append(Int32(limits.count))
      var own = table.limits.map { UInt32(min(($0 * 0x1p32).rounded(.up), 0x1.fffffffep31)) }
      own.append(.max)
      var count = 0
      for part in 0..<256 {
        while count < own.count - 1, own[count] <= UInt32(part) << 24 { count += 1 }
        guide.append(UInt8(min(count, 255)))
      }
      limits += own
    }
    results = (0..<512).map { Corruption.byte(Double($0) / photons) }
  }

  /// The value that a word makes of one.
  package func value(_ value: UInt8, at word: UInt32) -> UInt8 {
    var pixel = value
    withUnsafeMutablePointer(to: &pixel) { pixel in
      withUnsafePointer(to: word) {
        apply(UnsafeMutableBufferPointer(start: pixel, count: 1), words: UnsafeBufferPointer(start: $0, count: 1))
      }
    }
    return pixel
  }

  func apply(_ pixels: UnsafeMutableBufferPointer<UInt8>, words: UnsafeBufferPointer<UInt32>) {
    limits.withUnsafeBufferPointer { limits in
      starts.withUnsafeBufferPointer { starts in
        guide.withUnsafeBufferPointer { guide in
          results.withUnsafeBufferPointer { results in
            for index in pixels.indices {
              let (value, word) = (Int(pixels[index]), min(words[index], .max - 1))
              let start = Int(starts[value])
              var count = Int(guide[value << 8 | Int(word >> 24)])
              while limits[start + count] <= word { count += 1 }
              pixels[index] = results[min(count, 511)]
            }
          }
        }
      }
    }
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

  /// The cumulative probabilities of counts 0, 1 and so on that are below 1.
  package var limits: [Double] { Array(cumulative.prefix { $0 < 1 }) }

  /// The count at a cumulative probability in [0, 1); the search starts at the mean.
  package func count(at uniform: Double) -> Int {
    var count = min(start, cumulative.count - 1)
    while count > 0, cumulative[count - 1] > uniform { count -= 1 }
    while count < cumulative.count - 1, cumulative[count] <= uniform { count += 1 }
    return count
  }
}
