/// The sums of neighbouring outputs of one row, each of which stays in a register. The sums are separate variables, since
/// an array of them would not.
protocol DepthwiseRow {
  /// Outputs.
  static var count: Int { get }

  /// Sums of nothing.
  init()

  /// Adds a tap that the first `missing` outputs lack, 1 to `count - 1`. `base` is the place under the first output's tap.
  mutating func addToRight(_ base: UnsafePointer<Float>, _ w: Lanes, missing: Int)

  /// Adds a tap that only the first `present` outputs have, 1 to `count - 1`.
  mutating func addToLeft(_ base: UnsafePointer<Float>, _ w: Lanes, present: Int)

  /// Adds a tap that all outputs have.
  mutating func addToAll(_ base: UnsafePointer<Float>, _ w: Lanes)

  /// Adds a tap that all outputs of two rows have, each with a weight of its own.
  static func addToBoth(
    _ top: inout Self, _ bottom: inout Self, _ base: UnsafePointer<Float>, _ w0: Lanes, _ w1: Lanes)

  /// Writes the sums.
  func store(_ sink: DepthwiseTile.Sink, y: Int, x: Int)
}

/// Four outputs.
struct Row4: DepthwiseRow {
  static let count = 4
  var c0 = Lanes(repeating: 0)
  var c1 = Lanes(repeating: 0)
  var c2 = Lanes(repeating: 0)
  var c3 = Lanes(repeating: 0)

  /// A tap that the first `missing` outputs lack.
  @inline(__always)
  mutating func addToRight(_ base: UnsafePointer<Float>, _ w: Lanes, missing: Int) {
    switch missing {
    case 1:
      c1.addProduct(DepthwiseTile.load(base + 1 * DepthwiseTile.lanes), w)
      fallthrough
    case 2:
      c2.addProduct(DepthwiseTile.load(base + 2 * DepthwiseTile.lanes), w)
      fallthrough
    default:
      c3.addProduct(DepthwiseTile.load(base + 3 * DepthwiseTile.lanes), w)
    }
  }

  /// A tap that only the first `present` outputs have.
  @inline(__always)
  mutating func addToLeft(_ base: UnsafePointer<Float>, _ w: Lanes, present: Int) {
    switch present {
    case 3:
      c2.addProduct(DepthwiseTile.load(base + 2 * DepthwiseTile.lanes), w)
      fallthrough
    case 2:
      c1.addProduct(DepthwiseTile.load(base + 1 * DepthwiseTile.lanes), w)
      fallthrough
    default:
      c0.addProduct(DepthwiseTile.load(base), w)
    }
  }

  /// A tap that all outputs have.
  @inline(__always)
  mutating func addToAll(_ base: UnsafePointer<Float>, _ w: Lanes) {
    c0.addProduct(DepthwiseTile.load(base + 0 * DepthwiseTile.lanes), w)
    c1.addProduct(DepthwiseTile.load(base + 1 * DepthwiseTile.lanes), w)
    c2.addProduct(DepthwiseTile.load(base + 2 * DepthwiseTile.lanes), w)
    c3.addProduct(DepthwiseTile.load(base + 3 * DepthwiseTile.lanes), w)
  }

  /// A tap that all outputs of two rows have, each with a weight of its own.
  @inline(__always)
  static func addToBoth(
    _ top: inout Row4, _ bottom: inout Row4, _ base: UnsafePointer<Float>, _ w0: Lanes, _ w1: Lanes
  ) {
    let x0 = DepthwiseTile.load(base + 0 * DepthwiseTile.lanes)
    top.c0.addProduct(x0, w0)
    bottom.c0.addProduct(x0, w1)
    let x1 = DepthwiseTile.load(base + 1 * DepthwiseTile.lanes)
    top.c1.addProduct(x1, w0)
    bottom.c1.addProduct(x1, w1)
    let x2 = DepthwiseTile.load(base + 2 * DepthwiseTile.lanes)
    top.c2.addProduct(x2, w0)
    bottom.c2.addProduct(x2, w1)
    let x3 = DepthwiseTile.load(base + 3 * DepthwiseTile.lanes)
    top.c3.addProduct(x3, w0)
    bottom.c3.addProduct(x3, w1)
  }

  @inline(__always)
  func store(_ sink: DepthwiseTile.Sink, y: Int, x: Int) {
    sink.store(c0, y: y, x: x + 0)
    sink.store(c1, y: y, x: x + 1)
    sink.store(c2, y: y, x: x + 2)
    sink.store(c3, y: y, x: x + 3)
  }
}

