import Tensors

/// The discrete Fourier transform of many lines of one length at once, float64: sum over n of x(n) e^(-2 pi i k n / count).
///
/// Stockham's algorithm by the factors of the length: fours, a two, odd primes. Every line has the same operations in the
/// same order, and sines are computed here, so that the bits are the same on every machine. A prime factor p costs p / 2
/// products a number.
struct FourierTransform {
  /// Two neighbouring lines.
  typealias Pair = SIMD2<Double>

  /// Real and imaginary parts, `[count][pairs]` each.
  struct Planes {
    var real: [Pair]
    var imaginary: [Pair]

    init(count: Int) {
      real = Array(repeating: .zero, count: count)
      imaginary = real
    }
  }

  private struct Pointers {
    let real, imaginary: UnsafeMutablePointer<Pair>
  }

  let count: Int
  private let radices: [Int]
  /// cos and sin of 2 pi k / count.
  private let roots: [(cosine: Double, sine: Double)]

  /// A transform of lines of `count` numbers, at least one.
  init(count: Int) {
    self.count = max(1, count)
    radices = Self.radices(of: self.count)
    roots = Self.roots(of: self.count)
  }

  static func roots(of count: Int) -> [(cosine: Double, sine: Double)] {
    (0..<count).map {
      (
        ReproducibleMath.cosineOfTurns(Double($0) / Double(count)),
        ReproducibleMath.cosineOfTurns(Double((4 * $0 + 3 * count) % (4 * count)) / Double(4 * count))
      )
    }
  }

  private static func radices(of count: Int) -> [Int] {
    var (rest, radices) = (count, [Int]())
    for radix in [4, 2] {
      while rest % radix == 0 {
        radices.append(radix)
        rest /= radix
      }
    }
    var radix = 3
    while rest > 1 {
      if radix * radix > rest { radix = rest }
      while rest % radix == 0 {
        radices.append(radix)
        rest /= radix
      }
      radix += 2
    }
    return radices
  }

  /// Transforms all lines. With `real` and `imaginary` exchanged before and after it is the inverse times `count`.
  func transform(_ planes: inout Planes, inverse: Bool = false) {
    var scratch = Planes(count: planes.real.count)
    let pairs = planes.real.count / count
    planes.real.withUnsafeMutableBufferPointer { real in
      planes.imaginary.withUnsafeMutableBufferPointer { imaginary in
        scratch.real.withUnsafeMutableBufferPointer { otherReal in
          scratch.imaginary.withUnsafeMutableBufferPointer { otherImaginary in
            guard let real = real.baseAddress, let imaginary = imaginary.baseAddress,
              let otherReal = otherReal.baseAddress, let otherImaginary = otherImaginary.baseAddress
            else { return }
            var from = inverse ? Pointers(real: imaginary, imaginary: real) : Pointers(real: real, imaginary: imaginary)
            var into =
              inverse
              ? Pointers(real: otherImaginary, imaginary: otherReal)
              : Pointers(real: otherReal, imaginary: otherImaginary)
            var (length, stride) = (count, pairs)
            for radix in radices {
              stage(radix, length, stride, from: from, into: into)
              length /= radix
              stride *= radix
              (from, into) = (into, from)
            }
          }
        }
      }
    }
    if radices.count % 2 == 1 { planes = scratch }
  }

  private func stage(_ radix: Int, _ length: Int, _ stride: Int, from: Pointers, into: Pointers) {
    switch radix {
    case 2: two(length, stride, from, into: into)
    case 4: four(length, stride, from, into: into)
    default: odd(radix, length, stride, from: from, into: into)
    }
  }

  /// e^(-2 pi i power / length).
  private func root(_ power: Int, of length: Int) -> (cosine: Double, sine: Double) {
    roots[power % length * (count / length)]
  }

