import Tensors

/// One wave of the discrete Fourier transform, added to each channel of a picture with a random sign.
///
/// Yin et al., "A Fourier Perspective on Model Robustness in Computer Vision" (NeurIPS 2019): x + r v U with r = 1 or -1
/// for each image and channel, v the wave's L2 norm, and U real, of norm 1, whose transform is zero but at one
/// frequency and its mirror. With a = 2 pi (row y / height + column x / width), U = (cos a + sin a) / sqrt(height width), which
/// is what the authors' code has, too.
public struct FourierWave: Sendable, Hashable, Codable {
  /// Whole waves from the picture's top to its bottom.
  public let row: Int
  /// Whole waves from the picture's left to its right.
  public let column: Int
  /// The wave's L2 norm in each channel, of values in [0, 1].
  public let norm: Double

  /// A wave.
  public init(row: Int, column: Int, norm: Double) {
    (self.row, self.column, self.norm) = (row, column, norm)
  }

  /// The wave of norm 1, `[height][width]`.
  public func basis(height: Int, width: Int) -> [Double] {
    let scale = 1 / Double(height * width).squareRoot()
    let down = Self.angles(row, height).map { (sine: $0.sine * scale, cosine: $0.cosine * scale) }
    let across = Self.angles(column, width).map { (sum: $0.cosine + $0.sine, difference: $0.cosine - $0.sine) }
    // cos(a + b) + sin(a + b), taken apart.
    return down.flatMap { row in across.map { row.cosine * $0.sum + row.sine * $0.difference } }
  }

  /// Adds the wave to values in [0, 1], `[height][width][3]`, and clips them to [0, 1]. The sign of a channel is the lowest
  /// bit of the word of its number.
  public func add(to values: inout [Float], height: Int, width: Int, random: CounterRandom) {
    precondition(values.count == height * width * 3, "values of another size")
    let factors = (0..<3).map { random.word(at: UInt64($0)) & 1 == 0 ? norm : -norm }
    for (pixel, wave) in basis(height: height, width: width).enumerated() {
      for channel in 0..<3 {
        let value = Float(Double(values[3 * pixel + channel]) + factors[channel] * wave)
        values[3 * pixel + channel] = min(max(value, 0), 1)
      }
    }
  }

  /// Sine and cosine of 2 pi waves n / count for each n of a side.
  private static func angles(_ waves: Int, _ count: Int) -> [(sine: Double, cosine: Double)] {
    (0..<count).map { place in
      let turns = ((waves % count * place) % count + count) % count
      return (
        ReproducibleMath.cosineOfTurns(Double((4 * turns + 3 * count) % (4 * count)) / Double(4 * count)),
        ReproducibleMath.cosineOfTurns(Double(turns) / Double(count))
      )
    }
  }
}
