import KernelInterfaces

/// Depthwise convolution of one plane in two phases an axis; one source for each instruction set. See `PhasedAxis`.
enum PhasedDepthwise {
  private static let lanes = DepthwiseTile.lanes

  /// Elements that `convolve` needs to work in.
  static func scratchCount(_ rows: PhasedAxis, _ columns: PhasedAxis) -> Int {
    let (tall, wide) = (rows.extent / 2 + 2, columns.extent / 2 + 2)
    return (tall * columns.extent + tall * wide + 9 * tall * wide) * lanes
  }

  /// Writes `activation(convolution + bias)`, `channels` of each pixel's lanes.
  ///
  /// - Parameters:
  ///   - input: [height, width, lanes].
  ///   - weights: of the nine products, rows by columns, each [taps, taps, lanes].
  ///   - bias: [lanes].
  ///   - scratch: `scratchCount` elements.
  ///   - output: the first pixel; the next one is `step` elements on, rows follow each other.
  static func convolve(
    input: UnsafePointer<Float>, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>, relu: Bool,
    scratch: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>, step: Int, channels: Int,
    rows: PhasedAxis, columns: PhasedAxis, _ ahead: inout LinesAhead
  ) {
    ahead.share(among: 9 * (rows.extent / 2))
    let (tall, wide) = (rows.extent / 2 + 2, columns.extent / 2 + 2)
    let rowPart = scratch
    let part = rowPart + tall * columns.extent * lanes
    let sums = part + tall * wide * lanes
    let size = tall * wide * lanes
    var filter = weights
    for (row, rowProduct) in PhasedAxis.Product.allCases.enumerated() {
      takeRows(input, rows, rowProduct, columns.extent, into: rowPart)
      for (column, columnProduct) in PhasedAxis.Product.allCases.enumerated() {
        let (height, width) = (rows.range(rowProduct).count, columns.range(columnProduct).count)
        takeColumns(rowPart, height, columns, columnProduct, into: part)
        let taps = (rows.taps(rowProduct), columns.taps(columnProduct))
        let outputs = (rows.outputs(rowProduct), columns.outputs(columnProduct))
        DepthwiseTile.convolve(
          input: part, weights: filter,
          geometry: .init(
            height: height, width: width, rowTaps: taps.0, columnTaps: taps.1, top: rows.range(rowProduct).lowerBound,
            left: columns.range(columnProduct).lowerBound, rows: outputs.0, columns: outputs.1),
          into: .init(sums: sums + (row * 3 + column) * size, columns: outputs.1), &ahead)
        filter += taps.0 * taps.1 * lanes
      }
    }
    let sink = DepthwiseTile.Sink(
      output: output, step: step, columns: columns.extent, channels: channels, bias: bias, relu: relu)
    let (even, odd) = (columns.outputs(.even), columns.outputs(.odd))
    for y in 0..<rows.extent {
      let own = sums + (1 + y % 2) * 3 * size
      let line = y / 2 * lanes
      for x in 0..<columns.extent {
        let (first, second) = (line * even + x / 2 * lanes, line * (x % 2 == 0 ? even : odd) + x / 2 * lanes)
        let along = (1 + x % 2) * size
        let both = load(sums + first) + load(sums + along + second)
        sink.store(both + (load(own + first) + load(own + along + second)), y: y, x: x)
      }
    }
  }

  /// The differences of rows that a product reads, [range, width, lanes].
  private static func takeRows(
    _ input: UnsafePointer<Float>, _ axis: PhasedAxis, _ product: PhasedAxis.Product, _ width: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let count = width * lanes
    for (offset, index) in axis.range(product).enumerated() {
      let places = axis.places(product, index)
      let line = target + offset * count
      let taken = (0..<axis.extent).contains(places.taken) ? input + places.taken * count : nil
      let subtracted = places.subtracted.flatMap { (0..<axis.extent).contains($0) ? input + $0 * count : nil }
      for element in Swift.stride(from: 0, to: count, by: lanes) {
        write(taken.map { $0 + element }, subtracted.map { $0 + element }, line + element)
      }
    }
  }

  /// The differences of columns that a product reads, [height, range, lanes].
  private static func takeColumns(
    _ input: UnsafePointer<Float>, _ height: Int, _ axis: PhasedAxis, _ product: PhasedAxis.Product,
    into target: UnsafeMutablePointer<Float>
  ) {
    let range = axis.range(product)
    for y in 0..<height {
      let source = input + y * axis.extent * lanes
      for (offset, index) in range.enumerated() {
        let places = axis.places(product, index)
        let taken = (0..<axis.extent).contains(places.taken) ? source + places.taken * lanes : nil
        let subtracted = places.subtracted.flatMap { (0..<axis.extent).contains($0) ? source + $0 * lanes : nil }
        write(taken, subtracted, target + (y * range.count + offset) * lanes)
      }
    }
  }

  @inline(__always)
  private static func write(
    _ taken: UnsafePointer<Float>?, _ subtracted: UnsafePointer<Float>?, _ target: UnsafeMutablePointer<Float>
  ) {
    var value = Lanes(repeating: 0)
    if let taken { value = load(taken) }
    if let subtracted { value -= load(subtracted) }
    UnsafeMutableRawPointer(target).storeBytes(of: value, as: Lanes.self)
  }

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>) -> Lanes { DepthwiseTile.load(pointer) }
}
