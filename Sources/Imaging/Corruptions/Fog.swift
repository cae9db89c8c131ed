extension Corruption {
  /// A plasma fractal over the picture, darkened so that its brightest stays as bright as it was.
  public static let fog = Corruption(
    "fog", .standard(alexNetError: 0.819324), levels: [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)]
  ) { (image, level: (strength: Float, decay: Double), supplies) in
    let brightest = image.pixels.withUnsafeBufferPointer { pixels in
      var brightest: UInt8 = 0
      for value in pixels { brightest = max(brightest, value) }
      return brightest
    }
    let largest = Float(brightest) / 255
    let cloud = plasma(width: image.width, height: image.height, decay: level.decay, supplies.random)
    // (x + strength cloud) largest / (largest + strength).
    let share = largest / (largest + level.strength)
    let thickness = level.strength * share
    return image.veiled(share: share, cloud.map { thickness * $0 }, tint: (1, 1, 1))
  }
}
