import CProcessor
import KernelInterfaces

// What `ResamplingTaps` says; constants of another module are calls here.
private let lowBits: Int32 = 11
private let precisionBits: Int32 = 22

private typealias Bytes = gauntlet_bytes
private typealias Sums = gauntlet_ints

/// Pillow's resampling and torchvision's normalisation; one source for each instruction set.
package enum PreprocessingPasses: PairSummingKernel {
  @inline(__always)
  package static func addPairs(_ numbers: gauntlet_shorts, _ weights: gauntlet_shorts, to sums: inout gauntlet_ints) {
    sums &+= gauntlet_pair_sums(numbers, weights)
  }
}

/// What resizes and normalises pictures, but for how it adds.
///
/// Sums are of whole numbers and exact in any order, so every instruction set gives the same bytes.
package protocol PairSummingKernel: PreprocessingKernel {
  /// Adds neighbouring products of 16-bit numbers to sums.
  static func addPairs(_ numbers: gauntlet_shorts, _ weights: gauntlet_shorts, to sums: inout gauntlet_ints)
}

extension PairSummingKernel {
  package static var rowsAtOnce: Int { Bytes.scalarCount }

  /// Half a level.
  @inline(__always)
  private static var half: Sums { Sums(repeating: 1 << (precisionBits - 1)) }

  // MARK: - Rows, as many as a register has bytes

  package static func resampleColumns(
    _ source: UnsafePointer<UInt8>, stride: Int, taps: ResamplingTaps, into target: UnsafeMutablePointer<UInt8>,
    stride targetStride: Int
  ) {
    let firsts = UnsafeBufferPointer(start: taps.first, count: taps.count)
    guard let least = firsts.min(), let most = firsts.max() else { return }
    // A line holds a byte of each row.
    let size = Bytes.scalarCount
    let (lines, results) = (3 * (Int(most - least) + 2 * taps.pairs), 3 * taps.count)
    let room = (lines + 15) / 16 * 16
    withUnsafeTemporaryAllocation(byteCount: (room + (results + 15) / 16 * 16) * size, alignment: 64) { memory in
      guard let turned = memory.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      let resampled = turned + room * size
      for line in Swift.stride(from: 0, to: lines, by: 16) {
        let start = source + 3 * Int(least) + line
        Square { load(start + $0 * stride, 16 * stride) }.turned.forEach { put($1, turned + (line + $0) * size) }
      }
      for column in 0..<taps.count {
        for channel in 0..<3 {
          let start = turned + (3 * Int(firsts[column] - least) + channel) * size
          put(
            levels(start, 3 * size, taps.weights + column * taps.pairs, taps.pairs),
            resampled + (3 * column + channel) * size)
        }
      }
      for line in Swift.stride(from: 0, to: results, by: 16) {
        Square { get(resampled + (line + $0) * size) }.turned.forEach {
          store($1, target + $0 * targetStride + line, 16 * targetStride)
        }
      }
    }
  }

  @inline(__always)
  private static func get(_ place: UnsafePointer<UInt8>) -> Bytes {
    UnsafeRawPointer(place).loadUnaligned(as: Bytes.self)
  }

  @inline(__always)
  private static func put(_ bytes: Bytes, _ place: UnsafeMutablePointer<UInt8>) {
    UnsafeMutableRawPointer(place).storeBytes(of: bytes, as: Bytes.self)
  }

  @inline(__always)
  private static func add(
    _ values: Bytes, _ weights: UnsafePointer<ResamplingTaps.Pair>, _ high: inout Sums, _ low: inout Sums
  ) {
    let numbers = unsafeBitCast(values, to: gauntlet_shorts.self)
    let parts = UnsafeRawPointer(weights)
    addPairs(numbers, everywhere(parts.load(as: Int32.self)), to: &high)
    addPairs(numbers, everywhere(parts.load(fromByteOffset: 4, as: Int32.self)), to: &low)
  }

