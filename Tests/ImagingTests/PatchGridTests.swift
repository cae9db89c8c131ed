import Imaging
import Tensors
import Testing

@Suite struct PatchGridTests {
  private let random = CounterRandom(key: 7, stream: 1)

  private func zeros(_ image: RGBImage) -> Set<[Int]> {
    let dark = (0..<image.height * image.width).filter { image.pixels[3 * $0] == 0 }
    return Set(dark.map { [$0 / image.width, $0 % image.width] })
  }

  @Test("a grid may have other rows than columns; patch 2 of 2x2 is the lower left")
  func grids() {
    let white = RGBImage(width: 32, height: 32, pixels: Array(repeating: 255, count: 32 * 32 * 3))
    for (rows, columns) in [(2, 2), (4, 8), (32, 32), (5, 7)] {
      let drop = PatchDrop(grid: PatchGrid(rows: rows, columns: columns), percent: 50)
      let patches = drop.patches(random: random)
      #expect(patches.count == rows * columns / 2 && drop.grid.description == "\(rows)x\(columns)")
      var expected: Set<[Int]> = []
      for patch in patches {
        let (top, left) = (patch / columns, patch % columns)
        for row in top * 32 / rows..<(top + 1) * 32 / rows {
          for column in left * 32 / columns..<(left + 1) * 32 / columns { expected.insert([row, column]) }
        }
      }
      #expect(zeros(drop.apply(white, random: random)) == expected)
    }
    let stream = (0..<100).first {
      PatchDrop(gridSide: 2, percent: 25).patches(random: CounterRandom(key: 7, stream: $0)) == [2]
    }
    let lowerLeft = zeros(
      PatchDrop(gridSide: 2, percent: 25).apply(white, random: CounterRandom(key: 7, stream: stream ?? 0)))
    #expect(lowerLeft.count == 256 && lowerLeft.allSatisfy { $0[0] >= 16 && $0[1] < 16 })
  }

  @Test("a shifted grid drops the same patches half a patch further right and down; what leaves the picture is gone")
  func shift() {
    let white = RGBImage(width: 56, height: 28, pixels: Array(repeating: 255, count: 56 * 28 * 3))
    let grid = PatchGrid(side: 7)
    let plain = zeros(PatchDrop(grid: grid, percent: 60).apply(white, random: random))
    let shifted = zeros(PatchDrop(grid: grid, percent: 60, isShifted: true).apply(white, random: random))
    let moved = plain.map { [$0[0] + 2, $0[1] + 4] }
    #expect(shifted == Set(moved.filter { $0[0] < 28 && $0[1] < 56 }))
    #expect(shifted.allSatisfy { $0[0] >= 2 && $0[1] >= 4 } && shifted.count < plain.count)
  }

  @Test("shuffled patches are the same patches in other places")
  func shuffle() throws {
    // Every patch of 4x8 has a number of its own, every pixel its place in it.
    let (height, width) = (16, 16)
    let image = RGBImage(
      width: width, height: height,
      pixels: (0..<height * width).flatMap { place -> [UInt8] in
        let (row, column) = (place / width, place % width)
        return [UInt8(row / 4 * 8 + column / 2), UInt8(row % 4), UInt8(column % 2)]
      })
    let grid = PatchGrid(rows: 4, columns: 8)
    let shuffled = try PatchShuffle(grid: grid).apply(image, random: random)
    let numbers = (0..<height * width).map { shuffled.pixels[3 * $0] }
    #expect(shuffled != image && Set(numbers).count == 32)
    for place in 0..<height * width {
      let (row, column) = (place / width, place % width)
      #expect(numbers[place] == numbers[row / 4 * 4 * width + column / 2 * 2])
      #expect(shuffled.pixels[3 * place + 1] == UInt8(row % 4) && shuffled.pixels[3 * place + 2] == UInt8(column % 2))
    }
    #expect(try PatchShuffle(grid: grid).apply(image, random: CounterRandom(key: 7, stream: 2)) != shuffled)
    #expect(try PatchShuffle(grid: PatchGrid(side: 1)).apply(image, random: random) == image)
    #expect(throws: ImageError.self) { try PatchShuffle(grid: PatchGrid(side: 3)).apply(image, random: random) }
  }
}
