import Kernels
import Tensors
import Testing

/// Each pass against its definition, number by number, on every instruction set, at lengths that leave every rest.
@Suite struct PixelPassesTests {
  private static let source = CounterRandom(key: 7, stream: 11)

  private static func bytes(_ count: Int, _ stream: UInt32 = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: source.branch(stream).word(at: UInt64($0))) }
  }

  private static func numbers(_ count: Int, _ stream: UInt32 = 0) -> [Float] {
    (0..<count).map { Float(source.branch(stream).uniform(at: UInt64($0)) * 3 - 1) }
  }

  /// What a pass writes to `count` numbers.
  private static func made<T>(_ count: Int, _ blank: T, _ pass: (UnsafeMutablePointer<T>) -> Void) -> [T] {
    var target = [T](repeating: blank, count: count)
    target.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { pass(start) } }
    return target
  }

  private static let lengths = [1, 2, 15, 16, 31, 32, 33, 63, 64, 97, 200]

  @Test(arguments: InstructionSet.available, lengths)
  func bytesBecomeNumbersAndBack(set: InstructionSet, count: Int) {
    let bytes = Self.bytes(count)
    #expect(
      Self.made(count, Float.nan) { set.pixelKernel.shares(bytes, count: count, into: $0) }
        == bytes.map { Float($0) / 255 })
    var numbers = Self.numbers(count)
    numbers[0] = .nan
    let expected = numbers.map { number -> UInt8 in
      let value = number * 255 + 1e-4
      return value > 0 ? UInt8(min(value, 255)) : 0
    }
    #expect(Self.made(count, UInt8(7)) { set.pixelKernel.levels(numbers, count: count, into: $0) } == expected)
    let drops = numbers.map { $0 >= 0.25 ? UInt8(min($0 * 255, 255)) : 0 }
    let finite = numbers.map { $0.isNaN ? 0 : $0 }
    #expect(
      Self.made(count, UInt8(7)) { set.pixelKernel.drops(finite, threshold: 0.25, count: count, into: $0) } == drops)
    let others = Self.bytes(count, 1)
    #expect(
      Self.made(count, Float.nan) { set.pixelKernel.products(bytes, others, count: count, into: $0) }
        == zip(bytes, others).map { Float(Int($0) * Int($1)) })
    let range = set.pixelKernel.range(finite, count: count)
    #expect(range.smallest == finite.min() && range.largest == finite.max())
    let words = (0..<count).map { Self.source.word(at: UInt64($0)) }
    #expect(
      Self.made(count, Float.nan) { set.pixelKernel.uniforms(words, count: count, into: $0) }
        == words.map { Float($0 >> 8) / 0x1p24 })
  }

  @Test("A number just below a whole level is that level", arguments: InstructionSet.available)
  func levelsAreForgiven(set: InstructionSet) {
    let numbers = (0...255).map { (Float($0) / 255).nextDown }
    #expect(Self.made(256, UInt8(7)) { set.pixelKernel.levels(numbers, count: 256, into: $0) } == Array(0...255))
  }

  @Test(arguments: InstructionSet.available, [(0, 5), (1, 64), (3, 97), (12, 200)])
  func symmetricWeights(set: InstructionSet, shape: (radius: Int, count: Int)) {
    let (radius, count) = shape
    let numbers = Self.numbers(count + 2 * radius)
    let weights = Self.numbers(radius + 1, 1)
    let made = Self.made(count, Float.nan) { target in
      numbers.withUnsafeBufferPointer { numbers in
        guard let start = numbers.baseAddress else { return }
        let lines = (0...2 * radius).map { start + $0 }
        set.pixelKernel.correlateSymmetric(lines, weights: weights, radius: radius, count: count, into: target)
      }
    }
    for index in 0..<count {
      var sum = numbers[index + radius] * weights[0]
      for tap in 0..<radius {
        sum += (numbers[index + radius - 1 - tap] + numbers[index + radius + 1 + tap]) * weights[tap + 1]
      }
      #expect(made[index] == sum, "\(index)")
    }
  }

  @Test(arguments: InstructionSet.available, [1, 9, 40])
  func sumsOverRuns(set: InstructionSet, pixels: Int) {
    let rows = [Self.bytes(3 * pixels), Self.bytes(3 * pixels, 1)]
    let prefixes = rows.map { row in
      Self.made(3 * pixels + 3, Int32(-1)) { set.pixelKernel.prefixSums(row, pixels: pixels, into: $0) }
    }
    for (row, prefix) in zip(rows, prefixes) {
      for index in prefix.indices {
        let before = stride(from: index % 3, to: index, by: 3).reduce(Int32(0)) { $0 + Int32(row[$1]) }
        #expect(prefix[index] == before)
      }
    }
    let count = 3 * pixels
    let sums = Self.made(count, Float.nan) { target in
      prefixes[0].withUnsafeBufferPointer { first in
        prefixes[1].withUnsafeBufferPointer { second in
          guard let first = first.baseAddress, let second = second.baseAddress else { return }
          set.pixelKernel.addDifferences(
            [first + 3, second + 3], [first, second], rows: 2, count: count, scale: 0.1, into: target)
        }
      }
    }
    #expect(sums == (0..<count).map { Float(Int(rows[0][$0]) + Int(rows[1][$0])) * 0.1 })
  }

  @Test(arguments: InstructionSet.available, [1, 2, 4, 32])
  func diamondsAndSquares(set: InstructionSet, side: Int) {
    let (lattice, uniforms) = (Self.numbers(side * side), Self.numbers(3 * side * side, 1))
    var centres = [Float](repeating: .nan, count: side * side)
    let finer = Self.made(4 * side * side, Float.nan) { target in
      centres.withUnsafeMutableBufferPointer { centres in
        guard let centres = centres.baseAddress else { return }
        set.pixelKernel.grow(lattice, side: side, uniforms: uniforms, swing: 0.7, centres: centres, into: target)
      }
    }
    // As the public code does it: on the fine torus, whose even places are known.
    let double = 2 * side
    var map = [Float](repeating: .nan, count: double * double)
    func at(_ row: Int, _ column: Int) -> Int { (row + double) % double * double + (column + double) % double }
    for row in 0..<side { for column in 0..<side { map[at(2 * row, 2 * column)] = lattice[row * side + column] } }
    var next = 0
    func noise() -> Float {
      next += 1
      return 0.7 * (2 * uniforms[next - 1] - 1)
    }
    for row in stride(from: 1, to: double, by: 2) {
      for column in stride(from: 1, to: double, by: 2) {
        map[at(row, column)] =
          (map[at(row - 1, column - 1)] + map[at(row + 1, column - 1)] + map[at(row - 1, column + 1)]
            + map[at(row + 1, column + 1)]) / 4 + noise()
      }
    }
    for row in stride(from: 0, to: double, by: 2) {
      for column in stride(from: 0, to: double, by: 2) {
        map[at(row, column + 1)] =
          (map[at(row + 1, column + 1)] + map[at(row - 1, column + 1)] + map[at(row, column)]
            + map[at(row, column + 2)]) / 4 + noise()
        map[at(row + 1, column)] =
          (map[at(row + 1, column + 1)] + map[at(row + 1, column - 1)] + map[at(row, column)]
            + map[at(row + 2, column)]) / 4 + noise()
      }
    }
    #expect(finer == map)
  }

  @Test(arguments: InstructionSet.available, lengths)
  func veils(set: InstructionSet, pixels: Int) {
    let (bytes, layer) = (Self.bytes(3 * pixels), Self.numbers(pixels))
    let made = Self.made(3 * pixels, UInt8(7)) {
      set.pixelKernel.veil(bytes, layer, pixels: pixels, share: 0.6, tint: (0.8, 0.9, 1), into: $0)
    }
    let tints: [Float] = [0.8, 0.9, 1]
    let mixed = bytes.indices.map { 0.6 * (Float(bytes[$0]) / 255) + layer[$0 / 3] * tints[$0 % 3] }
    let expected = Self.made(3 * pixels, UInt8(8)) {
      InstructionSet.scalar.pixelKernel.levels(mixed, count: 3 * pixels, into: $0)
    }
    #expect(made == expected)
  }

  // MARK: - Three lines at a time

  /// Sums of nine pixels' products with weights.
  private static func correlated(_ lines: [[UInt8]], _ weights: [Int]) -> [Int] {
    (0..<lines[0].count - 2).map { column in
      (0..<9).reduce(0) { $0 + weights[$1] * Int(lines[$1 / 3][column + $1 % 3]) }
    }
  }

  @Test(arguments: InstructionSet.available, lengths)
  func neighbourhoods(set: InstructionSet, count: Int) {
    let lines = (0..<3).map { Self.bytes(count + 2, UInt32($0)) }
    let across = Self.correlated(lines, [-1, 0, 1, -2, 0, 2, -1, 0, 1])
    let down = Self.correlated(lines, [-1, -2, -1, 0, 0, 0, 1, 2, 1])
    var (x, y) = ([Int16](repeating: 9, count: count), [Int16](repeating: 9, count: count))
    let norm = Self.made(count, Int16(9)) { norm in
      x.withUnsafeMutableBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          guard let x = x.baseAddress, let y = y.baseAddress else { return }
          set.pixelKernel.sobel(lines[0], lines[1], lines[2], count: count, across: x, down: y, norm: norm)
        }
      }
    }
    #expect(x.map(Int.init) == across && y.map(Int.init) == down)
    #expect(norm.map(Int.init) == zip(across, down).map { abs($0) + abs($1) })
    let relief = Self.correlated(lines, [-2, -1, 0, -1, 1, 1, 0, 1, 2]).map { UInt8(clamping: $0) }
    #expect(
      Self.made(count, UInt8(7)) { set.pixelKernel.emboss(lines[0], lines[1], lines[2], count: count, into: $0) }
        == relief)
    let means = Self.correlated(lines, [Int](repeating: 1, count: 9)).map { UInt8((Double($0) / 9).rounded()) }
    #expect(
      Self.made(count, UInt8(7)) { set.pixelKernel.boxOfBytes(lines[0], lines[1], lines[2], count: count, into: $0) }
        == means)
    let far = lines.map { $0.map { Int32($0) << 13 + 77 } }
    let nearMeans = (0..<count).map { column in
      let sum = (0..<9).reduce(0) { $0 + min(Int(far[$1 / 3][column + $1 % 3]), 20 << 16) }
      return UInt8((sum / 9) >> 16)
    }
    #expect(
      Self.made(count, UInt8(7)) {
        set.pixelKernel.boxOfDistances(far[0], far[1], far[2], count: count, largest: 20 << 16, into: $0)
      } == nearMeans)
  }

  /// Thinning, written as one would say it.
  @Test(arguments: InstructionSet.available, [1, 16, 33, 200])
  func thinning(set: InstructionSet, count: Int) {
    let stride = count + 2
    func derivatives(_ stream: UInt32) -> [Int16] {
      // Few different numbers, so that norms are often equal and gradients lie on the borders between directions.
      (0..<3 * stride).map { Int16(truncatingIfNeeded: Self.source.branch(stream).word(at: UInt64($0)) % 7) * 40 - 120 }
    }
    let (across, down) = (derivatives(0), derivatives(1))
    let norm = zip(across, down).map { abs($0) + abs($1) }
    let made = Self.made(count, UInt8(9)) { target in
      norm.withUnsafeBufferPointer { norm in
        across.withUnsafeBufferPointer { across in
          down.withUnsafeBufferPointer { down in
            guard let norm = norm.baseAddress, let across = across.baseAddress, let down = down.baseAddress else {
              return
            }
            let start = stride + 1
            set.pixelKernel.thin(
              norm + start, stride: stride, across: across + start, down: down + start, count: count, low: 80,
              high: 160, into: target)
          }
        }
      }
    }
    for index in 0..<count {
      let here = stride + 1 + index
      let (x, y) = (abs(Int(across[here])), abs(Int(down[here])))
      let isMaximum: Bool
      if y * 32768 < x * 13573 {
        isMaximum = norm[here] > norm[here - 1] && norm[here] >= norm[here + 1]
      } else if y * 32768 > x * 13573 + x * 65536 {
        isMaximum = norm[here] > norm[here - stride] && norm[here] >= norm[here + stride]
      } else {
        let slant = (across[here] ^ down[here]) < 0 ? -1 : 1
        isMaximum = norm[here] > norm[here - stride - slant] && norm[here] > norm[here + stride + slant]
      }
      #expect(made[index] == (isMaximum && norm[here] > 80 ? norm[here] > 160 ? 2 : 1 : 0), "\(index)")
    }
  }

  /// The distance by paths of the three steps, each as long as OpenCV has it: Bellman and Ford's algorithm on a grid.
  @Test(arguments: InstructionSet.available)
  func distances(set: InstructionSet) {
    let (width, height, far) = (37, 19, Int32(1 << 29))
    let wide = width + 4
    var field = [Int32](repeating: far, count: wide * (height + 4))
    for index in 0..<6 {
      let word = Int(Self.source.word(at: UInt64(index)))
      field[(word % height + 2) * wide + word / height % width + 2] = 0
    }
    let start = field
    field.withUnsafeMutableBufferPointer { field in
      guard let base = field.baseAddress else { return }
      for row in 2..<height + 2 {
        let line = base + row * wide + 2
        set.pixelKernel.chamfer(line, next: line - wide, beyond: line - 2 * wide, count: width, backwards: false)
      }
      for row in (2..<height + 2).reversed() {
        let line = base + row * wide + 2
        set.pixelKernel.chamfer(line, next: line + wide, beyond: line + 2 * wide, count: width, backwards: true)
      }
    }
    var steps: [(Int, Int32)] = []
    for row in -2...2 {
      for column in -2...2 {
        switch row * row + column * column {
        case 1: steps.append((row * wide + column, 65536))
        case 2: steps.append((row * wide + column, 91750))
        case 5: steps.append((row * wide + column, 143_976))
        default: break
        }
      }
    }
    var expected = start
    var hasChanged = true
    while hasChanged {
      hasChanged = false
      for row in 2..<height + 2 {
        for index in row * wide + 2..<row * wide + 2 + width {
          let nearest = steps.reduce(expected[index]) { min($0, expected[index + $1.0] + $1.1) }
          if nearest < expected[index] { (expected[index], hasChanged) = (nearest, true) }
        }
      }
    }
    #expect(field == expected)
  }
}
