extension Corruption {
  /// x + N(0, deviation).
  public static let gaussianNoise = Corruption(
    "gaussian_noise", .standard(alexNetError: 0.886428), levels: [0.08, 0.12, 0.18, 0.26, 0.38]
  ) { image, deviation, supplies in image.withGaussianNoise(deviation: deviation, supplies.random) }
}
