extension Corruption {
  /// Correlation with an antialiased disk, border reflect-101.
  public static let defocusBlur = Corruption(
    "defocus_blur", .standard(alexNetError: 0.819880),
    levels: [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)]
  ) { (image, level: (radius: Int, sigma: Double), _) in
    AntialiasedDisk(radius: level.radius, sigma: level.sigma).blur(image)
  }
}
