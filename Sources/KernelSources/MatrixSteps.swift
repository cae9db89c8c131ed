import CProcessor
import KernelInterfaces

/// The order of a matrix product; one source for each instruction set.
///
/// A step multiplies some words of the rows of a few tiles, which lie in the second-level cache, by all panels. Meanwhile
/// those of the next step are copied to where they lie well. The sums of steps that are not the last of their rows are kept.
struct MatrixSteps<Words: ProductWords> {
  /// Words of a step, at most: whole lines.
  private static var mostWords: Int { 1024 }
  /// Tiles of a step, at most, and of one with as many words.
  private static var mostTiles: Int { 11 }
  private static var mostLongTiles: Int { 8 }

  let words, panels: Int
  private let rows, inner: Int
  /// Words of a step, and how many steps the words take.
  private let stepWords, slices: Int
  private let tiles: Int
  /// At least `tiles`, and no fewer for more rows.
  private let room: Int

  init(_ product: MatrixProduct, _: Words.Type) {
    (rows, inner) = (product.rows, product.inner)
    words = (inner + Words.numbers - 1) / Words.numbers
    panels = (product.columns + MatrixTile.columns - 1) / MatrixTile.columns
    slices = max(1, (words + Self.mostWords - 1) / Self.mostWords)
    stepWords = ((words + slices - 1) / slices + 15) / 16 * 16
    let needed = (rows + MatrixTile.rows - 1) / MatrixTile.rows
    let most = max(1, min(Self.mostTiles, Self.mostLongTiles * Self.mostWords / max(1, stepWords)))
    let passes = max(1, (needed + most - 1) / most)
    room = min(needed, most)
    tiles = (needed + passes - 1) / passes
  }

  /// Elements from one tile's lines to the next.
  var tileStep: Int { stepWords * MatrixTile.rows }

  private var tilesOfSums: Int { slices > 1 ? room * panels + 1 : 1 }

  /// Elements to work in.
  var scratchCount: Int { 2 * room * tileStep + tilesOfSums * MatrixTile.count }

  /// Where two steps' lines are, and the tiles of sums.
  func places(
    _ scratch: UnsafeMutablePointer<Float>
  ) -> (lines: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>), sums: UnsafeMutablePointer<Float>) {
    ((scratch, scratch + room * tileStep), scratch + 2 * room * tileStep)
  }

  private var stepRows: Int { max(1, tiles * MatrixTile.rows) }

  var count: Int { (rows + stepRows - 1) / stepRows * slices }

  /// A step's rows and words.
  func ranges(_ step: Int) -> (rows: Range<Int>, words: Range<Int>) {
    let (row, word) = (step / slices * stepRows, step % slices * stepWords)
    return (row..<min(rows, row + stepRows), word..<min(words, word + stepWords))
  }

  /// The numbers that a step's lines are made of: none beyond the last step.
  func rows(_ step: Int) -> (rows: Range<Int>, numbers: Range<Int>) {
    guard step < count else { return (0..<0, 0..<0) }
    let (rows, words) = ranges(step)
    return (rows, words.lowerBound * Words.numbers..<min(inner, words.upperBound * Words.numbers))
  }

  /// A step's lines where `left` is in lines of all words.
  func rounded(_ left: UnsafePointer<Float>, _ step: Int) -> (UnsafePointer<Float>, Int) {
    let (rows, words) = ranges(step)
    let tileStep = (self.words + 15) / 16 * 16 * MatrixTile.rows
    return (left + rows.lowerBound / MatrixTile.rows * tileStep + words.lowerBound * MatrixTile.rows, tileStep)
  }

  /// A panel's sums.
  func sums(panel: Int, tile: Int, _ sums: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
    slices > 1 ? sums + (panel * tiles + tile) * MatrixTile.count : sums
  }

  /// Some words of a panel.
  func weights(_ panel: Int, _ words: Range<Int>, _ panels: UnsafePointer<Float>) -> UnsafePointer<Float> {
    panels + (panel * self.words + words.lowerBound) * MatrixTile.columns
  }

  /// The weights that are read next.
  func weights(after panel: Int, _ step: Int, _ panels: UnsafePointer<Float>) -> UnsafeBufferPointer<Float> {
    let isLast = panel + 1 == self.panels
    let words = ranges(isLast ? (step + 1) % count : step).words
    return UnsafeBufferPointer(
      start: weights(isLast ? 0 : panel + 1, words, panels), count: words.count * MatrixTile.columns)
  }
}

