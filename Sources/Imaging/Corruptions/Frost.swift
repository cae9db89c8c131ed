import Tensors

extension Corruption {
  /// The weighted sum of the picture and frost: a part of one of the pictures, or a texture where there are none.
  public static let frost = Corruption(
    "frost", .standard(alexNetError: 0.826572), usesFrostPictures: true,
    levels: [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)]
  ) { (image, level: (picture: Float, frost: Float), supplies) in
    let (share, frostShare) = level
    let (pictures, random) = (supplies.frostPictures, supplies.random)
    guard !pictures.isEmpty else { return texturedFrost(image, share, frostShare, random: random) }
    func drawn(_ index: UInt64, below count: Int) -> Int {
      min(Int(random.uniform(at: singles + index) * Double(count)), count - 1)
    }
    let picture = covering(pictures[drawn(0, below: pictures.count)], image)
    // NumPy's `randint` leaves the last place out.
    let top = drawn(1, below: max(1, picture.height - image.height))
    let left = drawn(2, below: max(1, picture.width - image.width))
    var pixels = image.pixels
    for row in 0..<image.height {
      let (start, from) = (row * image.width * 3, ((top + row) * picture.width + left) * 3)
      for offset in 0..<image.width * 3 {
        let sum = share * Float(pixels[start + offset]) + frostShare * Float(picture.pixels[from + offset])
        pixels[start + offset] = UInt8(min(sum + 1e-4, 255))
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }

  /// The picture itself, or enlarged (bicubic) where it is too small to lie over another one.
  private static func covering(_ picture: RGBImage, _ image: RGBImage) -> RGBImage {
    guard picture.width < image.width || picture.height < image.height else { return picture }
    let factor = max(
      Double(image.width) / Double(picture.width), Double(image.height) / Double(picture.height))
    return Resampler.resize(
      picture, width: max(image.width, Int((Double(picture.width) * factor).rounded(.up))),
      height: max(image.height, Int((Double(picture.height) * factor).rounded(.up))), interpolation: .bicubic)
  }

  /// The public code's six photographs are not free to ship. In their place stands a texture of ridges: bright where a
  /// plasma passes its middle, which draws branching lines, on a bluish ground that a second plasma makes uneven.
  private static func texturedFrost(
    _ image: RGBImage, _ share: Float, _ frostShare: Float, random: CounterRandom
  ) -> RGBImage {
    let crystals = plasma(width: image.width, height: image.height, decay: 1.45, random)
    let ground = plasma(width: image.width, height: image.height, decay: 2, random.branch(1))
    let texture = zip(crystals, ground).map { crystal, ground in
      let ridge = 1 - abs(2 * crystal - 1)
      let square = ridge * ridge
      return frostShare * min(1, 0.22 + 0.5 * ground + 0.6 * (square * square))
    }
    return image.veiled(share: share, texture, tint: (0.82, 0.96, 1))
  }
}
