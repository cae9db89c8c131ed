import Kernels

/// One 8-bit channel with the OpenCV operations that spatter's water is made of, as OpenCV computes them.
///
/// It has a border of one pixel on every side, which each operation fills as it needs it.
struct LiquidMap {
  let width: Int
  let height: Int
  /// `[height + 2][width + 2]`.
  private var bytes: [UInt8]

  private var stride: Int { width + 2 }

  private init(width: Int, height: Int) {
    (self.width, self.height) = (width, height)
    bytes = [UInt8](repeating: 0, count: (width + 2) * (height + 2))
  }

  /// The drops of a liquid: nothing where it is below a threshold, which is positive.
  init(_ liquid: Raster, threshold: Float) {
    self.init(width: liquid.width, height: liquid.height)
    liquid.values.withUnsafeBufferPointer { values in
      bytes.withUnsafeMutableBufferPointer { bytes in
        guard let values = values.baseAddress, let bytes = bytes.baseAddress else { return }
        for row in 0..<height {
          InstructionSet.chosen.pixelKernel.drops(
            values + row * width, threshold: threshold, count: width, into: bytes + (row + 1) * (width + 2) + 1)
        }
      }
    }
  }

  /// The products with another map of the same size, `[height][width]`.
  func times(_ other: LiquidMap) -> [Float] {
    precondition(other.width == width && other.height == height, "a map of another size")
    return [Float](unsafeUninitializedCapacity: width * height) { target, initialized in
      bytes.withUnsafeBufferPointer { first in
        other.bytes.withUnsafeBufferPointer { second in
          guard let first = first.baseAddress, let second = second.baseAddress, let target = target.baseAddress else {
            return
          }
          for row in 0..<height {
            let start = (row + 1) * stride + 1
            InstructionSet.chosen.pixelKernel.products(
              first + start, second + start, count: width, into: target + row * width)
          }
        }
      }
      initialized = width * height
    }
  }

  private mutating func extend(_ border: Border) {
    let (left, right) = (border.inside(-1, width), border.inside(width, width))
    for row in 1...height {
      bytes[row * stride] = bytes[row * stride + 1 + left]
      bytes[row * stride + width + 1] = bytes[row * stride + 1 + right]
    }
    for (row, source) in [(0, border.inside(-1, height)), (height + 1, border.inside(height, height))] {
      for column in 0..<stride { bytes[row * stride + column] = bytes[(source + 1) * stride + column] }
    }
  }

  /// A pass over three lines at a time, each from its border's first pixel.
  private func passed(
    _ border: Border,
    _ pass: (
      UnsafePointer<UInt8>, UnsafePointer<UInt8>, UnsafePointer<UInt8>, Int, UnsafeMutablePointer<UInt8>
    ) -> Void
  ) -> LiquidMap {
    var source = self
    source.extend(border)
    var result = LiquidMap(width: width, height: height)
    source.bytes.withUnsafeBufferPointer { source in
      result.bytes.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for row in 0..<height {
          let above = source + row * stride
          pass(above, above + stride, above + 2 * stride, width, target + (row + 1) * stride + 1)
        }
      }
    }
    return result
  }

  /// What is made of distances: equalised, lit from the lower right, smoothed.
  func light() -> LiquidMap {
    let kernel = InstructionSet.chosen.pixelKernel
    return equalized()
      .passed(.reflect101) { kernel.emboss($0, $1, $2, count: $3, into: $4) }
      .passed(.reflect101) { kernel.boxOfBytes($0, $1, $2, count: $3, into: $4) }
  }

  /// OpenCV's `equalizeHist`: the darkest level becomes 0, the rest share 1...255 by their cumulative count.
  private func equalized() -> LiquidMap {
    let counts = histogram()
    let total = width * height
    guard let darkest = counts.firstIndex(where: { $0 > 0 }), counts[darkest] < total else { return self }
    let scale = 255 / Float(total - counts[darkest])
    var table = [UInt8](repeating: 0, count: 256)
    var sum = 0
    for level in darkest + 1..<256 {
      sum += counts[level]
      table[level] = UInt8(min((Float(sum) * scale).rounded(.toNearestOrEven), 255))
    }
    var result = self
    result.bytes.withUnsafeMutableBufferPointer { bytes in
      table.withUnsafeBufferPointer { table in
        for index in bytes.indices { bytes[index] = table[Int(bytes[index])] }
      }
    }
    return result
  }

  /// How many pixels have each level.
  private func histogram() -> [Int] {
    var counts = [Int](repeating: 0, count: 256)
    counts.withUnsafeMutableBufferPointer { counts in
      bytes.withUnsafeBufferPointer { bytes in
        for row in 1...height {
          for index in row * stride + 1..<row * stride + 1 + width { counts[Int(bytes[index])] &+= 1 }
        }
      }
    }
    return counts
  }
}

// MARK: - Edges