/// Seven outputs.
struct Row7: DepthwiseRow {
  static let count = 7
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
      c1.addProduct(DepthwiseTile.load(base + 1 * DepthwiseTile.lanes), w)
      fallthrough
    case 2:
      c2.addProduct(DepthwiseTile.load(base + 2 * DepthwiseTile.lanes), w)
      fallthrough
    case 3:
      c3.addProduct(DepthwiseTile.load(base + 3 * DepthwiseTile.lanes), w)
      fallthrough
    case 4:
      c4.addProduct(DepthwiseTile.load(base + 4 * DepthwiseTile.lanes), w)
      fallthrough
    case 5:
      c5.addProduct(DepthwiseTile.load(base + 5 * DepthwiseTile.lanes), w)
      fallthrough
    default:
      c6.addProduct(DepthwiseTile.load(base + 6 * DepthwiseTile.lanes), w)
    }
  }

  /// A tap that only the first `present` outputs have.
  @inline(__always)
  mutating func addToLeft(_ base: UnsafePointer<Float>, _ w: Lanes, present: Int) {
    switch present {
    case 6:
      c5.addProduct(DepthwiseTile.load(base + 5 * DepthwiseTile.lanes), w)
      fallthrough
    case 5:
      c4.addProduct(DepthwiseTile.load(base + 4 * DepthwiseTile.lanes), w)
      fallthrough
    case 4:
      c3.addProduct(DepthwiseTile.load(base + 3 * DepthwiseTile.lanes), w)
      fallthrough
    case 3:
      c2.addProduct(DepthwiseTile.load(base + 2 * DepthwiseTile.lanes), w)
      fallthrough
    case 2:
      c1.addProduct(DepthwiseTile.load(base + 1 * DepthwiseTile.lanes), w)
      fallthrough
    default:
      c0.addProduct(DepthwiseTile.load(base), w)
    }
  }

  /// A tap that all outputs have.
  @inline(__always)
  mutating func addToAll(_ base: UnsafePointer<Float>, _ w: Lanes) {
    c0.addProduct(DepthwiseTile.load(base + 0 * DepthwiseTile.lanes), w)
    c1.addProduct(DepthwiseTile.load(base + 1 * DepthwiseTile.lanes), w)
    c2.addProduct(DepthwiseTile.load(base + 2 * DepthwiseTile.lanes), w)
    c3.addProduct(DepthwiseTile.load(base + 3 * DepthwiseTile.lanes), w)
    c4.addProduct(DepthwiseTile.load(base + 4 * DepthwiseTile.lanes), w)
    c5.addProduct(DepthwiseTile.load(base + 5 * DepthwiseTile.lanes), w)
    c6.addProduct(DepthwiseTile.load(base + 6 * DepthwiseTile.lanes), w)
  }

  /// A tap that all outputs of two rows have, each with a weight of its own.
  @inline(__always)
  static func addToBoth(
    _ top: inout Row7, _ bottom: inout Row7, _ base: UnsafePointer<Float>, _ w0: Lanes, _ w1: Lanes
  ) {
    let x0 = DepthwiseTile.load(base + 0 * DepthwiseTile.lanes)
    top.c0.addProduct(x0, w0)
    bottom.c0.addProduct(x0, w1)
    let x1 = DepthwiseTile.load(base + 1 * DepthwiseTile.lanes)
    top.c1.addProduct(x1, w0)
    bottom.c1.addProduct(x1, w1)
    let x2 = DepthwiseTile.load(base + 2 * DepthwiseTile.lanes)
    top.c2.addProduct(x2, w0)
    bottom.c2.addProduct(x2, w1)
    let x3 = DepthwiseTile.load(base + 3 * DepthwiseTile.lanes)
    top.c3.addProduct(x3, w0)
    bottom.c3.addProduct(x3, w1)
    let x4 = DepthwiseTile.load(base + 4 * DepthwiseTile.lanes)
    top.c4.addProduct(x4, w0)
    bottom.c4.addProduct(x4, w1)
    let x5 = DepthwiseTile.load(base + 5 * DepthwiseTile.lanes)
    top.c5.addProduct(x5, w0)
    bottom.c5.addProduct(x5, w1)
    let x6 = DepthwiseTile.load(base + 6 * DepthwiseTile.lanes)
    top.c6.addProduct(x6, w0)
    bottom.c6.addProduct(x6, w1)
  }

  /// A row of 7 places that all outputs reach; `taps` starts with the last output's of the first place.
  @inline(__always)
  mutating func addRow(
    _ x0: Lanes, _ x1: Lanes, _ x2: Lanes, _ x3: Lanes, _ x4: Lanes, _ x5: Lanes, _ x6: Lanes,
    _ taps: UnsafePointer<Float>
  ) {
    let w0 = DepthwiseTile.load(taps + 0 * DepthwiseTile.lanes)
    c6.addProduct(x0, w0)
    let w1 = DepthwiseTile.load(taps + 1 * DepthwiseTile.lanes)
    c5.addProduct(x0, w1)
    c6.addProduct(x1, w1)
    let w2 = DepthwiseTile.load(taps + 2 * DepthwiseTile.lanes)
    c4.addProduct(x0, w2)
    c5.addProduct(x1, w2)
    c6.addProduct(x2, w2)
    let w3 = DepthwiseTile.load(taps + 3 * DepthwiseTile.lanes)
    c3.addProduct(x0, w3)
    c4.addProduct(x1, w3)
    c5.addProduct(x2, w3)
    c6.addProduct(x3, w3)
    let w4 = DepthwiseTile.load(taps + 4 * DepthwiseTile.lanes)
    c2.addProduct(x0, w4)
    c3.addProduct(x1, w4)
    c4.addProduct(x2, w4)
    c5.addProduct(x3, w4)
    c6.addProduct(x4, w4)
    let w5 = DepthwiseTile.load(taps + 5 * DepthwiseTile.lanes)
    c1.addProduct(x0, w5)
    c2.addProduct(x1, w5)
    c3.addProduct(x2, w5)
    c4.addProduct(x3, w5)
    c5.addProduct(x4, w5)
    c6.addProduct(x5, w5)
    let w6 = DepthwiseTile.load(taps + 6 * DepthwiseTile.lanes)
    c0.addProduct(x0, w6)
    c1.addProduct(x1, w6)
    c2.addProduct(x2, w6)
    c3.addProduct(x3, w6)
    c4.addProduct(x4, w6)
    c5.addProduct(x5, w6)
    c6.addProduct(x6, w6)
    let w7 = DepthwiseTile.load(taps + 7 * DepthwiseTile.lanes)
    c0.addProduct(x1, w7)
    c1.addProduct(x2, w7)
    c2.addProduct(x3, w7)
    c3.addProduct(x4, w7)
    c4.addProduct(x5, w7)
    c5.addProduct(x6, w7)
    let w8 = DepthwiseTile.load(taps + 8 * DepthwiseTile.lanes)
    c0.addProduct(x2, w8)
    c1.addProduct(x3, w8)
    c2.addProduct(x4, w8)
    c3.addProduct(x5, w8)
    c4.addProduct(x6, w8)
    let w9 = DepthwiseTile.load(taps + 9 * DepthwiseTile.lanes)
    c0.addProduct(x3, w9)
    c1.addProduct(x4, w9)
    c2.addProduct(x5, w9)
    c3.addProduct(x6, w9)
    let w10 = DepthwiseTile.load(taps + 10 * DepthwiseTile.lanes)
    c0.addProduct(x4, w10)
    c1.addProduct(x5, w10)
    c2.addProduct(x6, w10)
    let w11 = DepthwiseTile.load(taps + 11 * DepthwiseTile.lanes)
    c0.addProduct(x5, w11)
    c1.addProduct(x6, w11)
    let w12 = DepthwiseTile.load(taps + 12 * DepthwiseTile.lanes)
    c0.addProduct(x6, w12)
  }

  /// A row of 8 places that all outputs reach; `taps` starts with the last output's of the first place.
  @inline(__always)
  mutating func addRow(
    _ x0: Lanes, _ x1: Lanes, _ x2: Lanes, _ x3: Lanes, _ x4: Lanes, _ x5: Lanes, _ x6: Lanes, _ x7: Lanes,
    _ taps: UnsafePointer<Float>
  ) {
    let w0 = DepthwiseTile.load(taps + 0 * DepthwiseTile.lanes)
    c6.addProduct(x0, w0)
    let w1 = DepthwiseTile.load(taps + 1 * DepthwiseTile.lanes)
    c5.addProduct(x0, w1)
    c6.addProduct(x1, w1)
    let w2 = DepthwiseTile.load(taps + 2 * DepthwiseTile.lanes)
    c4.addProduct(x0, w2)
    c5.addProduct(x1, w2)
    c6.addProduct(x2, w2)
    let w3 = DepthwiseTile.load(taps + 3 * DepthwiseTile.lanes)
    c3.addProduct(x0, w3)
    c4.addProduct(x1, w3)
    c5.addProduct(x2, w3)
    c6.addProduct(x3, w3)
    let w4 = DepthwiseTile.load(taps + 4 * DepthwiseTile.lanes)
    c2.addProduct(x0, w4)
    c3.addProduct(x1, w4)
    c4.addProduct(x2, w4)
    c5.addProduct(x3, w4)
    c6.addProduct(x4, w4)
    let w5 = DepthwiseTile.load(taps + 5 * DepthwiseTile.lanes)
    c1.addProduct(x0, w5)
    c2.addProduct(x1, w5)
    c3.addProduct(x2, w5)
    c4.addProduct(x3, w5)
    c5.addProduct(x4, w5)
    c6.addProduct(x5, w5)
    let w6 = DepthwiseTile.load(taps + 6 * DepthwiseTile.lanes)
    c0.addProduct(x0, w6)
    c1.addProduct(x1, w6)
    c2.addProduct(x2, w6)
    c3.addProduct(x3, w6)
    c4.addProduct(x4, w6)
    c5.addProduct(x5, w6)
    c6.addProduct(x6, w6)
    let w7 = DepthwiseTile.load(taps + 7 * DepthwiseTile.lanes)
    c0.addProduct(x1, w7)
    c1.addProduct(x2, w7)
    c2.addProduct(x3, w7)
    c3.addProduct(x4, w7)
    c4.addProduct(x5, w7)
    c5.addProduct(x6, w7)
    c6.addProduct(x7, w7)
    let w8 = DepthwiseTile.load(taps + 8 * DepthwiseTile.lanes)
    c0.addProduct(x2, w8)
    c1.addProduct(x3, w8)
    c2.addProduct(x4, w8)
    c3.addProduct(x5, w8)
    c4.addProduct(x6, w8)
    c5.addProduct(x7, w8)
    let w9 = DepthwiseTile.load(taps + 9 * DepthwiseTile.lanes)
    c0.addProduct(x3, w9)
    c1.addProduct(x4, w9)
    c2.addProduct(x5, w9)
    c3.addProduct(x6, w9)
    c4.addProduct(x7, w9)
    let w10 = DepthwiseTile.load(taps + 10 * DepthwiseTile.lanes)
    c0.addProduct(x4, w10)
    c1.addProduct(x5, w10)
    c2.addProduct(x6, w10)
    c3.addProduct(x7, w10)
    let w11 = DepthwiseTile.load(taps + 11 * DepthwiseTile.lanes)
    c0.addProduct(x5, w11)
    c1.addProduct(x6, w11)
    c2.addProduct(x7, w11)
    let w12 = DepthwiseTile.load(taps + 12 * DepthwiseTile.lanes)
    c0.addProduct(x6, w12)
    c1.addProduct(x7, w12)
    let w13 = DepthwiseTile.load(taps + 13 * DepthwiseTile.lanes)
    c0.addProduct(x7, w13)
  }

  @inline(__always)
  func store(_ sink: DepthwiseTile.Sink, y: Int, x: Int) {
    sink.store(c0, y: y, x: x + 0)
    sink.store(c1, y: y, x: x + 1)
    sink.store(c2, y: y, x: x + 2)
    sink.store(c3, y: y, x: x + 3)
    sink.store(c4, y: y, x: x + 4)
    sink.store(c5, y: y, x: x + 5)
    sink.store(c6, y: y, x: x + 6)
  }
}

