extension Corruption {
  /// x + x N(0, deviation).
  public static let speckleNoise = Corruption(
    "speckle_noise", .extra, levels: [0.15, 0.2, 0.35, 0.45, 0.6]
  ) { image, deviation, supplies in image.withSpeckleNoise(deviation: deviation, supplies.random) }
}