extension LiquidMap {
  /// Canny's edges as OpenCV finds them: Sobel 3x3 (border replicate), L1 norm, non-maxima thinned, then every pixel
  /// above `low` that hangs together with one above `high`.
  ///
  /// - Returns: `[height + 2][width + 2]`: 2 for an edge, else 0 or 1; the border is 0.
  func cannyEdges(low: Int16, high: Int16) -> [UInt8] {
    let gradient = Gradient(of: self)
    let stride = stride
    var edges = [UInt8](repeating: 0, count: bytes.count)
    var open: [Int] = []
    edges.withUnsafeMutableBufferPointer { states in
      gradient.withLines { norm, across, down in
        guard let first = states.baseAddress else { return }
        for row in 0..<height {
          let start = (row + 1) * stride + 1
          InstructionSet.chosen.pixelKernel.thin(
            norm + start, stride: stride, across: across + start, down: down + start, count: width, low: low,
            high: high, into: first + start)
          for index in start..<start + width where states[index] == 2 { open.append(index) }
        }
      }
      while let index = open.popLast() {
        for start in [index - stride - 1, index - 1, index + stride - 1] {
          for neighbour in start..<start + 3 where states[neighbour] == 1 {
            states[neighbour] = 2
            open.append(neighbour)
          }
        }
      }
    }
    return edges
  }

  /// Sobel's derivatives and the sum of their sizes, `[height + 2][width + 2]` each, with a border of zeros.
  private struct Gradient {
    private let count: Int
    /// The norm, then the derivatives across and down.
    private var numbers: [Int16]

    init(of map: LiquidMap) {
      var map = map
      map.extend(.replicate)
      let (count, stride) = (map.bytes.count, map.stride)
      self.count = count
      numbers = [Int16](repeating: 0, count: 3 * count)
      map.bytes.withUnsafeBufferPointer { bytes in
        numbers.withUnsafeMutableBufferPointer { numbers in
          guard let bytes = bytes.baseAddress, let norm = numbers.baseAddress else { return }
          for row in 0..<map.height {
            let (above, start) = (bytes + row * stride, (row + 1) * stride + 1)
            InstructionSet.chosen.pixelKernel.sobel(
              above, above + stride, above + 2 * stride, count: map.width, across: norm + count + start,
              down: norm + 2 * count + start, norm: norm + start)
          }
        }
      }
    }

    /// Norm, and derivatives across and down.
    func withLines(_ body: (UnsafePointer<Int16>, UnsafePointer<Int16>, UnsafePointer<Int16>) -> Void) {
      numbers.withUnsafeBufferPointer { numbers in
        if let norm = numbers.baseAddress { body(norm, norm + count, norm + 2 * count) }
      }
    }
  }
}

// MARK: - Distances

extension LiquidMap {
  /// Borgefors' 5x5 chamfer distance to the nearest edge with OpenCV's weights 1, 1.4 and 2.1969 in 16 fractional bits,
  /// at most 20; the mean of 3x3 pixels (border reflect-101), cut off.
  ///
  /// - Parameter edges: what ``cannyEdges(low:high:)`` gives.
  func distances(to edges: [UInt8]) -> LiquidMap {
    precondition(edges.count == bytes.count, "edges of another size")
    let kernel = InstructionSet.chosen.pixelKernel
    // Two pixels of border on each side, from which nothing is near.
    let wide = width + 4
    let far: Int32 = 1 << 29
    var field = [Int32](repeating: far, count: wide * (height + 4))
    var result = LiquidMap(width: width, height: height)
    field.withUnsafeMutableBufferPointer { field in
      guard let start = field.baseAddress else { return }
      edges.withUnsafeBufferPointer { states in
        for row in 0..<height {
          for column in 0..<width {
            start[(row &+ 2) &* wide &+ column &+ 2] = states[(row &+ 1) &* stride &+ column &+ 1] == 2 ? 0 : far
          }
        }
      }
      for row in 0..<height {
        let line = start + (row + 2) * wide + 2
        kernel.chamfer(line, next: line - wide, beyond: line - 2 * wide, count: width, backwards: false)
      }
      for row in (0..<height).reversed() {
        let line = start + (row + 2) * wide + 2
        kernel.chamfer(line, next: line + wide, beyond: line + 2 * wide, count: width, backwards: true)
      }
      for row in 0..<height {
        let line = start + (row + 2) * wide + 2
        line[-1] = line[Border.reflect101.inside(-1, width)]
        line[width] = line[Border.reflect101.inside(width, width)]
      }
      result.bytes.withUnsafeMutableBufferPointer { target in
        guard let target = target.baseAddress else { return }
        for row in 0..<height {
          func line(_ row: Int) -> UnsafePointer<Int32> {
            UnsafePointer(start + (Border.reflect101.inside(row, height) + 2) * wide + 1)
          }
          kernel.boxOfDistances(
            line(row - 1), line(row), line(row + 1), count: width, largest: 20 << 16,
            into: target + (row + 1) * (width + 2) + 1)
        }
      }
    }
    return result
  }
}
