/// Depthwise convolution of one plane whose pixels are one register of channels wide; one source for each instruction
/// set, since `Lanes` is each module's own.
///
/// Gives the bits of `ScalarKernels.depthwise`: a lane holds one output, and its chain runs over the taps inside the
/// plane, row by row.
enum DepthwiseTile {
  /// Channels of a plane.
  static let lanes = Lanes.scalarCount
  /// Two rows share the loads of their input where there are registers for the sums of both: 32, but for AVX2.
  private static let rowsTogether = Lanes.scalarCount == 8 ? 1 : 2

  /// What is convolved: a plane [height, width, lanes] by [rowTaps, columnTaps, lanes].
  struct Geometry {
    let height, width, rowTaps, columnTaps, top, left, rows, columns, stride: Int

    /// - Parameters:
    ///   - top: the tap that lies on the first row of the plane for the first row of outputs.
    ///   - left: the same for columns.
    ///   - rows: of outputs.
    ///   - columns: of outputs.
    init(
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
  struct Sink {
    private let output: UnsafeMutablePointer<Float>
    private let step, rowStep, channels: Int
    private let bias: Lanes
    private let isRaw, relu: Bool

    /// Sums as they are, [rows, columns, lanes].
    init(sums: UnsafeMutablePointer<Float>, columns: Int) {
      (output, step, rowStep, channels) = (sums, lanes, columns * lanes, lanes)
      (bias, isRaw, relu) = (Lanes(repeating: 0), true, false)
    }

    /// `activation(sum + bias)`, `channels` of each pixel's lanes; `step` elements from a pixel to the next one.
    init(
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
  static func convolve(
    input: UnsafePointer<Float>, weights: UnsafePointer<Float>, geometry g: Geometry, into sink: Sink,
    _ ahead: inout LinesAhead
  ) {
    let plane = Plane(input: input, weights: weights, geometry: g)
    // The widest tile that fits; the last one of a row overlaps its neighbour where the row is no multiple.
    let tile =
      g.stride > 1 ? 1 : g.columns >= 14 && rowsTogether == 1 ? 14 : g.columns >= 7 ? 7 : g.columns >= 4 ? 4 : 1
    let together = tile > 1 ? rowsTogether : 1
    for y in Swift.stride(from: 0, to: g.rows, by: together) {
      let rows = min(together, g.rows - y)
      for _ in 0..<rows { ahead.ask() }
      if g.columns == 7, g.stride == 1, g.width == 7 || g.width == 8, g.left >= 6, g.width + g.left <= g.columnTaps {
        row7(plane, y: y, rows: rows, sink)
        continue
      }
      for start in Swift.stride(from: 0, to: g.columns, by: tile) {
        let x = min(start, g.columns - tile)
        switch tile {
        case 14: self.tile(Row14.self, plane, y: y, x: x, rows: rows, sink)
        case 7: self.tile(Row7.self, plane, y: y, x: x, rows: rows, sink)
        case 4: self.tile(Row4.self, plane, y: y, x: x, rows: rows, sink)
        default: sink.store(single(plane, y: y * g.stride, x: x * g.stride), y: y, x: x)
        }
      }
    }
  }

  /// Copies `channels` of each pixel together, so that neighbouring pixels are neighbouring registers; lanes beyond
  /// them become zeros. `step` elements lie between pixels of `source`.
  static func gather(
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

  /// The outputs of a tile's columns in one row or in two, from (`y`, `x`) on.
  private static func tile<Row: DepthwiseRow>(
    _: Row.Type, _ plane: Plane, y: Int, x: Int, rows: Int, _ sink: Sink
  ) {
    let g = plane.geometry
    let taps = ColumnTaps(g, x: x, outputs: Row.count)
    var top = Row()
    var bottom = Row()
    let first = g.inputRows(y)
    let second = rows == 2 ? g.inputRows(y + 1) : first.upperBound..<first.upperBound
    for t in first.lowerBound..<max(first.lowerBound, min(second.lowerBound, first.upperBound)) {
      add(plane, t, y, x, taps, &top)
    }
    for t in second.lowerBound..<max(second.lowerBound, first.upperBound) {
      let taps0 = plane.weights + (t - y + g.top) * g.columnTaps * lanes
      let taps1 = taps0 - g.columnTaps * lanes
      let base = plane.input + (t * g.width + x - g.left) * lanes
      for u in taps.start..<taps.firstFull {
        top.addToRight(base + u * lanes, load(taps0 + u * lanes), missing: taps.firstFull - u)
        bottom.addToRight(base + u * lanes, load(taps1 + u * lanes), missing: taps.firstFull - u)
      }
      for u in taps.firstFull..<taps.endFull {
        Row.addToBoth(&top, &bottom, base + u * lanes, load(taps0 + u * lanes), load(taps1 + u * lanes))
      }
      for u in taps.endFull..<taps.end {
        top.addToLeft(base + u * lanes, load(taps0 + u * lanes), present: taps.edge - u)
        bottom.addToLeft(base + u * lanes, load(taps1 + u * lanes), present: taps.edge - u)
      }
    }
    for t in max(second.lowerBound, first.upperBound)..<max(second.lowerBound, first.upperBound, second.upperBound) {
      add(plane, t, y + 1, x, taps, &bottom)
    }
    top.store(sink, y: y, x: x)
    if rows == 2 { bottom.store(sink, y: y + 1, x: x) }
  }

  /// Adds the taps of one row of the plane to one row of outputs.
  @inline(__always)
  private static func add<Row: DepthwiseRow>(
    _ plane: Plane, _ t: Int, _ y: Int, _ x: Int, _ taps: ColumnTaps, _ sums: inout Row
  ) {
    let g = plane.geometry
    let weights = plane.weights + (t - y + g.top) * g.columnTaps * lanes
    let base = plane.input + (t * g.width + x - g.left) * lanes
    for u in taps.start..<taps.firstFull {
      sums.addToRight(base + u * lanes, load(weights + u * lanes), missing: taps.firstFull - u)
    }
    for u in taps.firstFull..<taps.endFull { sums.addToAll(base + u * lanes, load(weights + u * lanes)) }
    for u in taps.endFull..<taps.end {
      sums.addToLeft(base + u * lanes, load(weights + u * lanes), present: taps.edge - u)
    }
  }

  /// The taps of a tile's columns: all outputs have those from `firstFull` to `endFull`; before them the left ones lack
  /// theirs, after them the right ones.
  private struct ColumnTaps {
    let start, firstFull, endFull, end, edge: Int

    @inline(__always)
    init(_ g: Geometry, x: Int, outputs: Int) {
      edge = g.width + g.left - x
      start = max(0, g.left - x - outputs + 1)
      firstFull = max(0, g.left - x)
      endFull = max(firstFull, min(g.columnTaps, edge - outputs + 1))
      end = max(endFull, min(g.columnTaps, edge))
    }
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