  private func two(_ length: Int, _ stride: Int, _ from: Pointers, into: Pointers) {
    let half = length / 2
    for p in 0..<half {
      let w = root(p, of: length)
      let (first, second, target) = (p * stride, (p + half) * stride, 2 * p * stride)
      for q in 0..<stride {
        let (ar, ai) = (from.real[first + q], from.imaginary[first + q])
        let (br, bi) = (from.real[second + q], from.imaginary[second + q])
        into.real[target + q] = ar + br
        into.imaginary[target + q] = ai + bi
        store(ar - br, ai - bi, times: w, into, place: target + stride + q)
      }
    }
  }

  private func four(_ length: Int, _ stride: Int, _ from: Pointers, into: Pointers) {
    let quarter = length / 4
    for p in 0..<quarter {
      let (w1, w2, w3) = (root(p, of: length), root(2 * p, of: length), root(3 * p, of: length))
      let (source, step, target) = (p * stride, quarter * stride, 4 * p * stride)
      for q in source..<source + stride {
        let (ar, ai) = (from.real[q], from.imaginary[q])
        let (br, bi) = (from.real[q + step], from.imaginary[q + step])
        let (cr, ci) = (from.real[q + 2 * step], from.imaginary[q + 2 * step])
        let (dr, di) = (from.real[q + 3 * step], from.imaginary[q + 3 * step])
        let (evenR, evenI, oddR, oddI) = (ar + cr, ai + ci, br + dr, bi + di)
        let (lessR, lessI, turnR, turnI) = (ar - cr, ai - ci, bi - di, dr - br)
        let place = target + q - source
        into.real[place] = evenR + oddR
        into.imaginary[place] = evenI + oddI
        store(lessR + turnR, lessI + turnI, times: w1, into, place: place + stride)
        store(evenR - oddR, evenI - oddI, times: w2, into, place: place + 2 * stride)
        store(lessR - turnR, lessI - turnI, times: w3, into, place: place + 3 * stride)
      }
    }
  }

  /// By sums and differences of the numbers j and radix - j.
  private func odd(_ radix: Int, _ length: Int, _ stride: Int, from: Pointers, into: Pointers) {
    let (part, half) = (length / radix, (radix - 1) / 2)
    let turns = (0..<radix).map { roots[$0 * (count / radix)] }
    withUnsafeTemporaryAllocation(of: Pair.self, capacity: 4 * half) { scratch in
      guard let sums = scratch.baseAddress else { return }
      for p in 0..<part {
        let twiddles = (0..<radix).map { root(p * $0, of: length) }
        for q in 0..<stride {
          let first = p * stride + q
          let (zeroR, zeroI) = (from.real[first], from.imaginary[first])
          var (allR, allI) = (zeroR, zeroI)
          for j in 1...half {
            let (one, other) = (first + j * part * stride, first + (radix - j) * part * stride)
            let place = sums + 4 * (j - 1)
            place[0] = from.real[one] + from.real[other]
            place[1] = from.imaginary[one] + from.imaginary[other]
            place[2] = from.real[one] - from.real[other]
            place[3] = from.imaginary[one] - from.imaginary[other]
            allR += place[0]
            allI += place[1]
          }
          let target = radix * p * stride + q
          into.real[target] = allR
          into.imaginary[target] = allI
          for k in 1...half {
            var (evenR, evenI, oddR, oddI) = (zeroR, zeroI, Pair.zero, Pair.zero)
            var turn = 0
            for j in 0..<half {
              turn += k
              if turn >= radix { turn -= radix }
              let (w, place) = (turns[turn], sums + 4 * j)
              evenR += place[0] * w.cosine
              evenI += place[1] * w.cosine
              oddR += place[2] * w.sine
              oddI += place[3] * w.sine
            }
            store(evenR + oddI, evenI - oddR, times: twiddles[k], into, place: target + k * stride)
            store(evenR - oddI, evenI + oddR, times: twiddles[radix - k], into, place: target + (radix - k) * stride)
          }
        }
      }
    }
  }

  @inline(__always)
  private func store(
    _ real: Pair, _ imaginary: Pair, times w: (cosine: Double, sine: Double), _ into: Pointers, place: Int
  ) {
    into.real[place] = real * w.cosine + imaginary * w.sine
    into.imaginary[place] = imaginary * w.cosine - real * w.sine
  }
}
