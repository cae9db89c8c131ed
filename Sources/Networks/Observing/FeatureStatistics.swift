import Tensors

/// How much an image's maps vary, and with which frequencies: [variance, amplitudes], the means over channels.
///
/// The variance is over pixels, with one less as its divisor (Park and Kim, "How Do Vision Transformers Work?", ICLR 2022,
/// figure 9). The amplitudes are log(|F| + 1e-6) along the diagonal of the Fourier transform, less that of frequency 0
/// (figure 2a there).
struct FeatureStatistics: Layer {
  func extents(of input: Graph.Extents) -> Graph.Extents {
    Graph.Extents(height: 1, width: 1, channels: 1 + MapView(input).frequencies)
  }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    let spectrum = DiagonalSpectrum(MapView(preparation.from))
    return ImageByImage(preparation) { maps, statistics, _, _ in
      statistics[0] = Float(spectrum.map.meanVariance(of: maps))
      for (place, amplitude) in spectrum.meanAmplitudes(of: maps).enumerated() {
        statistics[1 + place] = Float(amplitude)
      }
    }
  }
}

extension MapView {
  /// The mean over channels of the variance over pixels, in float64.
  func meanVariance(of maps: UnsafeBufferPointer<Float>) -> Double {
    var means = [Double](repeating: 0, count: channels)
    var squares = means
    for pixel in 0..<pixels {
      for (channel, place) in range(of: pixel).enumerated() { means[channel] += Double(maps[place]) }
    }
    for channel in 0..<channels { means[channel] /= Double(pixels) }
    for pixel in 0..<pixels {
      for (channel, place) in range(of: pixel).enumerated() {
        let difference = Double(maps[place]) - means[channel]
        squares[channel] += difference * difference
      }
    }
    return squares.reduce(0, +) / Double(max(1, pixels - 1)) / Double(channels)
  }
}

/// The diagonal of maps' two-dimensional Fourier transform: frequency k in rows and in columns alike.
///
/// All pixels of one phase k (row / height + column / width) are added first, so that each frequency costs no more than the
/// phases that there are.
struct DiagonalSpectrum: Sendable {
  let map: MapView
  /// Phases of frequency 1: the least common multiple of height and width.
  private let phases: Int
  /// Cosines of whole turns in so many parts.
  private let cosines: [Double]
  /// Sines of the same.
  private let sines: [Double]

  init(_ map: MapView) {
    self.map = map
    var (rest, divisor) = (max(1, map.height), max(1, map.width))
    while divisor > 0 { (rest, divisor) = (divisor, rest % divisor) }
    let phases = map.height / rest * map.width
    self.phases = phases
    func cosine(_ turns: Double) -> Double { ReproducibleMath.cosineOfTurns(turns - turns.rounded(.down)) }
    cosines = (0..<phases).map { cosine(Double($0) / Double(phases)) }
    // sin x = cos(x - a quarter).
    sines = (0..<phases).map { cosine(Double($0) / Double(phases) + 0.75) }
  }

  /// The means over channels of log(|F| + 1e-6), less that of frequency 0.
  func meanAmplitudes(of maps: UnsafeBufferPointer<Float>) -> [Double] {
    let channels = map.channels
    var sums = [Double](repeating: 0, count: phases * channels)
    for pixel in 0..<map.pixels {
      let (row, column) = (pixel / map.width, pixel % map.width)
      let phase = (row * (phases / map.height) + column * (phases / map.width)) % phases
      for (channel, place) in map.range(of: pixel).enumerated() {
        sums[phase * channels + channel] += Double(maps[place])
      }
    }
    var first = 0.0
    return (0..<map.frequencies).map { frequency in
      var real = [Double](repeating: 0, count: channels)
      var imaginary = real
      for phase in 0..<phases {
        let (cosine, sine) = (cosines[frequency * phase % phases], sines[frequency * phase % phases])
        for channel in 0..<channels {
          real[channel] += sums[phase * channels + channel] * cosine
          imaginary[channel] += sums[phase * channels + channel] * sine
        }
      }
      let mean =
        zip(real, imaginary).reduce(0.0) { sum, part in
          sum + ReproducibleMath.logarithm((part.0 * part.0 + part.1 * part.1).squareRoot() + 1e-6)
        } / Double(channels)
      if frequency == 0 { first = mean }
      return mean - first
    }
  }
}

/// The same figures of maps as they are, for tests.
package enum FeatureFigures {
  /// - Parameter maps: [height][width][channels].
  package static func of(
    _ maps: [Float], height: Int, width: Int, channels: Int
  ) -> (variance: Double, amplitudes: [Double]) {
    let map = MapView(Graph.Extents(height: height, width: width, channels: channels))
    return maps.withUnsafeBufferPointer {
      (map.meanVariance(of: $0), DiagonalSpectrum(map).meanAmplitudes(of: $0))
    }
  }
}
