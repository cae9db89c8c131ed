import Kernels

/// A tensor as it lies in a value of a graph: transposed, cut or repeated without a copy.
package struct TensorView: Sendable {
  /// The graph's value.
  package let value: Int
  package let shape: [Int]
  /// Steps along each axis, in numbers; 0 where it is repeated.
  package let strides: [Int]
  package let offset: Int

  package init(value: Int, shape: [Int], strides: [Int], offset: Int) {
    (self.value, self.shape, self.strides, self.offset) = (value, shape, strides, offset)
  }

  package var count: Int { shape.reduce(1, *) }

  /// The axes from the slowest to the fastest, those of extent 1 first.
  var order: [Int] {
    shape.indices.sorted {
      let (a, b) = (shape[$0] == 1 ? Int.max : strides[$0], shape[$1] == 1 ? Int.max : strides[$1])
      return a == b ? $0 < $1 : a > b
    }
  }

  /// Whether it shows each of `count` numbers once, from the value's first on.
  package var isDense: Bool {
    var expected = 1
    for axis in order.reversed() where shape[axis] != 1 {
      guard strides[axis] == expected else { return false }
      expected *= shape[axis]
    }
    return offset == 0
  }

  /// Whether it is dense with its axes in this order, slowest first.
  package func isDense(in order: [Int]) -> Bool {
    var expected = 1
    for axis in order.reversed() where shape[axis] != 1 {
      guard strides[axis] == expected else { return false }
      expected *= shape[axis]
    }
    return offset == 0
  }

  /// Whether another of the same shape lies the same way.
  func liesLike(_ other: TensorView) -> Bool {
    shape == other.shape && offset == other.offset
      && shape.indices.allSatisfy { shape[$0] == 1 || strides[$0] == other.strides[$0] }
  }

  /// The axis whose neighbours lie side by side; nil if none is longer than 1.
  var fastest: Int? { shape.indices.first { shape[$0] != 1 && strides[$0] == 1 } }

  package func transposed(_ order: [Int]) -> TensorView {
    TensorView(value: value, shape: order.map { shape[$0] }, strides: order.map { strides[$0] }, offset: offset)
  }

  package func sliced(_ target: [Int], starts: [Int], steps: [Int]) -> TensorView {
    TensorView(
      value: value, shape: target, strides: zip(strides, steps).map { $0 * $1 },
      offset: zip(starts, strides).reduce(offset) { $0 + $1.0 * $1.1 })
  }

  package func expanded(_ target: [Int]) -> TensorView {
    let missing = target.count - shape.count
    return TensorView(
      value: value, shape: target,
      strides: target.indices.map { axis in
        axis < missing || (shape[axis - missing] == 1 && target[axis] != 1) ? 0 : strides[axis - missing]
      }, offset: offset)
  }

  /// With other extents of the same count; nil where that needs a copy.
  ///
  /// Runs of axes whose product is the same on both sides are matched; within a run the old axes must be one stretch.
  package func reshaped(_ target: [Int]) -> TensorView? {
    let old = shape.indices.filter { shape[$0] != 1 }
    var result = [Int](repeating: 0, count: target.count)
    var (place, next) = (0, 0)
    while next < target.count {
      if target[next] == 1 {
        next += 1
        continue
      }
      guard place < old.count else { return nil }
      var (from, to) = (place, next)
      var (left, right) = (shape[old[from]], target[to])
      while left != right {
        if left < right {
          from += 1
          guard from < old.count else { return nil }
          left *= shape[old[from]]
        } else {
          to += 1
          guard to < target.count else { return nil }
          right *= target[to]
        }
      }
      for axis in place..<from where strides[old[axis]] != strides[old[axis + 1]] * shape[old[axis + 1]] { return nil }
      var step = strides[old[from]]
      for axis in (next...to).reversed() {
        result[axis] = step
        step *= target[axis]
      }
      (place, next) = (from + 1, to + 1)
    }
    return place == old.count ? TensorView(value: value, shape: target, strides: result, offset: offset) : nil
  }
}
