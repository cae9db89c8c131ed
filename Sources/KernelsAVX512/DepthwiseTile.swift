/// Depthwise convolution of one plane whose pixels are one register of channels wide; one source for each instruction
/// set, since `Lanes` is each module's own.
///
/// Gives the bits of `ScalarKernels.depthwise`: a lane holds one output, and its chain runs over the taps inside the
/// image, row by row.
package enum DepthwiseTile {
  /// Channels of a plane.
  package static let lanes = Lanes.scalarCount

  /// What is convolved: a plane [height, width, lanes] by [kernel, kernel, lanes], padding `kernel / 2`.
  package struct Geometry {
    package let height, width, kernel, stride: Int

    package init(height: Int, width: Int, kernel: Int, stride: Int) {
      (self.height, self.width, self.kernel, self.stride) = (height, width, kernel, stride)
    }
  }

  /// Writes `activation(convolution + bias)`, `channels` of each pixel's lanes.
  ///
  /// - Parameters:
  ///   - input: [height, width, lanes].
  ///   - weights: [kernel, kernel, lanes].
  ///   - bias: [lanes].
  ///   - relu: whether max(x, 0) follows.
  ///   - output: the first pixel; the next one in a row is `step` elements on, rows follow each other.
  ///   - channels: how many of the lanes are stored, 1 to `lanes`.
  package static func convolve(
    input: UnsafePointer<Float>, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>, relu: Bool,
    output: UnsafeMutablePointer<Float>, step: Int, channels: Int, geometry: Geometry
  ) {
    let rows = (geometry.height - 1) / geometry.stride + 1
    let columns = (geometry.width - 1) / geometry.stride + 1
    let addition = load(bias)
    for y in 0..<rows {
      let row = output + y * columns * step
      let store: (Int, Lanes) -> Void = { x, sum in
        var value = sum + addition
        if relu { value = Lanes(repeating: 0).replacing(with: value, where: value .> 0) }
        let target = row + x * step
        if channels == lanes {
          UnsafeMutableRawPointer(target).storeBytes(of: value, as: Lanes.self)
        } else {
          for lane in 0..<channels { target[lane] = value[lane] }
        }
      }
      if geometry.stride == 1, columns >= 14 {
        for x in tileStarts(columns, 14) { tile14(input, weights, geometry, y: y, x: x, store) }
      } else if geometry.stride == 1, columns >= 4 {
        for x in tileStarts(columns, 4) { tile4(input, weights, geometry, y: y, x: x, store) }
      } else {
        for x in 0..<columns {
          store(x, single(input, weights, geometry, y: y * geometry.stride, x: x * geometry.stride))
        }
      }
    }
  }

  /// Starts of tiles that cover a row; the last one overlaps its neighbour where the row is no multiple.
  private static func tileStarts(_ columns: Int, _ tile: Int) -> [Int] {
    (0..<(columns + tile - 1) / tile).map { min($0 * tile, columns - tile) }
  }

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  /// The sum around one place of the input.
  private static func single(
    _ input: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ geometry: Geometry, y: Int, x: Int
  ) -> Lanes {
    let (width, kernel) = (geometry.width, geometry.kernel)
    let pad = kernel / 2
    var sum = Lanes(repeating: 0)
    for v in max(0, pad - y)..<min(kernel, geometry.height + pad - y) {
      for u in max(0, pad - x)..<min(kernel, width + pad - x) {
        sum.addProduct(
          load(input + ((y + v - pad) * width + x + u - pad) * lanes), load(weights + (v * kernel + u) * lanes))
      }
    }
    return sum
  }

  /// 4 outputs of one row, from column `x` on; `geometry.width` is at least 4.
  private static func tile4(
    _ input: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ geometry: Geometry, y: Int, x: Int,
    _ store: (Int, Lanes) -> Void
  ) {
    let (width, kernel) = (geometry.width, geometry.kernel)
    let pad = kernel / 2
    // Taps that all 4 outputs have; before them the left ones lack theirs, after them the right ones.
    let firstFull = max(0, pad - x)
    let endFull = min(kernel, width + pad - x - 3)
    var c0 = Lanes(repeating: 0)
    var c1 = Lanes(repeating: 0)
    var c2 = Lanes(repeating: 0)
    var c3 = Lanes(repeating: 0)
    for v in max(0, pad - y)..<min(kernel, geometry.height + pad - y) {
      let taps = weights + v * kernel * lanes
      let row = input + ((y + v - pad) * width + x - pad) * lanes
      for u in max(0, pad - x - 3)..<firstFull {
        let w = load(taps + u * lanes)
        let base = row + u * lanes
        switch pad - x - u {
        case 1:
          c1.addProduct(load(base + 1 * lanes), w)
          fallthrough
        case 2:
          c2.addProduct(load(base + 2 * lanes), w)
          fallthrough
        default:
          c3.addProduct(load(base + 3 * lanes), w)
        }
      }
      var base = row + firstFull * lanes
      var tap = taps + firstFull * lanes
      for _ in firstFull..<endFull {
        let w = load(tap)
        c0.addProduct(load(base + 0 * lanes), w)
        c1.addProduct(load(base + 1 * lanes), w)
        c2.addProduct(load(base + 2 * lanes), w)
        c3.addProduct(load(base + 3 * lanes), w)
        base += lanes
        tap += lanes
      }
      for u in endFull..<max(endFull, min(kernel, width + pad - x)) {
        let w = load(taps + u * lanes)
        let base = row + u * lanes
        switch width + pad - x - u {
        case 3:
          c2.addProduct(load(base + 2 * lanes), w)
          fallthrough
        case 2:
          c1.addProduct(load(base + 1 * lanes), w)
          fallthrough
        default:
          c0.addProduct(load(base + 0 * lanes), w)
        }
      }
    }
    store(x + 0, c0)
    store(x + 1, c1)
    store(x + 2, c2)
    store(x + 3, c3)
  }

  /// 14 outputs of one row, from column `x` on; `geometry.width` is at least 14.
  private static func tile14(
    _ input: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ geometry: Geometry, y: Int, x: Int,
    _ store: (Int, Lanes) -> Void
  ) {
    let (width, kernel) = (geometry.width, geometry.kernel)
    let pad = kernel / 2
    // Taps that all 14 outputs have; before them the left ones lack theirs, after them the right ones.
    let firstFull = max(0, pad - x)
    let endFull = min(kernel, width + pad - x - 13)
    var c0 = Lanes(repeating: 0)
    var c1 = Lanes(repeating: 0)
    var c2 = Lanes(repeating: 0)
    var c3 = Lanes(repeating: 0)
    var c4 = Lanes(repeating: 0)
    var c5 = Lanes(repeating: 0)
    var c6 = Lanes(repeating: 0)
    var c7 = Lanes(repeating: 0)
    var c8 = Lanes(repeating: 0)
    var c9 = Lanes(repeating: 0)
    var c10 = Lanes(repeating: 0)
    var c11 = Lanes(repeating: 0)
    var c12 = Lanes(repeating: 0)
    var c13 = Lanes(repeating: 0)
    for v in max(0, pad - y)..<min(kernel, geometry.height + pad - y) {
      let taps = weights + v * kernel * lanes
      let row = input + ((y + v - pad) * width + x - pad) * lanes
      for u in max(0, pad - x - 13)..<firstFull {
        let w = load(taps + u * lanes)
        let base = row + u * lanes
        switch pad - x - u {
        case 1:
          c1.addProduct(load(base + 1 * lanes), w)
          fallthrough
        case 2:
          c2.addProduct(load(base + 2 * lanes), w)
          fallthrough
        case 3:
          c3.addProduct(load(base + 3 * lanes), w)
          fallthrough
        case 4:
          c4.addProduct(load(base + 4 * lanes), w)
          fallthrough
        case 5:
          c5.addProduct(load(base + 5 * lanes), w)
          fallthrough
        case 6:
          c6.addProduct(load(base + 6 * lanes), w)
          fallthrough
        case 7:
          c7.addProduct(load(base + 7 * lanes), w)
          fallthrough
        case 8:
          c8.addProduct(load(base + 8 * lanes), w)
          fallthrough
        case 9:
          c9.addProduct(load(base + 9 * lanes), w)
          fallthrough
        case 10:
          c10.addProduct(load(base + 10 * lanes), w)
          fallthrough
        case 11:
          c11.addProduct(load(base + 11 * lanes), w)
          fallthrough
        case 12:
          c12.addProduct(load(base + 12 * lanes), w)
          fallthrough
        default:
          c13.addProduct(load(base + 13 * lanes), w)
        }
      }
      var base = row + firstFull * lanes
      var tap = taps + firstFull * lanes
      for _ in firstFull..<endFull {
        let w = load(tap)
        c0.addProduct(load(base + 0 * lanes), w)
        c1.addProduct(load(base + 1 * lanes), w)
        c2.addProduct(load(base + 2 * lanes), w)
        c3.addProduct(load(base + 3 * lanes), w)
        c4.addProduct(load(base + 4 * lanes), w)
        c5.addProduct(load(base + 5 * lanes), w)
        c6.addProduct(load(base + 6 * lanes), w)
        c7.addProduct(load(base + 7 * lanes), w)
        c8.addProduct(load(base + 8 * lanes), w)
        c9.addProduct(load(base + 9 * lanes), w)
        c10.addProduct(load(base + 10 * lanes), w)
        c11.addProduct(load(base + 11 * lanes), w)
        c12.addProduct(load(base + 12 * lanes), w)
        c13.addProduct(load(base + 13 * lanes), w)
        base += lanes
        tap += lanes
      }
      for u in endFull..<max(endFull, min(kernel, width + pad - x)) {
        let w = load(taps + u * lanes)
        let base = row + u * lanes
        switch width + pad - x - u {
        case 13:
          c12.addProduct(load(base + 12 * lanes), w)
          fallthrough
        case 12:
          c11.addProduct(load(base + 11 * lanes), w)
          fallthrough
        case 11:
          c10.addProduct(load(base + 10 * lanes), w)
          fallthrough
        case 10:
          c9.addProduct(load(base + 9 * lanes), w)
          fallthrough
        case 9:
          c8.addProduct(load(base + 8 * lanes), w)
          fallthrough
        case 8:
          c7.addProduct(load(base + 7 * lanes), w)
          fallthrough
        case 7:
          c6.addProduct(load(base + 6 * lanes), w)
          fallthrough
        case 6:
          c5.addProduct(load(base + 5 * lanes), w)
          fallthrough
        case 5:
          c4.addProduct(load(base + 4 * lanes), w)
          fallthrough
        case 4:
          c3.addProduct(load(base + 3 * lanes), w)
          fallthrough
        case 3:
          c2.addProduct(load(base + 2 * lanes), w)
          fallthrough
        case 2:
          c1.addProduct(load(base + 1 * lanes), w)
          fallthrough
        default:
          c0.addProduct(load(base + 0 * lanes), w)
        }
      }
    }
    store(x + 0, c0)
    store(x + 1, c1)
    store(x + 2, c2)
    store(x + 3, c3)
    store(x + 4, c4)
    store(x + 5, c5)
    store(x + 6, c6)
    store(x + 7, c7)
    store(x + 8, c8)
    store(x + 9, c9)
    store(x + 10, c10)
    store(x + 11, c11)
    store(x + 12, c12)
    store(x + 13, c13)
  }
}