/// Fourteen outputs: two sevens.
struct Row14: DepthwiseRow {
  static let count = 14
  private static let half = Row7.count * DepthwiseTile.lanes

  private var left = Row7()
  private var right = Row7()

  @inline(__always)
  mutating func addToRight(_ base: UnsafePointer<Float>, _ w: Lanes, missing: Int) {
    if missing < Row7.count {
      left.addToRight(base, w, missing: missing)
      right.addToAll(base + Self.half, w)
    } else if missing == Row7.count {
      right.addToAll(base + Self.half, w)
    } else {
      right.addToRight(base + Self.half, w, missing: missing - Row7.count)
    }
  }

  @inline(__always)
  mutating func addToLeft(_ base: UnsafePointer<Float>, _ w: Lanes, present: Int) {
    if present < Row7.count {
      left.addToLeft(base, w, present: present)
    } else {
      left.addToAll(base, w)
      if present > Row7.count { right.addToLeft(base + Self.half, w, present: present - Row7.count) }
    }
  }

  @inline(__always)
  mutating func addToAll(_ base: UnsafePointer<Float>, _ w: Lanes) {
    left.addToAll(base, w)
    right.addToAll(base + Self.half, w)
  }

  @inline(__always)
  static func addToBoth(
    _ top: inout Row14, _ bottom: inout Row14, _ base: UnsafePointer<Float>, _ w0: Lanes, _ w1: Lanes
  ) {
    Row7.addToBoth(&top.left, &bottom.left, base, w0, w1)
    Row7.addToBoth(&top.right, &bottom.right, base + half, w0, w1)
  }

  @inline(__always)
  func store(_ sink: DepthwiseTile.Sink, y: Int, x: Int) {
    left.store(sink, y: y, x: x)
    right.store(sink, y: y, x: x + Row7.count)
  }
}
