extension Perturbation {
  /// From 40 % of its size to 115 %.
  public static let scale = Perturbation(
    "scale",
    of: .whole { picture, crop, frame in
      let scale = (Double(frame) * 2.5 + 40) / 100
      return picture.bilinear(.init(scale: scale, width: picture.width, height: picture.height), window: crop)
    })
}
