import CProcessor
import KernelInterfaces

/// The matrix product, with rows copied so that they lie well in the cache; one source for each instruction set, since
/// `MatrixTile` and `Lanes` are each module's own.
///
/// Gives the bits of `ScalarKernels.matrixProduct`.
package struct MatrixProduct: MatrixKernel {
  /// Columns of a panel of packed weights.
  package static let panelColumns = MatrixTile.columns
  static let lanes = Lanes.scalarCount

  /// [rows, inner], row-major.
  let left: UnsafePointer<Float>
  /// Panels of [inner, panelColumns], the last one filled up with zeros; for `multiplyBlocks` see there.
  let panels: UnsafePointer<Float>
  /// Room for whole panels.
  let bias: UnsafePointer<Float>
  /// 0 none, 1 ReLU, 2 GELU, 3 ReLU after the residual.
  let activation: Int32
  /// [rows, columns] or nil; may be `output` itself.
  let residual: UnsafePointer<Float>?
  /// [rows, columns], row-major.
  let output: UnsafeMutablePointer<Float>
  let rows, inner, columns: Int
  /// `ErrorFunction.table`, six rows of 16.
  let errorFunction: UnsafePointer<Float>

  package init(
    left: UnsafePointer<Float>, panels: UnsafePointer<Float>, bias: UnsafePointer<Float>, activation: Int32,
    residual: UnsafePointer<Float>?, output: UnsafeMutablePointer<Float>, rows: Int, inner: Int, columns: Int,
    errorFunction: UnsafePointer<Float>
  ) {
    (self.left, self.panels, self.bias, self.activation) = (left, panels, bias, activation)
    (self.residual, self.output, self.rows, self.inner) = (residual, output, rows, inner)
    (self.columns, self.errorFunction) = (columns, errorFunction)
  }

  /// Elements that `multiply` needs to work in.
  package var scratchCount: Int { MatrixSteps(self, Float32Words.self).scratchCount }

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  package func multiply(scratch: UnsafeMutablePointer<Float>) { multiply(Float32Words.self, rounded: [], scratch) }

  /// Multiplies rows of words by panels of words.
  func multiply<Words: ProductWords>(
    _: Words.Type, rounded: RoundedSides, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let steps = MatrixSteps(self, Words.self)
    let places = steps.places(scratch)
    let isRounded = rounded.contains(.left)
    var ready = Preparation<Words>(steps.rows(0), self, into: places.lines.0, tileStep: steps.tileStep)
    for step in 0..<steps.count {
      if !isRounded { ready.finish() }
      let lines = step % 2 == 0 ? places.lines : (places.lines.1, places.lines.0)
      ready = Preparation<Words>(
        steps.rows(isRounded ? steps.count : step + 1), self, into: lines.1, tileStep: steps.tileStep)
      multiply(
        step, steps, isRounded ? steps.rounded(left, step) : (UnsafePointer(lines.0), steps.tileStep), places.sums,
        rounded, &ready)
    }
  }

  /// Multiplies a step's rows by all panels.
  private func multiply<Words: ProductWords>(
    _ step: Int, _ steps: MatrixSteps<Words>, _ lines: (start: UnsafePointer<Float>, tileStep: Int),
    _ sums: UnsafeMutablePointer<Float>, _ rounded: RoundedSides, _ ready: inout Preparation<Words>
  ) {
    let (taken, words) = steps.ranges(step)
    let tiles = (taken.count + MatrixTile.rows - 1) / MatrixTile.rows
    ready.spread(over: tiles * steps.panels * (words.count / 16))
    for panel in 0..<steps.panels {
      ready.ask(for: steps.weights(after: panel, step, panels), over: tiles * (words.count / 16))
      for tile in 0..<tiles {
        let place = steps.sums(panel: panel, tile: tile, sums)
        if words.lowerBound > 0 { prefetchSums(place + MatrixTile.count) }
        let row = taken.lowerBound + tile * MatrixTile.rows
        withUnsafeMutablePointer(to: &ready) {
          let sides = Sides(
            lines: lines.start + tile * lines.tileStep, count: min(MatrixTile.rows, taken.upperBound - row),
            panel: steps.weights(panel, words, panels), words: words.count,
            before: words.lowerBound == 0 ? nil : UnsafePointer(place), ready: $0)
          if words.upperBound < steps.words {
            tileSums(sides, into: place)
          } else if rounded.contains(.output) {
            tileSums(sides, into: place)
            finishRounded(place, row: row, count: sides.count, column: panel * MatrixTile.columns, Words.self)
          } else {
            finishedTile(sides, row: row, column: panel * MatrixTile.columns, sums: place)
          }
        }
      }
    }
  }

  /// Takes a tile's rows to the output; `sums` is a tile to work in.
  @inline(__always)
  private func finishedTile(
    _ sides: Sides<some ProductWords>, row: Int, column: Int, sums: UnsafeMutablePointer<Float>
  ) {
    let width = min(MatrixTile.columns, columns - column)
    prefetchOutput(row: row, count: sides.count, column: column)
    if sides.count == MatrixTile.rows, width == MatrixTile.columns, isFinishedByTiles {
      wholeTile(sides, row: row, column: column)
    } else {
      tileSums(sides, into: sums)
      finish(sums, row: row, count: sides.count, column: column, width: width)
    }
  }

  /// What a tile's sums are of.
  private struct Sides<Words: ProductWords> {
    /// A tile's rows, of which there are `count`.
    let lines: UnsafePointer<Float>
    let count: Int
    let panel: UnsafePointer<Float>
    let words: Int
    /// The sums of the words before.
    let before: UnsafePointer<Float>?
    /// What is made ready meanwhile.
    let ready: UnsafeMutablePointer<Preparation<Words>>

    @inline(always)
    func product(of count: Int) -> MatrixTile {
      var tile = before.map { MatrixTile($0) } ?? MatrixTile()
      Words.add(lines, panel, words, count: count, to: &tile, ready)
      return tile
    }
  }

  @inline(__always)
  private func prefetchSums(_ sums: UnsafePointer<Float>) {
    for line in 0..<MatrixTile.count / 16 { gauntlet_prefetch_for_writing(sums + 16 * line) }
  }

  /// Asks for the lines of a tile of the output, which come into the cache while its sums are computed.
  @inline(__always)
  private func prefetchOutput(row: Int, count: Int, column: Int) {
    let last = min(MatrixTile.columns, columns - column) - 1
    for offset in 0..<count {
      gauntlet_prefetch_for_writing(output + (row + offset) * columns + column)
      gauntlet_prefetch_for_writing(output + (row + offset) * columns + column + last)
    }
  }

  /// Whether a whole tile needs nothing that its registers or one pass over its lines in the cache cannot do.
  var isFinishedByTiles: Bool { activation == 0 || activation == 3 || activation == 1 && residual == nil }

  @inline(never)
  private func wholeTile(_ sides: Sides<some ProductWords>, row: Int, column: Int) {
    let tile = sides.product(of: MatrixTile.rows)
    let offset = row * columns + column
    if let residual {
      tile.store(output + offset, stride: columns, bias: bias + column, residual: residual + offset)
    } else {
      tile.store(output + offset, stride: columns, bias: bias + column)
    }
    guard activation != 0 else { return }
    for row in 0..<MatrixTile.rows {
      for start in stride(from: 0, to: MatrixTile.columns, by: Self.lanes) {
        let place = output + offset + row * columns + start
        put(relu(load(place)), place)
      }
    }
  }

  @inline(never)
  private func tileSums(_ sides: Sides<some ProductWords>, into target: UnsafeMutablePointer<Float>) {
    sides.product(of: sides.count).store(target, stride: MatrixTile.columns)
  }

  /// Takes `count` rows of a tile's sums to the output.
  func finish(_ sums: UnsafePointer<Float>, row: Int, count: Int, column: Int, width: Int) {
    for start in stride(from: 0, to: width, by: Self.lanes) {
      let addition = load(bias + column + start)
      for offset in 0..<count {
        var value = activated(load(sums + offset * MatrixTile.columns + start) + addition)
        let place = (row + offset) * columns + column + start
        if start + Self.lanes <= width {
          if let residual { value += load(residual + place) }
          put(rectified(value), output + place)
        } else {
          if let residual { for lane in 0..<width - start { value[lane] += residual[place + lane] } }
          value = rectified(value)
          for lane in 0..<width - start { output[place + lane] = value[lane] }
        }
      }
    }
  }

  @inline(always)
  func relu(_ x: Lanes) -> Lanes { Lanes(repeating: 0).replacing(with: x, where: x .> 0) }

  /// What the activation makes of a sum before the residual is added.
  @inline(always)
  func activated(_ x: Lanes) -> Lanes {
    switch activation {
    case 1: relu(x)
    case 2: gelu(x)
    default: x
    }
  }

  /// What it makes of the sum with the residual.
  @inline(always)
  func rectified(_ x: Lanes) -> Lanes { activation == 3 ? relu(x) : x }

  @inline(__always)
  func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  func put(_ value: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: value, as: Lanes.self)
  }

  /// The steps of `ErrorFunction.gelu`, a number a lane.
  @inline(always)
  func gelu(_ x: Lanes) -> Lanes {
    let half = 0.5 * x
    let zero = Lanes(repeating: 0)
    let negative = x .< zero
    var place = x.replacing(with: zero - x, where: negative) * errorFunction[6 * 16]
    place.replace(with: 15, where: place .>= 15)
    // Adding 2^23 leaves the nearest integer in the last bits.
    let shifted = place + 0x1p23
    let index = unsafeBitCast(shifted, to: IntegerLanes.self)
    let rest = place - (shifted - 0x1p23)
    var sum = lookUp(errorFunction + 5 * 16, index)
    sum = lookUp(errorFunction + 4 * 16, index).addingProduct(sum, rest)
    sum = lookUp(errorFunction + 3 * 16, index).addingProduct(sum, rest)
    sum = lookUp(errorFunction + 2 * 16, index).addingProduct(sum, rest)
    sum = lookUp(errorFunction + 16, index).addingProduct(sum, rest)
    sum = lookUp(errorFunction, index).addingProduct(sum, rest)
    return half.addingProduct(half.replacing(with: zero - half, where: negative), sum)
  }
}