  /// Two 16-bit numbers in turn.
  @inline(__always)
  private static func everywhere(_ weights: Int32) -> gauntlet_shorts {
    unsafeBitCast(Sums(repeating: weights), to: gauntlet_shorts.self)
  }

  @inline(__always)
  private static func levels(_ high: Sums, _ low: Sums) -> Sums {
    ((high &<< Sums(repeating: lowBits)) &+ low) &>> Sums(repeating: precisionBits)
  }

  // MARK: - Columns

  package static func resampleRows(
    _ source: UnsafePointer<UInt8>, stride: Int, weights: UnsafePointer<ResamplingTaps.Pair>, pairs: Int, count: Int,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    let size = Bytes.scalarCount
    let into = UnsafeMutableRawPointer(target)
    var column = 0
    while column + size <= count {
      into.storeBytes(of: levels(source + column, stride, weights, pairs), toByteOffset: column, as: Bytes.self)
      column += size
    }
    guard column < count else { return }
    withUnsafeBytes(of: levels(source + column, stride, weights, pairs)) {
      if let bytes = $0.baseAddress { (into + column).copyMemory(from: bytes, byteCount: count - column) }
    }
  }

  @inline(__always)
  private static func levels(
    _ source: UnsafePointer<UInt8>, _ stride: Int, _ weights: UnsafePointer<ResamplingTaps.Pair>, _ pairs: Int
  ) -> Bytes {
    var (high0, high1, high2, high3) = (Sums(), Sums(), Sums(), Sums())
    var (low0, low1, low2, low3) = (half, half, half, half)
    for pair in 0..<pairs {
      let place = UnsafeRawPointer(source + 2 * pair * stride)
      let above = place.loadUnaligned(as: Bytes.self)
      let below = place.loadUnaligned(fromByteOffset: stride, as: Bytes.self)
      let (low, high) = (gauntlet_in_turn_low(above, below), gauntlet_in_turn_high(above, below))
      add(gauntlet_in_turn_low(low, Bytes()), weights + pair, &high0, &low0)
      add(gauntlet_in_turn_high(low, Bytes()), weights + pair, &high1, &low1)
      add(gauntlet_in_turn_low(high, Bytes()), weights + pair, &high2, &low2)
      add(gauntlet_in_turn_high(high, Bytes()), weights + pair, &high3, &low3)
    }
    return gauntlet_saturate4(levels(high0, low0), levels(high1, low1), levels(high2, low2), levels(high3, low3))
  }

  // MARK: - Numbers

  package static func normalise(
    _ bytes: UnsafePointer<UInt8>, pixels: Int, mean: SIMD3<Float>, std: SIMD3<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    typealias Numbers = SIMD16<Float>
    // Sixteen pixels are three registers, whose lanes take the channels in turn.
    func inTurn(_ values: SIMD3<Float>, from channel: Int) -> Numbers {
      var numbers = Numbers()
      for lane in 0..<16 { numbers[lane] = values[(lane + channel) % 3] }
      return numbers
    }
    let reciprocals = 1 / std
    let whole = pixels / 16 * 16
    let (from, into) = (UnsafeRawPointer(bytes), UnsafeMutableRawPointer(target))
    let (level, share) = (Numbers(repeating: 255), Numbers(repeating: 1 / 255))
    @inline(__always) func quotient(_ x: Numbers, _ divisor: Numbers, _ reciprocal: Numbers) -> Numbers {
      let near = x * reciprocal
      let rest = x.addingProduct(-near, divisor)
      return near.addingProduct(rest, reciprocal)
    }
    @inline(__always) func pass(_ start: Int, _ mean: Numbers, _ std: Numbers, _ reciprocal: Numbers) {
      let word = gauntlet_widen(from.loadUnaligned(fromByteOffset: start, as: SIMD16<UInt8>.self))
      let x = unsafeBitCast(word | 0x4B00_0000, to: Numbers.self) - 0x1p23
      let value = quotient(quotient(x, level, share) - mean, std, reciprocal)
      into.storeBytes(of: value, toByteOffset: 4 * start, as: Numbers.self)
    }
    let means = (inTurn(mean, from: 0), inTurn(mean, from: 1), inTurn(mean, from: 2))
    let stds = (inTurn(std, from: 0), inTurn(std, from: 1), inTurn(std, from: 2))
    let shares = (inTurn(reciprocals, from: 0), inTurn(reciprocals, from: 1), inTurn(reciprocals, from: 2))
    for pixel in stride(from: 0, to: whole, by: 16) {
      pass(3 * pixel, means.0, stds.0, shares.0)
      pass(3 * pixel + 16, means.1, stds.1, shares.1)
      pass(3 * pixel + 32, means.2, stds.2, shares.2)
    }
    for index in 3 * whole..<3 * pixels {
      target[index] = (Float(bytes[index]) / 255 - mean[index % 3]) / std[index % 3]
    }
  }
}

