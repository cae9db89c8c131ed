extension Perturbation {
  /// As a picture on a wall that turns away.
  public static let tilt = Perturbation(
    "tilt",
    of: .whole { picture, crop, frame in
      let tilt = GeometricMap.Projective(tilt: Double(frame - 15), width: picture.width, height: picture.height)
      guard let map = tilt.inverse else { return picture }
      return picture.bilinear(map, window: crop)
    })
}
