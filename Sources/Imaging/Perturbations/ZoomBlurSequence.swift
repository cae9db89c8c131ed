extension Perturbation {
  /// The mean of ever more pictures that grow by 0.4 % each, summed in float32 as the public code does.
  public static let zoomBlur = Perturbation(
    "zoom_blur",
    of: .whole { picture, crop, number in
      let frames = number + 1
      var sum = [Float](repeating: 0, count: crop.width * crop.height * 3)
      let shares = (0...255).map { Float($0) / 255 }
      for frame in 0..<frames {
        let map = GeometricMap.Affine(scale: 1 + 0.004 * Double(frame), width: picture.width, height: picture.height)
        let zoomed = frame == 0 ? picture.nearest(map, window: crop) : picture.bilinear(map, window: crop)
        for (index, value) in zoomed.pixels.enumerated() { sum[index] += shares[Int(value)] }
      }
      guard frames > 1 else {
        return picture.nearest(.init(width: picture.width, height: picture.height), window: crop)
      }
      return RGBImage(
        width: crop.width, height: crop.height,
        pixels: sum.map { UInt8(min(max($0 / Float(frames) * 255, 0), 255)) })
    })
}
