/// A value's rows as an image's map: pixels in rows, or tokens in a square behind those that stand for no patch.
struct MapView: Sendable, Hashable {
  /// Rows before the first pixel, such as the class token.
  let first: Int
  let height: Int
  let width: Int
  let channels: Int

  init(_ extents: Graph.Extents) {
    channels = extents.channels
    let side = Int(Double(extents.height).squareRoot())
    // A class token, and a token of distillation perhaps.
    if extents.width == 1, side > 1, extents.height - side * side <= 2 {
      (first, height, width) = (extents.height - side * side, side, side)
    } else {
      (first, height, width) = (0, extents.height, extents.width)
    }
  }

  var pixels: Int { height * width }

  /// The map's middle, of an even number of rows or columns the one behind it.
  var centre: Int { (height / 2) * width + width / 2 }

  /// The numbers of a pixel within those of an image.
  func range(of pixel: Int) -> Range<Int> { ((first + pixel) * channels)..<((first + pixel + 1) * channels) }

  /// Frequencies of the diagonal of its Fourier transform, from 0 on.
  var frequencies: Int { (min(height, width) + 1) / 2 }
}
