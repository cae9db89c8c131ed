extension Corruption {
  /// The mean of the picture and its zooms; the factor 1 is among them.
  public static let zoomBlur = Corruption(
    "zoom_blur", .standard(alexNetError: 0.798360),
    // The factors that numpy's `arange(1, end, step)` gives, to the bit: its rounding includes the end of the first.
    levels: [(12, 0.01), (16, 0.01), (11, 0.02), (13, 0.02), (11, 0.03)]
  ) { (image, level: (count: Int, step: Double), _) in
    let raster = Raster(image)
    var sum = raster
    for index in 0..<level.count {
      let zoomed = raster.clippedZoom(1 + Double(index) * ((1 + level.step) - 1))
      for pixel in sum.values.indices { sum.values[pixel] += zoomed.values[pixel] }
    }
    for pixel in sum.values.indices { sum.values[pixel] /= Float(level.count + 1) }
    return RGBImage(sum)
  }
}
