extension Corruption {
  /// Shrunk to int(side * scale) and blown up again, both with the box filter.
  public static let pixelate = Corruption(
    "pixelate", .standard(alexNetError: 0.717840), levels: [0.6, 0.5, 0.4, 0.3, 0.25]
  ) { image, scale, _ in
    let small = Resampler.resize(
      image, width: max(1, Int(Double(image.width) * scale)), height: max(1, Int(Double(image.height) * scale)),
      interpolation: .box)
    return Resampler.resize(small, width: image.width, height: image.height, interpolation: .box)
  }
}
