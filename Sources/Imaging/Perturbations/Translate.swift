extension Perturbation {
  /// A pixel to the right each frame, of pictures of 224; in proportion at another size.
  public static let translate = Perturbation(
    "translate", frameCount: 41,
    of: .whole { picture, crop, frame in
      let share = Double(min(crop.width, crop.height)) / 224
      let shift = (Double(frame - 20) * min(share, 1)).rounded()
      return picture.nearest(.init(shift: (shift, 0), width: picture.width, height: picture.height), window: crop)
    })
}
