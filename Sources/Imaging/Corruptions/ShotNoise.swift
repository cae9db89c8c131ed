extension Corruption {
  /// Poisson(x photons) / photons.
  public static let shotNoise = Corruption(
    "shot_noise", .standard(alexNetError: 0.894468), levels: shotPhotons.map { ShotTable(photons: $0) }
  ) { image, table, supplies in image.withShotNoise(table, supplies.random) }

  /// Photons of white at each severity, as the public code has them.
  package static let shotPhotons = [60.0, 25, 12, 5, 3]
}
