/// Depthwise convolution of one plane whose pixels are one register of channels wide; one source for each instruction
/// set, since `Lanes` is each module's own.
///
/// Gives the bits of `ScalarKernels.depthwise`: a lane holds one output, and its chain runs over the taps inside the
/// plane, row by row.
package enum DepthwiseTile {
  /// Channels of a plane.
  package static let lanes = Lanes.scalarCount
  /// Two rows share the loads of their input where there are registers for the sums of both.
  private static let rowsTogether = Lanes.scalarCount == 16 ? 2 : 1

  /// What is convolved: a plane [height, width, lanes] by [rowTaps, columnTaps, lanes].
  package struct Geometry {
    package let height, width, rowTaps, columnTaps, top, left, rows, columns, stride: Int

    /// - Parameters:
    ///   - top: the tap that lies on the first row of the plane for the first row of outputs.
    ///   - left: the same for columns.
    ///   - rows: of outputs.
    ///   - columns: of outputs.
    package init(
      height: Int, width: Int, rowTaps: Int, columnTaps: Int, top: Int, left: Int, rows: Int, columns: Int,
      stride: Int = 1
    ) {
      (self.height, self.width, self.rowTaps, self.columnTaps) = (height, width, rowTaps, columnTaps)
      (self.top, self.left, self.rows, self.columns, self.stride) = (top, left, rows, columns, stride)
    }

    /// The rows of the plane that an output row reads, at a stride of 1.
    @inline(__always)
    fileprivate func inputRows(_ y: Int) -> Range<Int> {
      let lower = max(0, y - top)
      return lower..<max(lower, min(height, rowTaps + y - top))
    }
  }

  /// Where outputs go.
  package struct Sink {
    private let output: UnsafeMutablePointer<Float>
    private let step, rowStep, channels: Int
    private let bias: Lanes
    private let isRaw, relu: Bool

    /// Sums as they are, [rows, columns, lanes].
    package init(sums: UnsafeMutablePointer<Float>, columns: Int) {
      (output, step, rowStep, channels) = (sums, lanes, columns * lanes, lanes)
      (bias, isRaw, relu) = (Lanes(repeating: 0), true, false)
    }

    /// `activation(sum + bias)`, `channels` of each pixel's lanes; `step` elements from a pixel to the next one.
    package init(
      output: UnsafeMutablePointer<Float>, step: Int, columns: Int, channels: Int, bias: UnsafePointer<Float>,
      relu: Bool
    ) {
      (self.output, self.step, rowStep, self.channels) = (output, step, columns * step, channels)
      (self.bias, isRaw, self.relu) = (load(bias), false, relu)
    }

    @inline(__always)
    func store(_ sum: Lanes, y: Int, x: Int) {
      let target = output + y * rowStep + x * step
      var value = sum
      if !isRaw {
        value += bias
        if relu { value = Lanes(repeating: 0).replacing(with: value, where: value .> 0) }
      }
      if channels == lanes {
        UnsafeMutableRawPointer(target).storeBytes(of: value, as: Lanes.self)
      } else {
        for lane in 0..<channels { target[lane] = value[lane] }
      }
    }
  }

  private struct Plane {
    let input, weights: UnsafePointer<Float>
    let geometry: Geometry
  }

  /// Convolves a plane.
  ///
  /// - Parameters:
  ///   - input: [height, width, lanes].
  ///   - weights: [rowTaps, columnTaps, lanes].
  package static func convolve(
    input: UnsafePointer<Float>, weights: UnsafePointer<Float>, geometry g: Geometry, into sink: Sink
  ) {
    let plane = Plane(input: input, weights: weights, geometry: g)
    // The widest tile that fits; the last one of a row overlaps its neighbour where the row is no multiple.
    let tile =
      g.stride > 1 ? 1 : g.columns >= 14 && rowsTogether == 1 ? 14 : g.columns >= 7 ? 7 : g.columns >= 4 ? 4 : 1
    let together = tile > 1 ? rowsTogether : 1
    for y in Swift.stride(from: 0, to: g.rows, by: together) {
      let rows = min(together, g.rows - y)
      if g.columns == 7, g.stride == 1, g.width == 7 || g.width == 8, g.left >= 6, g.width + g.left <= g.columnTaps {
        row7(plane, y: y, rows: rows, sink)
        continue
      }
      for start in Swift.stride(from: 0, to: g.columns, by: tile) {
        let x = min(start, g.columns - tile)
        switch tile {
        case 14: tile14(plane, y: y, x: x, rows: rows, sink)
        case 7: tile7(plane, y: y, x: x, rows: rows, sink)
        case 4: tile4(plane, y: y, x: x, rows: rows, sink)
        default: sink.store(single(plane, y: y * g.stride, x: x * g.stride), y: y, x: x)
        }
      }
    }
  }

  /// Copies `channels` of each pixel together, so that neighbouring pixels are neighbouring registers; lanes beyond
  /// them become zeros. `step` elements lie between pixels of `source`.
  package static func gather(
    _ source: UnsafePointer<Float>, pixels: Int, step: Int, channels: Int, into plane: UnsafeMutablePointer<Float>
  ) {
    for pixel in 0..<pixels {
      let (from, to) = (source + pixel * step, plane + pixel * lanes)
      if channels == lanes {
        UnsafeMutableRawPointer(to).storeBytes(of: load(from), as: Lanes.self)
      } else {
        for lane in 0..<lanes { to[lane] = lane < channels ? from[lane] : 0 }
      }
    }
  }

  @inline(__always)
  static func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  /// The sum around one place of the plane.
  private static func single(_ plane: Plane, y: Int, x: Int) -> Lanes {
    let g = plane.geometry
    var sum = Lanes(repeating: 0)
    let columns = max(0, g.left - x)..<max(0, g.left - x, min(g.columnTaps, g.width + g.left - x))
    for t in g.inputRows(y) {
      let base = plane.input + (t * g.width + x - g.left) * lanes
      let taps = plane.weights + (t - y + g.top) * g.columnTaps * lanes
      for u in columns { sum.addProduct(load(base + u * lanes), load(taps + u * lanes)) }
    }
    return sum
  }

  /// The sums of 14 outputs of one row.
  private struct Row14 {
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

    /// A tap that the first `missing` outputs lack.
    @inline(__always)
    mutating func addToRight(_ base: UnsafePointer<Float>, _ w: Lanes, missing: Int) {
      switch missing {
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

    /// A tap that only the first `present` outputs have.
    @inline(__always)
    mutating func addToLeft(_ base: UnsafePointer<Float>, _ w: Lanes, present: Int) {
      switch present {
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
        c0.addProduct(load(base), w)
      }
    }

    /// A tap that all outputs have.
    @inline(__always)
    mutating func addToAll(_ base: UnsafePointer<Float>, _ w: Lanes) {
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
    }

    /// A tap that all outputs of two rows have, each with a weight of its own.
    @inline(__always)
    static func addToBoth(
      _ top: inout Row14, _ bottom: inout Row14, _ base: UnsafePointer<Float>, _ w0: Lanes, _ w1: Lanes
    ) {
      let x0 = load(base + 0 * lanes)
      top.c0.addProduct(x0, w0)
      bottom.c0.addProduct(x0, w1)
      let x1 = load(base + 1 * lanes)
      top.c1.addProduct(x1, w0)
      bottom.c1.addProduct(x1, w1)
      let x2 = load(base + 2 * lanes)
      top.c2.addProduct(x2, w0)
      bottom.c2.addProduct(x2, w1)
      let x3 = load(base + 3 * lanes)
      top.c3.addProduct(x3, w0)
      bottom.c3.addProduct(x3, w1)
      let x4 = load(base + 4 * lanes)
      top.c4.addProduct(x4, w0)
      bottom.c4.addProduct(x4, w1)
      let x5 = load(base + 5 * lanes)
      top.c5.addProduct(x5, w0)
      bottom.c5.addProduct(x5, w1)
      let x6 = load(base + 6 * lanes)
      top.c6.addProduct(x6, w0)
      bottom.c6.addProduct(x6, w1)
      let x7 = load(base + 7 * lanes)
      top.c7.addProduct(x7, w0)
      bottom.c7.addProduct(x7, w1)
      let x8 = load(base + 8 * lanes)
      top.c8.addProduct(x8, w0)
      bottom.c8.addProduct(x8, w1)
      let x9 = load(base + 9 * lanes)
      top.c9.addProduct(x9, w0)
      bottom.c9.addProduct(x9, w1)
      let x10 = load(base + 10 * lanes)
      top.c10.addProduct(x10, w0)
      bottom.c10.addProduct(x10, w1)
      let x11 = load(base + 11 * lanes)
      top.c11.addProduct(x11, w0)
      bottom.c11.addProduct(x11, w1)
      let x12 = load(base + 12 * lanes)
      top.c12.addProduct(x12, w0)
      bottom.c12.addProduct(x12, w1)
      let x13 = load(base + 13 * lanes)
      top.c13.addProduct(x13, w0)
      bottom.c13.addProduct(x13, w1)
    }

    @inline(__always)
    func store(_ sink: Sink, y: Int, x: Int) {
      sink.store(c0, y: y, x: x + 0)
      sink.store(c1, y: y, x: x + 1)
      sink.store(c2, y: y, x: x + 2)
      sink.store(c3, y: y, x: x + 3)
      sink.store(c4, y: y, x: x + 4)
      sink.store(c5, y: y, x: x + 5)
      sink.store(c6, y: y, x: x + 6)
      sink.store(c7, y: y, x: x + 7)
      sink.store(c8, y: y, x: x + 8)
      sink.store(c9, y: y, x: x + 9)
      sink.store(c10, y: y, x: x + 10)
      sink.store(c11, y: y, x: x + 11)
      sink.store(c12, y: y, x: x + 12)
      sink.store(c13, y: y, x: x + 13)
    }
  }

  /// 14 outputs of one row or of two, from (`y`, `x`) on.
  private static func tile14(_ plane: Plane, y: Int, x: Int, rows: Int, _ sink: Sink) {
    let g = plane.geometry
    // Taps that all 14 outputs have; before them the left ones lack theirs, after them the right ones.
    let start = max(0, g.left - x - 13)
    let firstFull = max(0, g.left - x)
    let endFull = max(firstFull, min(g.columnTaps, g.width + g.left - x - 13))
    let end = max(endFull, min(g.columnTaps, g.width + g.left - x))
    var top = Row14()
    var bottom = Row14()
    @inline(__always) func single(_ sums: inout Row14, _ t: Int, _ v: Int) {
      let taps = plane.weights + v * g.columnTaps * lanes
      let base = plane.input + (t * g.width + x - g.left) * lanes
      for u in start..<firstFull { sums.addToRight(base + u * lanes, load(taps + u * lanes), missing: firstFull - u) }
      for u in firstFull..<endFull { sums.addToAll(base + u * lanes, load(taps + u * lanes)) }
      for u in endFull..<end {
        sums.addToLeft(base + u * lanes, load(taps + u * lanes), present: g.width + g.left - x - u)
      }
    }
    let first = g.inputRows(y)
    guard rows == 2 else {
      for t in first { single(&top, t, t - y + g.top) }
      top.store(sink, y: y, x: x)
      return
    }
    let second = g.inputRows(y + 1)
    for t in first.lowerBound..<max(first.lowerBound, min(second.lowerBound, first.upperBound)) {
      single(&top, t, t - y + g.top)
    }
    for t in second.lowerBound..<max(second.lowerBound, first.upperBound) {
      let taps0 = plane.weights + (t - y + g.top) * g.columnTaps * lanes
      let taps1 = taps0 - g.columnTaps * lanes
      let base = plane.input + (t * g.width + x - g.left) * lanes
      for u in start..<firstFull {
        top.addToRight(base + u * lanes, load(taps0 + u * lanes), missing: firstFull - u)
        bottom.addToRight(base + u * lanes, load(taps1 + u * lanes), missing: firstFull - u)
      }
      for u in firstFull..<endFull {
        Row14.addToBoth(&top, &bottom, base + u * lanes, load(taps0 + u * lanes), load(taps1 + u * lanes))
      }
      for u in endFull..<end {
        top.addToLeft(base + u * lanes, load(taps0 + u * lanes), present: g.width + g.left - x - u)
        bottom.addToLeft(base + u * lanes, load(taps1 + u * lanes), present: g.width + g.left - x - u)
      }
    }
    for t in max(second.lowerBound, first.upperBound)..<max(second.lowerBound, first.upperBound, second.upperBound) {
      single(&bottom, t, t - y - 1 + g.top)
    }
    top.store(sink, y: y, x: x)
    bottom.store(sink, y: y + 1, x: x)
  }

  /// The sums of 7 outputs of one row.
  private struct Row7 {
    var c0 = Lanes(repeating: 0)
    var c1 = Lanes(repeating: 0)
    var c2 = Lanes(repeating: 0)
    var c3 = Lanes(repeating: 0)
    var c4 = Lanes(repeating: 0)
    var c5 = Lanes(repeating: 0)
    var c6 = Lanes(repeating: 0)

    /// A tap that the first `missing` outputs lack.
    @inline(__always)
    mutating func addToRight(_ base: UnsafePointer<Float>, _ w: Lanes, missing: Int) {
      switch missing {
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
      default:
        c6.addProduct(load(base + 6 * lanes), w)
      }
    }

    /// A tap that only the first `present` outputs have.
    @inline(__always)
    mutating func addToLeft(_ base: UnsafePointer<Float>, _ w: Lanes, present: Int) {
      switch present {
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
        c0.addProduct(load(base), w)
      }
    }

    /// A tap that all outputs have.
    @inline(__always)
    mutating func addToAll(_ base: UnsafePointer<Float>, _ w: Lanes) {
      c0.addProduct(load(base + 0 * lanes), w)
      c1.addProduct(load(base + 1 * lanes), w)
      c2.addProduct(load(base + 2 * lanes), w)
      c3.addProduct(load(base + 3 * lanes), w)
      c4.addProduct(load(base + 4 * lanes), w)
      c5.addProduct(load(base + 5 * lanes), w)
      c6.addProduct(load(base + 6 * lanes), w)
    }

    /// A tap that all outputs of two rows have, each with a weight of its own.
    @inline(__always)
    static func addToBoth(
      _ top: inout Row7, _ bottom: inout Row7, _ base: UnsafePointer<Float>, _ w0: Lanes, _ w1: Lanes
    ) {
      let x0 = load(base + 0 * lanes)
      top.c0.addProduct(x0, w0)
      bottom.c0.addProduct(x0, w1)
      let x1 = load(base + 1 * lanes)
      top.c1.addProduct(x1, w0)
      bottom.c1.addProduct(x1, w1)
      let x2 = load(base + 2 * lanes)
      top.c2.addProduct(x2, w0)
      bottom.c2.addProduct(x2, w1)
      let x3 = load(base + 3 * lanes)
      top.c3.addProduct(x3, w0)
      bottom.c3.addProduct(x3, w1)
      let x4 = load(base + 4 * lanes)
      top.c4.addProduct(x4, w0)
      bottom.c4.addProduct(x4, w1)
      let x5 = load(base + 5 * lanes)
      top.c5.addProduct(x5, w0)
      bottom.c5.addProduct(x5, w1)
      let x6 = load(base + 6 * lanes)
      top.c6.addProduct(x6, w0)
      bottom.c6.addProduct(x6, w1)
    }

    /// A row of 7 places that all outputs reach; `taps` starts with the last output's of the first place.
    @inline(__always)
    mutating func addRow(
      _ x0: Lanes, _ x1: Lanes, _ x2: Lanes, _ x3: Lanes, _ x4: Lanes, _ x5: Lanes, _ x6: Lanes,
      _ taps: UnsafePointer<Float>
    ) {
      let w0 = load(taps + 0 * lanes)
      c6.addProduct(x0, w0)
      let w1 = load(taps + 1 * lanes)
      c5.addProduct(x0, w1)
      c6.addProduct(x1, w1)
      let w2 = load(taps + 2 * lanes)
      c4.addProduct(x0, w2)
      c5.addProduct(x1, w2)
      c6.addProduct(x2, w2)
      let w3 = load(taps + 3 * lanes)
      c3.addProduct(x0, w3)
      c4.addProduct(x1, w3)
      c5.addProduct(x2, w3)
      c6.addProduct(x3, w3)
      let w4 = load(taps + 4 * lanes)
      c2.addProduct(x0, w4)
      c3.addProduct(x1, w4)
      c4.addProduct(x2, w4)
      c5.addProduct(x3, w4)
      c6.addProduct(x4, w4)
      let w5 = load(taps + 5 * lanes)
      c1.addProduct(x0, w5)
      c2.addProduct(x1, w5)
      c3.addProduct(x2, w5)
      c4.addProduct(x3, w5)
      c5.addProduct(x4, w5)
      c6.addProduct(x5, w5)
      let w6 = load(taps + 6 * lanes)
      c0.addProduct(x0, w6)
      c1.addProduct(x1, w6)
      c2.addProduct(x2, w6)
      c3.addProduct(x3, w6)
      c4.addProduct(x4, w6)
      c5.addProduct(x5, w6)
      c6.addProduct(x6, w6)
      let w7 = load(taps + 7 * lanes)
      c0.addProduct(x1, w7)
      c1.addProduct(x2, w7)
      c2.addProduct(x3, w7)
      c3.addProduct(x4, w7)
      c4.addProduct(x5, w7)
      c5.addProduct(x6, w7)
      let w8 = load(taps + 8 * lanes)
      c0.addProduct(x2, w8)
      c1.addProduct(x3, w8)
      c2.addProduct(x4, w8)
      c3.addProduct(x5, w8)
      c4.addProduct(x6, w8)
      let w9 = load(taps + 9 * lanes)
      c0.addProduct(x3, w9)
      c1.addProduct(x4, w9)
      c2.addProduct(x5, w9)
      c3.addProduct(x6, w9)
      let w10 = load(taps + 10 * lanes)
      c0.addProduct(x4, w10)
      c1.addProduct(x5, w10)
      c2.addProduct(x6, w10)
      let w11 = load(taps + 11 * lanes)
      c0.addProduct(x5, w11)
      c1.addProduct(x6, w11)
      let w12 = load(taps + 12 * lanes)
      c0.addProduct(x6, w12)
    }

    /// A row of 8 places that all outputs reach; `taps` starts with the last output's of the first place.
    @inline(__always)
    mutating func addRow(
      _ x0: Lanes, _ x1: Lanes, _ x2: Lanes, _ x3: Lanes, _ x4: Lanes, _ x5: Lanes, _ x6: Lanes, _ x7: Lanes,
      _ taps: UnsafePointer<Float>
    ) {
      let w0 = load(taps + 0 * lanes)
      c6.addProduct(x0, w0)
      let w1 = load(taps + 1 * lanes)
      c5.addProduct(x0, w1)
      c6.addProduct(x1, w1)
      let w2 = load(taps + 2 * lanes)
      c4.addProduct(x0, w2)
      c5.addProduct(x1, w2)
      c6.addProduct(x2, w2)
      let w3 = load(taps + 3 * lanes)
      c3.addProduct(x0, w3)
      c4.addProduct(x1, w3)
      c5.addProduct(x2, w3)
      c6.addProduct(x3, w3)
      let w4 = load(taps + 4 * lanes)
      c2.addProduct(x0, w4)
      c3.addProduct(x1, w4)
      c4.addProduct(x2, w4)
      c5.addProduct(x3, w4)
      c6.addProduct(x4, w4)
      let w5 = load(taps + 5 * lanes)
      c1.addProduct(x0, w5)
      c2.addProduct(x1, w5)
      c3.addProduct(x2, w5)
      c4.addProduct(x3, w5)
      c5.addProduct(x4, w5)
      c6.addProduct(x5, w5)
      let w6 = load(taps + 6 * lanes)
      c0.addProduct(x0, w6)
      c1.addProduct(x1, w6)
      c2.addProduct(x2, w6)
      c3.addProduct(x3, w6)
      c4.addProduct(x4, w6)
      c5.addProduct(x5, w6)
      c6.addProduct(x6, w6)
      let w7 = load(taps + 7 * lanes)
      c0.addProduct(x1, w7)
      c1.addProduct(x2, w7)
      c2.addProduct(x3, w7)
      c3.addProduct(x4, w7)
      c4.addProduct(x5, w7)
      c5.addProduct(x6, w7)
      c6.addProduct(x7, w7)
      let w8 = load(taps + 8 * lanes)
      c0.addProduct(x2, w8)
      c1.addProduct(x3, w8)
      c2.addProduct(x4, w8)
      c3.addProduct(x5, w8)
      c4.addProduct(x6, w8)
      c5.addProduct(x7, w8)
      let w9 = load(taps + 9 * lanes)
      c0.addProduct(x3, w9)
      c1.addProduct(x4, w9)
      c2.addProduct(x5, w9)
      c3.addProduct(x6, w9)
      c4.addProduct(x7, w9)
      let w10 = load(taps + 10 * lanes)
      c0.addProduct(x4, w10)
      c1.addProduct(x5, w10)
      c2.addProduct(x6, w10)
      c3.addProduct(x7, w10)
      let w11 = load(taps + 11 * lanes)
      c0.addProduct(x5, w11)
      c1.addProduct(x6, w11)
      c2.addProduct(x7, w11)
      let w12 = load(taps + 12 * lanes)
      c0.addProduct(x6, w12)
      c1.addProduct(x7, w12)
      let w13 = load(taps + 13 * lanes)
      c0.addProduct(x7, w13)
    }

    @inline(__always)
    func store(_ sink: Sink, y: Int, x: Int) {
      sink.store(c0, y: y, x: x + 0)
      sink.store(c1, y: y, x: x + 1)
      sink.store(c2, y: y, x: x + 2)
      sink.store(c3, y: y, x: x + 3)
      sink.store(c4, y: y, x: x + 4)
      sink.store(c5, y: y, x: x + 5)
      sink.store(c6, y: y, x: x + 6)
    }
  }

  /// 7 outputs of one row or of two, from (`y`, `x`) on.
  private static func tile7(_ plane: Plane, y: Int, x: Int, rows: Int, _ sink: Sink) {
    let g = plane.geometry
    // Taps that all 7 outputs have; before them the left ones lack theirs, after them the right ones.
    let start = max(0, g.left - x - 6)
    let firstFull = max(0, g.left - x)
    let endFull = max(firstFull, min(g.columnTaps, g.width + g.left - x - 6))
    let end = max(endFull, min(g.columnTaps, g.width + g.left - x))
    var top = Row7()
    var bottom = Row7()
    @inline(__always) func single(_ sums: inout Row7, _ t: Int, _ v: Int) {
      let taps = plane.weights + v * g.columnTaps * lanes
      let base = plane.input + (t * g.width + x - g.left) * lanes
      for u in start..<firstFull { sums.addToRight(base + u * lanes, load(taps + u * lanes), missing: firstFull - u) }
      for u in firstFull..<endFull { sums.addToAll(base + u * lanes, load(taps + u * lanes)) }
      for u in endFull..<end {
        sums.addToLeft(base + u * lanes, load(taps + u * lanes), present: g.width + g.left - x - u)
      }
    }
    let first = g.inputRows(y)
    guard rows == 2 else {
      for t in first { single(&top, t, t - y + g.top) }
      top.store(sink, y: y, x: x)
      return
    }
    let second = g.inputRows(y + 1)
    for t in first.lowerBound..<max(first.lowerBound, min(second.lowerBound, first.upperBound)) {
      single(&top, t, t - y + g.top)
    }
    for t in second.lowerBound..<max(second.lowerBound, first.upperBound) {
      let taps0 = plane.weights + (t - y + g.top) * g.columnTaps * lanes
      let taps1 = taps0 - g.columnTaps * lanes
      let base = plane.input + (t * g.width + x - g.left) * lanes
      for u in start..<firstFull {
        top.addToRight(base + u * lanes, load(taps0 + u * lanes), missing: firstFull - u)
        bottom.addToRight(base + u * lanes, load(taps1 + u * lanes), missing: firstFull - u)
      }
      for u in firstFull..<endFull {
        Row7.addToBoth(&top, &bottom, base + u * lanes, load(taps0 + u * lanes), load(taps1 + u * lanes))
      }
      for u in endFull..<end {
        top.addToLeft(base + u * lanes, load(taps0 + u * lanes), present: g.width + g.left - x - u)
        bottom.addToLeft(base + u * lanes, load(taps1 + u * lanes), present: g.width + g.left - x - u)
      }
    }
    for t in max(second.lowerBound, first.upperBound)..<max(second.lowerBound, first.upperBound, second.upperBound) {
      single(&bottom, t, t - y - 1 + g.top)
    }
    top.store(sink, y: y, x: x)
    bottom.store(sink, y: y + 1, x: x)
  }

  /// The sums of 4 outputs of one row.
  private struct Row4 {
    var c0 = Lanes(repeating: 0)
    var c1 = Lanes(repeating: 0)
    var c2 = Lanes(repeating: 0)
    var c3 = Lanes(repeating: 0)

    /// A tap that the first `missing` outputs lack.
    @inline(__always)
    mutating func addToRight(_ base: UnsafePointer<Float>, _ w: Lanes, missing: Int) {
      switch missing {
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

    /// A tap that only the first `present` outputs have.
    @inline(__always)
    mutating func addToLeft(_ base: UnsafePointer<Float>, _ w: Lanes, present: Int) {
      switch present {
      case 3:
        c2.addProduct(load(base + 2 * lanes), w)
        fallthrough
      case 2:
        c1.addProduct(load(base + 1 * lanes), w)
        fallthrough
      default:
        c0.addProduct(load(base), w)
      }
    }

    /// A tap that all outputs have.
    @inline(__always)
    mutating func addToAll(_ base: UnsafePointer<Float>, _ w: Lanes) {
      c0.addProduct(load(base + 0 * lanes), w)
      c1.addProduct(load(base + 1 * lanes), w)
      c2.addProduct(load(base + 2 * lanes), w)
      c3.addProduct(load(base + 3 * lanes), w)
    }

    /// A tap that all outputs of two rows have, each with a weight of its own.
    @inline(__always)
    static func addToBoth(
      _ top: inout Row4, _ bottom: inout Row4, _ base: UnsafePointer<Float>, _ w0: Lanes, _ w1: Lanes
    ) {
      let x0 = load(base + 0 * lanes)
      top.c0.addProduct(x0, w0)
      bottom.c0.addProduct(x0, w1)
      let x1 = load(base + 1 * lanes)
      top.c1.addProduct(x1, w0)
      bottom.c1.addProduct(x1, w1)
      let x2 = load(base + 2 * lanes)
      top.c2.addProduct(x2, w0)
      bottom.c2.addProduct(x2, w1)
      let x3 = load(base + 3 * lanes)
      top.c3.addProduct(x3, w0)
      bottom.c3.addProduct(x3, w1)
    }

    @inline(__always)
    func store(_ sink: Sink, y: Int, x: Int) {
      sink.store(c0, y: y, x: x + 0)
      sink.store(c1, y: y, x: x + 1)
      sink.store(c2, y: y, x: x + 2)
      sink.store(c3, y: y, x: x + 3)
    }
  }

  /// 4 outputs of one row or of two, from (`y`, `x`) on.
  private static func tile4(_ plane: Plane, y: Int, x: Int, rows: Int, _ sink: Sink) {
    let g = plane.geometry
    // Taps that all 4 outputs have; before them the left ones lack theirs, after them the right ones.
    let start = max(0, g.left - x - 3)
    let firstFull = max(0, g.left - x)
    let endFull = max(firstFull, min(g.columnTaps, g.width + g.left - x - 3))
    let end = max(endFull, min(g.columnTaps, g.width + g.left - x))
    var top = Row4()
    var bottom = Row4()
    @inline(__always) func single(_ sums: inout Row4, _ t: Int, _ v: Int) {
      let taps = plane.weights + v * g.columnTaps * lanes
      let base = plane.input + (t * g.width + x - g.left) * lanes
      for u in start..<firstFull { sums.addToRight(base + u * lanes, load(taps + u * lanes), missing: firstFull - u) }
      for u in firstFull..<endFull { sums.addToAll(base + u * lanes, load(taps + u * lanes)) }
      for u in endFull..<end {
        sums.addToLeft(base + u * lanes, load(taps + u * lanes), present: g.width + g.left - x - u)
      }
    }
    let first = g.inputRows(y)
    guard rows == 2 else {
      for t in first { single(&top, t, t - y + g.top) }
      top.store(sink, y: y, x: x)
      return
    }
    let second = g.inputRows(y + 1)
    for t in first.lowerBound..<max(first.lowerBound, min(second.lowerBound, first.upperBound)) {
      single(&top, t, t - y + g.top)
    }
    for t in second.lowerBound..<max(second.lowerBound, first.upperBound) {
      let taps0 = plane.weights + (t - y + g.top) * g.columnTaps * lanes
      let taps1 = taps0 - g.columnTaps * lanes
      let base = plane.input + (t * g.width + x - g.left) * lanes
      for u in start..<firstFull {
        top.addToRight(base + u * lanes, load(taps0 + u * lanes), missing: firstFull - u)
        bottom.addToRight(base + u * lanes, load(taps1 + u * lanes), missing: firstFull - u)
      }
      for u in firstFull..<endFull {
        Row4.addToBoth(&top, &bottom, base + u * lanes, load(taps0 + u * lanes), load(taps1 + u * lanes))
      }
      for u in endFull..<end {
        top.addToLeft(base + u * lanes, load(taps0 + u * lanes), present: g.width + g.left - x - u)
        bottom.addToLeft(base + u * lanes, load(taps1 + u * lanes), present: g.width + g.left - x - u)
      }
    }
    for t in max(second.lowerBound, first.upperBound)..<max(second.lowerBound, first.upperBound, second.upperBound) {
      single(&bottom, t, t - y - 1 + g.top)
    }
    top.store(sink, y: y, x: x)
    bottom.store(sink, y: y + 1, x: x)
  }

  /// Whole rows of 7 outputs, each of which has a tap for every column of the plane, 7 or 8 of them: kernels as large as
  /// the map. A row of the plane and the sums stay in registers while each tap is loaded once.
  private static func row7(_ plane: Plane, y: Int, rows: Int, _ sink: Sink) {
    let g = plane.geometry
    let line = g.columnTaps * lanes
    let (first, second) = (g.inputRows(y), rows == 2 ? g.inputRows(y + 1) : g.inputRows(y))
    var top = Row7()
    var bottom = Row7()
    for t in first.lowerBound..<max(first.lowerBound, first.upperBound, second.upperBound) {
      let taps = plane.weights + (t - y + g.top) * line + (g.left - 6) * lanes
      let base = plane.input + t * g.width * lanes
      if g.width == 7 {
        let x0 = load(base + 0 * lanes)
        let x1 = load(base + 1 * lanes)
        let x2 = load(base + 2 * lanes)
        let x3 = load(base + 3 * lanes)
        let x4 = load(base + 4 * lanes)
        let x5 = load(base + 5 * lanes)
        let x6 = load(base + 6 * lanes)
        if first.contains(t) { top.addRow(x0, x1, x2, x3, x4, x5, x6, taps) }
        if rows == 2, second.contains(t) { bottom.addRow(x0, x1, x2, x3, x4, x5, x6, taps - line) }
      } else {
        let x0 = load(base + 0 * lanes)
        let x1 = load(base + 1 * lanes)
        let x2 = load(base + 2 * lanes)
        let x3 = load(base + 3 * lanes)
        let x4 = load(base + 4 * lanes)
        let x5 = load(base + 5 * lanes)
        let x6 = load(base + 6 * lanes)
        let x7 = load(base + 7 * lanes)
        if first.contains(t) { top.addRow(x0, x1, x2, x3, x4, x5, x6, x7, taps) }
        if rows == 2, second.contains(t) { bottom.addRow(x0, x1, x2, x3, x4, x5, x6, x7, taps - line) }
      }
    }
    top.store(sink, y: y, x: 0)
    if rows == 2 { bottom.store(sink, y: y + 1, x: 0) }
  }
}
