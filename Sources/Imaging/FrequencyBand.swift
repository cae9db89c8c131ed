/// A band of spatial frequencies: a square ring of the spectrum of a picture.
///
/// Park and Kim, "How Do Vision Transformers Work?" (ICLR 2022), cut the noise of their Figure 2b by such rings (maximum
/// norm). Both bounds become whole waves, rounded down, so that bands that meet have every frequency once.
public struct FrequencyBand: Sendable, Hashable, Codable {
  /// Which frequencies lie in a square.
  public enum Mask: String, Sendable, Hashable, Codable, CaseIterable {
    /// Those of fewer waves than half its side, whatever their direction.
    case symmetric
    /// Those from minus half its side to one less than that half, as the authors' code has them. Noise that is cut so is not real;
    /// its real part is taken.
    case authors
  }

  /// The first and the last frequency, percent of the highest, pi. From 100 on the last is the highest one.
  public let low: Int
  /// See ``low``.
  public let high: Int

  /// The frequencies between two bounds, percent of pi.
  public init(low: Int, high: Int) {
    (self.low, self.high) = (low, high)
  }

  /// One of eleven bands that have each frequency once: 0.0 pi, 0.1 pi, ... 1.0 pi and 0.05 pi to both sides.
  public init(tenth: Int) {
    self.init(low: 10 * tenth - 5, high: 10 * tenth + 5)
  }

  /// How many bands ``init(tenth:)`` gives.
  public static let count = 11

  /// The part of each frequency of a line of `count` numbers that lies within a bound, in the transform's order.
  private static func isWithin(_ percent: Int, _ count: Int, _ mask: Mask) -> [Bool] {
    let half = percent <= 0 ? 0 : percent >= 100 ? count : percent * count / 200
    return (0..<count).map { place in
      let waves = place < (count + 1) / 2 ? place : place - count
      return mask == .symmetric ? abs(waves) < half : -half <= waves && waves < half
    }
  }

  /// The share of each frequency that is kept of a real picture, `[width][height]` in the transform's order: 0, 1, or 1/2 where the
  /// mask has a frequency without its mirror.
  func shares(height: Int, width: Int, mask: Mask) -> [Double] {
    let bounds = [(high, 0.5), (low, -0.5)].map { percent, share in
      (rows: Self.isWithin(percent, height, mask), columns: Self.isWithin(percent, width, mask), share: share)
    }
    var shares: [Double] = []
    shares.reserveCapacity(height * width)
    for column in 0..<width {
      for row in 0..<height {
        let mirror = (row: (height - row) % height, column: (width - column) % width)
        shares.append(
          bounds.reduce(0) { sum, bound in
            sum + (bound.rows[row] && bound.columns[column] ? bound.share : 0)
              + (bound.rows[mirror.row] && bound.columns[mirror.column] ? bound.share : 0)
          })
      }
    }
    return shares
  }

  /// What is in the band of real pictures of one size, `[height][width]` each.
  public func parts(of pictures: [[Double]], height: Int, width: Int, mask: Mask = .symmetric) -> [[Double]] {
    let size = (height: height, width: width)
    let (down, across) = (FourierTransform(count: height), FourierTransform(count: width))
    let shares = shares(height: height, width: width, mask: mask)
    var parts: [[Double]] = []
    // Two real pictures are one complex one, whose parts do not mix.
    for index in stride(from: 0, to: pictures.count, by: 2) {
      var planes = FourierTransform.Planes(count: height * ((width + 1) / 2))
      Self.pack(pictures[index], into: &planes.real, size)
      if index + 1 < pictures.count { Self.pack(pictures[index + 1], into: &planes.imaginary, size) }
      down.transform(&planes)
      planes = Self.transposed(planes, size)
      across.transform(&planes)
      Self.keep(shares, of: &planes, size)
      across.transform(&planes, inverse: true)
      planes = Self.transposed(planes, (height: width, width: height))
      down.transform(&planes, inverse: true)
      parts.append(Self.unpacked(planes.real, size))
      if index + 1 < pictures.count { parts.append(Self.unpacked(planes.imaginary, size)) }
    }
    return parts
  }

  /// Multiplies frequencies, and divides by their number, which transform and inverse together have multiplied by.
  private static func keep(
    _ shares: [Double], of planes: inout FourierTransform.Planes, _ size: (height: Int, width: Int)
  ) {
    let scale = 1 / Double(size.height * size.width)
    let pairs = (size.height + 1) / 2
    for column in 0..<size.width {
      for pair in 0..<pairs {
        let start = column * size.height + 2 * pair
        let share = SIMD2(shares[start], 2 * pair + 1 < size.height ? shares[start + 1] : 0) * scale
        planes.real[column * pairs + pair] *= share
        planes.imaginary[column * pairs + pair] *= share
      }
    }
  }

  private static func pack(_ values: [Double], into pairs: inout [SIMD2<Double>], _ size: (height: Int, width: Int)) {
    precondition(values.count == size.height * size.width, "a picture of another size")
    let count = (size.width + 1) / 2
    for row in 0..<size.height {
      for column in 0..<size.width {
        pairs[row * count + column / 2][column % 2] = values[row * size.width + column]
      }
    }
  }

  private static func unpacked(_ pairs: [SIMD2<Double>], _ size: (height: Int, width: Int)) -> [Double] {
    let count = (size.width + 1) / 2
    var values: [Double] = []
    values.reserveCapacity(size.height * size.width)
    for row in 0..<size.height {
      for column in 0..<size.width { values.append(pairs[row * count + column / 2][column % 2]) }
    }
    return values
  }

  /// Rows become columns, in blocks of two by two.
  private static func transposed(
    _ planes: FourierTransform.Planes, _ size: (height: Int, width: Int)
  ) -> FourierTransform.Planes {
    let (across, down) = ((size.width + 1) / 2, (size.height + 1) / 2)
    var result = FourierTransform.Planes(count: size.width * down)
    func turn(_ from: [SIMD2<Double>], _ into: inout [SIMD2<Double>]) {
      for row in stride(from: 0, to: size.height, by: 2) {
        for pair in 0..<across {
          let upper = from[row * across + pair]
          let lower = row + 1 < size.height ? from[(row + 1) * across + pair] : .zero
          into[2 * pair * down + row / 2] = SIMD2(upper[0], lower[0])
          if 2 * pair + 1 < size.width { into[(2 * pair + 1) * down + row / 2] = SIMD2(upper[1], lower[1]) }
        }
      }
    }
    turn(planes.real, &result.real)
    turn(planes.imaginary, &result.imaginary)
    return result
  }
}
