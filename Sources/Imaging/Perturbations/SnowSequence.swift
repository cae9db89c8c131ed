extension Perturbation {
  /// Snow that is blown in a direction that turns.
  public static let snow = Perturbation(
    "snow",
    of: .crop { picture, frame, random in
      Snowfall(mean: 0.05, zoom: 3, threshold: 0.5, motion: MotionBlur(radius: 14, sigma: 4), mix: 0.85)
        .fall(on: picture, degrees: Double(frame) * 4 - 150, random)
    })
}
