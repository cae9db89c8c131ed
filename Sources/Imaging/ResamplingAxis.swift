import KernelInterfaces
import Synchronization

/// Which source pixels a range of target pixels along one axis is made of, as Pillow has it, and their weights.
struct ResamplingAxis {
  /// The first source pixel of each target pixel.
  let first: [Int32]
  /// `[target][pairs]`; missing ones are zero.
  let weights: [ResamplingTaps.Pair]
  /// As many pairs as some target pixel needs.
  let pairs: Int
  /// Every target pixel is some source pixel.
  let areCopies: Bool
  /// The source pixels that all target pixels together need.
  let sources: Range<Int>

  /// The axis that the same arguments of `init` give, kept for the next picture of the size: many have the same.
  static func kept(
    _ source: Int, _ target: Int, _ start: Int, length: Int, interpolation: Interpolation
  ) -> ResamplingAxis {
    let key = Key(source: source, target: target, start: start, length: length, interpolation: interpolation)
    if let axis = known.withLock({ $0[key] }) { return axis }
    let axis = ResamplingAxis(source, target, start, length: length, interpolation: interpolation)
    if axis.weights.count <= mostWeights {
      known.withLock {
        if $0.count >= mostKept { $0.removeAll() }
        $0[key] = axis
      }
    }
    return axis
  }

  private struct Key: Hashable {
    let source, target, start, length: Int
    let interpolation: Interpolation
  }

  private static let known = Mutex<[Key: ResamplingAxis]>([:])
  /// Axes that are kept, each of no more weights: together 4 MB.
  private static let mostKept = 64
  private static let mostWeights = 1 << 13

  /// The weights of target pixels `start` to `start + length` of `target`, which `source` pixels become.
  init(_ source: Int, _ target: Int, _ start: Int, length: Int, interpolation: Interpolation) {
    let scale = Double(source) / Double(target)
    let filterScale = max(scale, 1)
    let support = interpolation.support * filterScale
    // At most these are within the support; all in one array, since there may be a thousand of them for each picture.
    let most = min(source, Int(2 * support) + 2)
    var all = [Int32](repeating: 0, count: most * length)
    var (shares, counts) = ([Double](repeating: 0, count: most), [Int](repeating: 0, count: length))
    var first = [Int32](repeating: 0, count: length)
    let one = Double(1 << ResamplingTaps.precisionBits)
    for index in 0..<length {
      let centre = (Double(start + index) + 0.5) * scale
      let low = max(0, Int(centre - support + 0.5))
      let count = min(source, Int(centre + support + 0.5)) - low
      // One by one and from the left: the order in which Pillow rounds.
      var sum = 0.0
      for tap in 0..<count {
        shares[tap] = interpolation.weight((Double(low + tap) - centre + 0.5) * (1 / filterScale))
        sum += shares[tap]
      }
      let factor = sum == 0 ? 1 : 1 / sum
      // The filter's ends are often zero, and every pair costs time.
      var (begin, end) = (0, 0)
      for tap in 0..<count {
        let scaled = shares[tap] * factor * one
        let rounded = Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
        if rounded == 0, end == 0, tap + 1 < count {
          begin = tap + 1
          continue
        }
        all[index * most + tap - begin] = rounded
        if rounded != 0 { end = tap + 1 }
      }
      first[index] = Int32(low + begin)
      counts[index] = max(1, end - begin)
    }
    let pairs = ((counts.max() ?? 1) + 1) / 2
    weights = [ResamplingTaps.Pair](unsafeUninitializedCapacity: pairs * length) { target, count in
      for index in 0..<length {
        for pair in 0..<pairs {
          // Beyond a target pixel's last weight all are zero, and of an odd most there is none.
          let (place, isLast) = (index * most + 2 * pair, 2 * pair + 1 == most)
          target.initializeElement(
            at: index * pairs + pair, to: ResamplingTaps.pair(all[place], isLast ? 0 : all[place + 1]))
        }
      }
      count = pairs * length
    }
    (self.first, self.pairs) = (first, pairs)
    areCopies = (0..<length).allSatisfy {
      counts[$0] == 1 && all[$0 * most] == 1 << Int32(ResamplingTaps.precisionBits)
    }
    let last = zip(first, counts).map { Int($0) + $1 }.max() ?? 0
    sources = Int(first.min() ?? 0)..<last
  }
}
