/// Sums over the classes of one image, eight classes at a time; the same bits on every machine, since numbers are added in one
/// order and every operation is rounded as IEEE 754 says. Powers and their sum have the bits of ``Scoring/confidence(_:)``, so
/// that the same images tie.
struct Softmax: Sendable {
  /// The largest logit.
  let largest: Double
  /// The sum of the powers e^(b (z - largest)) of the logits z, b the inverse temperature; at least 1.
  private(set) var sum = 0.0
  /// The sum of their squares.
  private(set) var squares = 0.0
  /// The sum of the powers times z - largest.
  private(set) var distances = 0.0
  /// The sum of the powers times the square of z - largest.
  private(set) var squaredDistances = 0.0

  private typealias Lanes = SIMD8<Double>

  /// - Parameters:
  ///   - logits: none of them NaN; minus infinity is a class that is no answer.
  ///   - inverseTemperature: 0 or above.
  init(_ logits: ArraySlice<Float>, inverseTemperature: Double) {
    let largest = Double(logits.max() ?? 0)
    self.largest = largest
    var sum = 0.0
    var (squares, distances, squaredDistances) = (Lanes(), Lanes(), Lanes())
    func add(_ block: SIMD8<Float>) {
      let values = Lanes(block)
      let isNone = values .== -.infinity
      let distance = (values - largest).replacing(with: 0, where: isNone)
      let power = Self.exponentials(distance * inverseTemperature).replacing(with: 0, where: isNone)
      for lane in power.indices { sum += power[lane] }
      squares += power * power
      distances += power * distance
      squaredDistances += power * distance * distance
    }
    logits.withUnsafeBytes { bytes in
      let step = MemoryLayout<SIMD8<Float>>.size
      var offset = 0
      while offset + step <= bytes.count {
        add(bytes.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self))
        offset += step
      }
      guard offset < bytes.count else { return }
      var rest = SIMD8<Float>(repeating: -.infinity)
      for lane in 0..<(bytes.count - offset) / MemoryLayout<Float>.size {
        rest[lane] = bytes.loadUnaligned(fromByteOffset: offset + lane * MemoryLayout<Float>.size, as: Float.self)
      }
      add(rest)
    }
    (self.sum, self.squares) = (sum, Self.total(squares))
    (self.distances, self.squaredDistances) = (Self.total(distances), Self.total(squaredDistances))
  }

  /// The sum of the lanes, by halves.
  private static func total(_ lanes: Lanes) -> Double {
    let four = lanes.lowHalf + lanes.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// e^x of numbers that are 0 or below, with the bits of `ReproducibleMath.exponential`, whose steps these are; 0 below -700.
  private static func exponentials(_ numbers: Lanes) -> Lanes {
    let isTooSmall = numbers .< -700
    let values = numbers.replacing(with: 0, where: isTooSmall)
    let product = values * 1.4426950408889634
    // Added and taken away, it leaves the nearest whole number; of two the even one, where the further one is wanted.
    let shift = 0x1.8p52
    let even = (product + shift) - shift
    let whole = even.replacing(with: even - 1, where: product - even .== -0.5)
    let rest = (values - whole * 0.6931471803691238) - whole * 1.9082149292705877e-10
    var series = Lanes(repeating: 1)
    for divisor in stride(from: 14.0, through: 1.0, by: -1.0) { series = 1 + series * rest / divisor }
    let exponents = (SIMD8<Int64>(whole) &+ 1023) &<< 52
    return (series * unsafeBitCast(exponents, to: Lanes.self)).replacing(with: 0, where: isTooSmall)
  }
}
