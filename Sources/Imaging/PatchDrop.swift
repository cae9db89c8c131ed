import Tensors

/// Random occlusion: a share of the patches of a square grid is set to 0.
///
/// The patches of a picture are put in one random order, of which each share takes the front: what a smaller share hides,
/// a larger one hides too. 14 x 14 patches of 16 x 16 pixels with shares of 10 to 90 % are those of Naseer et al.,
/// "Intriguing properties of vision transformers" (2021).
public struct PatchDrop: Sendable, Hashable, Codable {
  /// Patches a side.
  public let gridSide: Int
  /// The share that is dropped, percent, 0 to 100; the count is rounded down, as in the authors' code: of 196 patches 10 %
  /// are 19, 90 % are 176.
  public let percent: Int

  /// A share of a grid.
  public init(gridSide: Int, percent: Int) {
    self.gridSide = gridSide
    self.percent = percent
  }

  /// How many patches are dropped.
  public var count: Int { gridSide * gridSide * percent / 100 }

  /// The numbers of the dropped patches, row-major, ascending.
  public func patches(random: CounterRandom) -> [Int] {
    let count = gridSide * gridSide
    let order = (0..<count).sorted { first, second in
      let (left, right) = (random.word(at: UInt64(first)), random.word(at: UInt64(second)))
      return left == right ? first < second : left < right
    }
    return order.prefix(self.count).sorted()
  }

  /// The picture without the dropped patches. Where a side is no multiple of the grid's, patches differ by a pixel.
  public func apply(_ image: RGBImage, random: CounterRandom) -> RGBImage {
    var pixels = image.pixels
    for patch in patches(random: random) {
      let (row, column) = (patch / gridSide, patch % gridSide)
      let columns = column * image.width / gridSide..<(column + 1) * image.width / gridSide
      for y in row * image.height / gridSide..<(row + 1) * image.height / gridSide {
        for index in (y * image.width + columns.lowerBound) * 3..<(y * image.width + columns.upperBound) * 3 {
          pixels[index] = 0
        }
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }
}
