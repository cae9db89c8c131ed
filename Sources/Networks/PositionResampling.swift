/// Learnt positions of a square of patches for a square of another side, as timm's `resample_abs_pos_embed` does it:
/// bicubic (Keys 1981, a = -0.5) with the filter widened where the square becomes smaller.
enum PositionResampling {
  /// The side of the square of patches that a count of tokens has behind its class token; nil for none.
  static func side(ofTokens count: Int) -> Int? {
    let side = Int(Double(max(0, count - 1)).squareRoot().rounded())
    return side > 0 && side * side == count - 1 ? side : nil
  }

  /// Positions [1 + to², channels] from [1 + from², channels]; the class token's stays.
  static func resample(_ positions: [Float], from: Int, to: Int, channels: Int) -> [Float] {
    let weights = (0..<to).map { Self.weights(at: $0, from: from, to: to) }
    var columns = [Float](repeating: 0, count: from * to * channels)
    for row in 0..<from {
      for column in 0..<to {
        for (source, weight) in weights[column] {
          let (start, target) = ((1 + row * from + source) * channels, (row * to + column) * channels)
          for channel in 0..<channels { columns[target + channel] += weight * positions[start + channel] }
        }
      }
    }
    var result = Array(positions[..<channels])
    result += [Float](repeating: 0, count: to * to * channels)
    for row in 0..<to {
      for (source, weight) in weights[row] {
        for place in 0..<to * channels {
          result[channels + row * to * channels + place] += weight * columns[source * to * channels + place]
        }
      }
    }
    return result
  }

  /// The patches that one is made of, and their weights, whose sum is 1.
  private static func weights(at place: Int, from: Int, to: Int) -> [(Int, Float)] {
    let scale = Double(from) / Double(to)
    let widening = max(scale, 1)
    let centre = (Double(place) + 0.5) * scale
    let first = max(0, Int((centre - 2 * widening + 0.5).rounded(.down)))
    let last = min(from, Int((centre + 2 * widening + 0.5).rounded(.down)))
    let values = (first..<last).map { cubic((Double($0) - centre + 0.5) / widening) }
    let sum = values.reduce(0, +)
    return zip(first..<last, values).map { ($0, Float($1 / sum)) }
  }

  private static func cubic(_ distance: Double) -> Double {
    let (a, x) = (-0.5, abs(distance))
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0
  }
}
