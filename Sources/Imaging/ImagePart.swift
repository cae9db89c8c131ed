/// A rectangle of a larger picture, of which the rest was not decoded.
package struct ImagePart: Sendable {
  /// Columns and rows of a picture.
  package struct Place: Sendable, Hashable {
    package let columns: Range<Int>
    package let rows: Range<Int>

    package init(columns: Range<Int>, rows: Range<Int>) {
      (self.columns, self.rows) = (columns, rows)
    }
  }

  /// The pixels that there are.
  package let image: RGBImage
  /// Where they lie in the picture.
  package let left, top: Int
  /// The picture's columns and rows.
  package let width, height: Int

  package init(image: RGBImage, left: Int, top: Int, width: Int, height: Int) {
    (self.image, self.left, self.top, self.width, self.height) = (image, left, top, width, height)
  }

  /// All of a picture.
  package init(_ image: RGBImage) {
    self.init(image: image, left: 0, top: 0, width: image.width, height: image.height)
  }
}