/// What is made ready while the processor waits for its multiply-adds, a little every 16 words: the lines of the next step,
/// and the weights of the next panel. Made all at once, lines would cost the time of their way from a farther cache.
struct Preparation<Words: ProductWords> {
  private var source: UnsafePointer<Float>
  private var target: UnsafeMutablePointer<Float>
  /// Rows that there are, and rows that are written: all that are computed. A last tile that is not whole repeats its last
  /// row, whose sums are not stored.
  private let end, whole: Int
  private let numbers, inner, tileStep: Int
  private var row = 0
  private var number = 0
  /// Lines that are made each time.
  private var portion = 0
  private var weights, weightsEnd: UnsafePointer<Float>
  /// Lines of weights that are asked for each time.
  private var linesAsked = 0

  /// Makes lines of some rows' `numbers` of a product's left side.
  init(
    _ part: (rows: Range<Int>, numbers: Range<Int>), _ product: MatrixProduct, into target: UnsafeMutablePointer<Float>,
    tileStep: Int
  ) {
    (numbers, inner, self.target) = (part.numbers.count, product.inner, target)
    source = product.left + part.rows.lowerBound * inner + part.numbers.lowerBound
    end = part.rows.count
    whole = end / MatrixTile.rows * MatrixTile.rows + MatrixTile.rows(for: end % MatrixTile.rows)
    self.tileStep = tileStep
    (weights, weightsEnd) = (product.panels, product.panels)
  }

  /// Makes the lines in so many calls of `go`; rows with less than a whole line are left to `finish`.
  mutating func spread(over calls: Int) {
    portion =
      numbers % Words.lineNumbers == 0 ? (whole * numbers / Words.lineNumbers + max(1, calls) - 1) / max(1, calls) : 0
  }

  /// Asks for weights in so many calls of `go`.
  mutating func ask(for weights: UnsafeBufferPointer<Float>, over calls: Int) {
    guard let start = weights.baseAddress else { return }
    (self.weights, weightsEnd) = (start, start + weights.count)
    linesAsked = (weights.count / 16 + max(1, calls) - 1) / max(1, calls)
  }

  @inline(__always)
  mutating func go() {
    if weights < weightsEnd {
      for line in 0..<linesAsked { gauntlet_prefetch_for_later(weights + 16 * line) }
      weights += 16 * linesAsked
    }
    for _ in 0..<portion where row < whole {
      Words.line(source + number, into: target + number / Words.numbers * MatrixTile.rows)
      number += Words.lineNumbers
      if number == numbers { advance() }
    }
  }

  /// To the next row.
  @inline(__always)
  private mutating func advance() {
    number = 0
    row += 1
    if row < end { source += inner }
    target += row % MatrixTile.rows == 0 ? tileStep - 16 * (MatrixTile.rows - 1) : 16
  }

  /// Makes what lines are left.
  mutating func finish() {
    while row < whole {
      for number in stride(from: 0, through: numbers - Words.lineNumbers, by: Words.lineNumbers) {
        Words.line(source + number, into: target + number / Words.numbers * MatrixTile.rows)
      }
      let rest = numbers % Words.lineNumbers
      if rest > 0 {
        Words.rest(
          source + (numbers - rest), count: rest, into: target + (numbers - rest) / Words.numbers * MatrixTile.rows)
      }
      advance()
    }
  }
}

/// What the numbers of a product are computed in. A word is of 32 bits, a line of 16 words.
protocol ProductWords {
  /// Numbers of a word.
  static var numbers: Int { get }
  /// Makes a line.
  static func line(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>)
  /// Makes less than a line of `count` numbers.
  static func rest(_ source: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Float>)
  /// Adds the products of `words` words of a tile's rows, `lines` [words / 16, rows, 16], and `panel` [words, columns], to
  /// the sums of at least the first `count` rows.
  static func add(
    _ lines: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ words: Int, count: Int, to tile: inout MatrixTile,
    _ ready: UnsafeMutablePointer<Preparation<Self>>)
}

extension ProductWords {
  /// Numbers of a line.
  @inline(__always)
  static var lineNumbers: Int { 16 * numbers }
}

/// Numbers as they are.
enum Float32Words: ProductWords {
  @inline(__always)
  static var numbers: Int { 1 }

  @inline(__always)
  static func line(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(
      of: UnsafeRawPointer(source).loadUnaligned(as: SIMD16<Float>.self), as: SIMD16<Float>.self)
  }

  static func rest(_ source: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Float>) {
    target.update(from: source, count: count)
  }

  @inline(__always)
  static func add(
    _ lines: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ words: Int, count: Int, to tile: inout MatrixTile,
    _ ready: UnsafeMutablePointer<Preparation<Self>>
  ) {
    tile.add(lines: lines, panel: panel, inner: words, count: count) { _ in ready.pointee.go() }
  }
}
