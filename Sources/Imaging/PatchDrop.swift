import Tensors

/// Random occlusion: a share of the patches of a grid is set to 0.
///
/// The patches of a picture are put in one random order, of which each share takes the front: what a smaller share hides,
/// a larger one hides too. 14 x 14 patches of 16 x 16 pixels with shares of 10 to 90 % are those of Naseer et al.,
/// "Intriguing properties of vision transformers" (2021).
public struct PatchDrop: Sendable, Hashable, Codable {
  /// The patches.
  public let grid: PatchGrid
  /// The share that is dropped, percent, 0 to 100; the count is rounded down, as in the authors' code: of 196 patches 10 %
  /// are 19, 90 % are 176.
  public let percent: Int
  /// Whether the grid is moved by half a patch to the right and down, as in the authors' code: what is dropped moves out of the picture
  /// there, and nothing is dropped of the first half patch.
  public let isShifted: Bool

  /// A share of a grid.
  public init(grid: PatchGrid, percent: Int, isShifted: Bool = false) {
    (self.grid, self.percent, self.isShifted) = (grid, percent, isShifted)
  }

  /// A share of a grid of as many rows as columns.
  public init(gridSide: Int, percent: Int) {
    self.init(grid: PatchGrid(side: gridSide), percent: percent)
  }

  /// How many patches are dropped.
  public var count: Int { grid.count * percent / 100 }

  /// The numbers of the dropped patches, row-major, ascending.
  public func patches(random: CounterRandom) -> [Int] {
    random.order(of: grid.count).prefix(count).sorted()
  }

  /// The picture without the dropped patches. Where a side is no multiple of the grid's, patches differ by a pixel.
  public func apply(_ image: RGBImage, random: CounterRandom) -> RGBImage {
    let down = isShifted ? image.height / grid.rows / 2 : 0
    let right = isShifted ? image.width / grid.columns / 2 : 0
    return image.without(
      patches(random: random).lazy.map { patch in
        let place = grid.pixels(of: patch, in: image.size)
        return (
          rows: min(place.rows.lowerBound + down, image.height)..<min(place.rows.upperBound + down, image.height),
          columns: min(
            place.columns.lowerBound + right, image.width)..<min(place.columns.upperBound + right, image.width)
        )
      })
  }
}

extension CounterRandom {
  /// The numbers from 0 on in a random order: by their words, of equal ones the smaller number first.
  func order(of count: Int) -> [Int] {
    let words = (0..<count).map { word(at: UInt64($0)) }
    return words.indices.sorted { first, second in
      words[first] == words[second] ? first < second : words[first] < words[second]
    }
  }
}
