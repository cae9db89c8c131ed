import Tensors

/// The patches of a picture in a random order, which keeps what is seen up close and breaks how it hangs together. After Naseer et al.,
/// "Intriguing properties of vision transformers" (2021).
public struct PatchShuffle: Sendable, Hashable, Codable {
  /// The patches.
  public let grid: PatchGrid

  /// An order of the patches of a grid.
  public init(grid: PatchGrid) { self.grid = grid }

  /// The picture with its patches in another order: the patch at a place is the one that the order names.
  ///
  /// - Throws: `ImageError.wrongSize` where patches are not all of one size.
  public func apply(_ image: RGBImage, random: CounterRandom) throws(ImageError) -> RGBImage {
    guard grid.divides(image.size) else {
      throw .wrongSize(width: image.width, height: image.height, expected: "sides must be multiples of \(grid)")
    }
    var pixels = image.pixels
    for (place, patch) in random.order(of: grid.count).enumerated() {
      let (target, source) = (grid.pixels(of: place, in: image.size), grid.pixels(of: patch, in: image.size))
      for (row, sourceRow) in zip(target.rows, source.rows) {
        let into = (row * image.width + target.columns.lowerBound) * 3
        let from = (sourceRow * image.width + source.columns.lowerBound) * 3
        for index in 0..<3 * target.columns.count { pixels[into + index] = image.pixels[from + index] }
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }
}
