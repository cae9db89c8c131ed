extension Perturbation {
  /// Motion whose direction turns.
  public static let motionBlur = Perturbation(
    "motion_blur",
    of: .crop { picture, frame, _ in
      MotionBlur(radius: 10, sigma: 3).blur(picture, degrees: Double(frame - 30) * 4)
    })
}