/// Squares of 16 x 16 bytes, a row in 16 bytes of each register.
private struct Square {
  var r0: Bytes
  var r1: Bytes
  var r2: Bytes
  var r3: Bytes
  var r4: Bytes
  var r5: Bytes
  var r6: Bytes
  var r7: Bytes
  var r8: Bytes
  var r9: Bytes
  var r10: Bytes
  var r11: Bytes
  var r12: Bytes
  var r13: Bytes
  var r14: Bytes
  var r15: Bytes

  @inline(__always)
  init(_ row: (Int) -> Bytes) {
    r0 = row(0)
    r1 = row(1)
    r2 = row(2)
    r3 = row(3)
    r4 = row(4)
    r5 = row(5)
    r6 = row(6)
    r7 = row(7)
    r8 = row(8)
    r9 = row(9)
    r10 = row(10)
    r11 = row(11)
    r12 = row(12)
    r13 = row(13)
    r14 = row(14)
    r15 = row(15)
  }

  /// Columns as rows: four times, each of the first eight rows and the one eight below it are put together byte by byte.
  @inline(__always)
  var turned: Square { inTurn.inTurn.inTurn.inTurn }

  @inline(__always)
  private var inTurn: Square {
    var next = self
    next.r0 = gauntlet_in_turn_low(r0, r8)
    next.r1 = gauntlet_in_turn_high(r0, r8)
    next.r2 = gauntlet_in_turn_low(r1, r9)
    next.r3 = gauntlet_in_turn_high(r1, r9)
    next.r4 = gauntlet_in_turn_low(r2, r10)
    next.r5 = gauntlet_in_turn_high(r2, r10)
    next.r6 = gauntlet_in_turn_low(r3, r11)
    next.r7 = gauntlet_in_turn_high(r3, r11)
    next.r8 = gauntlet_in_turn_low(r4, r12)
    next.r9 = gauntlet_in_turn_high(r4, r12)
    next.r10 = gauntlet_in_turn_low(r5, r13)
    next.r11 = gauntlet_in_turn_high(r5, r13)
    next.r12 = gauntlet_in_turn_low(r6, r14)
    next.r13 = gauntlet_in_turn_high(r6, r14)
    next.r14 = gauntlet_in_turn_low(r7, r15)
    next.r15 = gauntlet_in_turn_high(r7, r15)
    return next
  }

  @inline(__always)
  func forEach(_ body: (Int, Bytes) -> Void) {
    body(0, r0)
    body(1, r1)
    body(2, r2)
    body(3, r3)
    body(4, r4)
    body(5, r5)
    body(6, r6)
    body(7, r7)
    body(8, r8)
    body(9, r9)
    body(10, r10)
    body(11, r11)
    body(12, r12)
    body(13, r13)
    body(14, r14)
    body(15, r15)
  }
}
