/// Which filter resizes pictures. Names and shapes are Pillow's.
public enum Interpolation: String, Sendable, Hashable, Codable, CaseIterable {
  /// A triangle, one pixel to each side.
  case bilinear
  /// Keys' cubic with a = -0.5, two pixels to each side.
  case bicubic
  /// A box of half a pixel to each side: the mean when shrinking.
  case box

  package var support: Double {
    switch self {
    case .bilinear: 1
    case .bicubic: 2
    case .box: 0.5
    }
  }

  package func weight(_ position: Double) -> Double {
    let distance = abs(position)
    switch self {
    case .bilinear: return distance < 1 ? 1 - distance : 0
    case .bicubic:
      let a = -0.5
      if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
      if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
      return 0
    case .box: return position > -0.5 && position <= 0.5 ? 1 : 0
    }
  }
}
