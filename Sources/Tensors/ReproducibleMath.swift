/// Functions whose bits are the same on every machine, from operations that IEEE 754 rounds correctly.
package enum ReproducibleMath {
  /// Natural logarithm of a positive, normal number, within 3 units in the last place of max(1, |ln x|).
  ///
  /// 2 artanh((m - 1) / (m + 1)) by its power series, m in [sqrt(1/2), sqrt(2)), plus the exponent times ln 2.
  package static func logarithm(_ value: Double) -> Double {
    var exponent = Double(value.exponent)
    var significand = value.significand
    if significand > 1.4142135623730951 {
      significand *= 0.5
      exponent += 1
    }
    let ratio = (significand - 1) / (significand + 1)
    let square = ratio * ratio
    var series = 0.0
    for power in stride(from: 23.0, through: 1.0, by: -2.0) {
      series = series * square + 1 / power
    }
    return exponent * 0.6931471805599453 + 2 * ratio * series
  }

  /// e^x within 2 units in the last place; 0 below the smallest number, infinity above the largest, NaN of NaN.
  ///
  /// x = k ln 2 + r with ln 2 in two parts (Cody and Waite 1980), Taylor's series of e^r, times 2^k.
  package static func exponential(_ value: Double) -> Double {
    guard value >= -746 else { return value.isNaN ? .nan : 0 }
    guard value <= 710 else { return .infinity }
    let exponent = (value * 1.4426950408889634).rounded()
    let rest = (value - exponent * 0.6931471803691238) - exponent * 1.9082149292705877e-10
    var series = 1.0
    for divisor in stride(from: 14.0, through: 1.0, by: -1.0) {
      series = 1 + series * rest / divisor
    }
    return Double(sign: .plus, exponent: Int(exponent), significand: series)
  }

  /// cos(2 pi turns) for turns in [0, 1), within 1e-15.
  package static func cosineOfTurns(_ turns: Double) -> Double {
    let quarters = turns * 4
    let quadrant = (quarters + 0.5).rounded(.down)
    let angle = (quarters - quadrant) * 1.5707963267948966
    switch Int(quadrant) & 3 {
    case 0: return cosineSeries(angle)
    case 1: return -sineSeries(angle)
    case 2: return -cosineSeries(angle)
    default: return sineSeries(angle)
    }
  }

  private static func cosineSeries(_ angle: Double) -> Double {
    series(angle * angle, lastDivisor: 18)
  }

  private static func sineSeries(_ angle: Double) -> Double {
    angle * series(angle * angle, lastDivisor: 19)
  }

  /// Taylor's series in Horner form: 1 - x/(d(d-1)) (1 - ...), ending in `lastDivisor`.
  private static func series(_ square: Double, lastDivisor: Double) -> Double {
    var sum = 1.0
    var divisor = lastDivisor
    while divisor >= 2 {
      sum = 1 - sum * square / (divisor * (divisor - 1))
      divisor -= 2
    }
    return sum
  }
}

extension ReproducibleMath {
  /// Sine and cosine of an angle in degrees, |degrees| < 2^50.
  package static func sineAndCosine(degrees: Double) -> (sine: Double, cosine: Double) {
    let turns = degrees / 360
    func fraction(_ turns: Double) -> Double { min(max(turns - turns.rounded(.down), 0), 0x1.fffffffffffffp-1) }
    return (cosineOfTurns(fraction(turns - 0.25)), cosineOfTurns(fraction(turns)))
  }
}
