/// The way from a point of the box [0, 1]^n to the points of a hyperplane that are in the box.
package enum HyperplaneProjection {
  /// The change of the smallest largest value that takes a point onto a hyperplane within the box; where none does, the one
  /// that comes nearest: every value goes to its end.
  ///
  /// All values go equally far along the normal's signs, or to the box's end where that is nearer, which is their `room`. What
  /// that gives, the sum of |normal| min(length, room), rises and bends down with the length, so Newton's steps from 0 come to
  /// the length from below, and are there once no further value is at its end. Sums are of float64, value after value.
  ///
  /// - Parameters:
  ///   - point: [values] in [0, 1].
  ///   - normal: [values], any length.
  ///   - gap: what the normal times the change must be.
  /// - Returns: the change, [values]; 0 where the normal is 0.
  package static func change(from point: [Float], along normal: ArraySlice<Float>, by gap: Double) -> [Float] {
    precondition(point.count == normal.count, "a point and a normal of one length")
    let isUp = gap >= 0
    return point.withUnsafeBufferPointer { point in
      normal.withUnsafeBufferPointer { normal in
        func room(_ index: Int) -> Double {
          (normal[index] > 0) == isUp ? 1 - Double(point[index]) : Double(point[index])
        }
        let length = length(normal, by: abs(gap), room)
        return point.indices.map { index in
          guard normal[index] != 0 else { return 0 }
          let change = Float(min(length, room(index)))
          return (normal[index] > 0) == isUp ? change : -change
        }
      }
    }
  }

  /// How far the values go that are not at their ends.
  private static func length(
    _ normal: UnsafeBufferPointer<Float>, by gap: Double, _ room: (Int) -> Double
  ) -> Double {
    var (length, ends) = (0.0, -1)
    while true {
      var (given, slope, count) = (0.0, 0.0, 0)
      for index in normal.indices where normal[index] != 0 {
        let (weight, room) = (abs(Double(normal[index])), room(index))
        if room <= length {
          given += weight * room
          count += 1
        } else {
          slope += weight
        }
      }
      guard slope > 0 else { return .infinity }
      // Ends only become more, so this comes to an end.
      guard count > ends else { return length }
      ends = count
      length = max(length, (gap - given) / slope)
    }
  }
}
