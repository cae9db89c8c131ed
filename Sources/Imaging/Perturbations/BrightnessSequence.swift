extension Perturbation {
  /// From dark to bright.
  public static let brightness = Perturbation(
    "brightness", of: .crop { picture, frame, _ in picture.brightened(by: Double(frame - 15) * 0.02) })
}
