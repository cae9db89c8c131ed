extension Perturbation {
  /// A degree each frame.
  public static let rotate = Perturbation(
    "rotate",
    of: .whole { picture, crop, frame in
      picture.bilinear(
        .init(degrees: Double(frame - 15), width: picture.width, height: picture.height), window: crop)
    })
}
