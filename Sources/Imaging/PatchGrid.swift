/// A grid of patches over a picture.
public struct PatchGrid: Sendable, Hashable, Codable, CustomStringConvertible {
  /// Patches from top to bottom.
  public let rows: Int
  /// Patches from left to right.
  public let columns: Int

  /// A grid of at least one patch.
  public init(rows: Int, columns: Int) {
    (self.rows, self.columns) = (max(1, rows), max(1, columns))
  }

  /// A grid of as many rows as columns.
  public init(side: Int) {
    self.init(rows: side, columns: side)
  }

  /// Patches, which are numbered row by row.
  public var count: Int { rows * columns }

  /// `4x8`: four rows of eight.
  public var description: String { "\(rows)x\(columns)" }

  /// Whether all patches of a picture of some size have one size.
  public func divides(_ size: PictureSize) -> Bool { size.height % rows == 0 && size.width % columns == 0 }

  /// The pixels of a patch of a picture of some size. Where a side is no multiple of the grid's, patches differ by a pixel.
  public func pixels(of patch: Int, in size: PictureSize) -> (rows: Range<Int>, columns: Range<Int>) {
    let (row, column) = (patch / columns, patch % columns)
    return (
      row * size.height / rows..<(row + 1) * size.height / rows,
      column * size.width / columns..<(column + 1) * size.width / columns
    )
  }
}

extension RGBImage {
  /// The picture with pixels set to 0.
  func without(_ patches: some Sequence<(rows: Range<Int>, columns: Range<Int>)>) -> RGBImage {
    var pixels = pixels
    for patch in patches {
      for y in patch.rows {
        for index in (y * width + patch.columns.lowerBound) * 3..<(y * width + patch.columns.upperBound) * 3 {
          pixels[index] = 0
        }
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}
