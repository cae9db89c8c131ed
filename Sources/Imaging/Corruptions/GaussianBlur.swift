extension Corruption {
  /// A Gaussian of some deviation in pixels.
  public static let gaussianBlur = Corruption("gaussian_blur", .extra, levels: [1, 2, 3, 4, 6]) { image, sigma, _ in
    image.blurred(sigma: sigma)
  }
}

extension RGBImage {
  /// Under a Gaussian.
  func blurred(sigma: Double) -> RGBImage { RGBImage(Raster(self).gaussian(sigma: sigma)) }
}
