/// Tensors of any rank in one buffer each, and walks over several of them at once.
///
/// Axes are reordered by no one: elements are visited in row-major order of `shape`.
package struct StridedWalk: Sendable, Hashable {
  /// Extents; the last axis is the fastest.
  package private(set) var shape: [Int]
  /// Of each tensor, the step along each axis, in elements.
  package private(set) var strides: [[Int]]
  /// Of each tensor, its first element.
  package let offsets: [Int]

  /// A walk over tensors of one shape; axes of extent 1 are left out and axes that are one in all tensors joined.
  package init(shape: [Int], strides: [[Int]], offsets: [Int]) {
    self.offsets = offsets
    self.shape = []
    self.strides = strides.map { _ in [] }
    for axis in shape.indices where shape[axis] != 1 {
      let isContinued =
        !self.shape.isEmpty
        && strides.indices.allSatisfy { (self.strides[$0].last ?? 0) == strides[$0][axis] * shape[axis] }
      if isContinued {
        self.shape[self.shape.count - 1] *= shape[axis]
        for tensor in strides.indices { self.strides[tensor][self.shape.count - 1] = strides[tensor][axis] }
      } else {
        self.shape.append(shape[axis])
        for tensor in strides.indices { self.strides[tensor].append(strides[tensor][axis]) }
      }
    }
    if self.shape.isEmpty {
      self.shape = [1]
      self.strides = strides.map { _ in [1] }
    }
  }

  /// Extent of the last axis.
  package var inner: Int { shape[shape.count - 1] }

  /// The step along the last axis.
  package func innerStride(_ tensor: Int) -> Int { strides[tensor][shape.count - 1] }

  /// One more than the last element of a tensor that is visited; 0 for none.
  package func reach(_ tensor: Int) -> Int {
    guard !shape.contains(0) else { return 0 }
    return zip(shape, strides[tensor]).reduce(offsets[tensor] + 1) { $0 + ($1.0 - 1) * $1.1 }
  }

  /// Visits the lines along the last axis: each tensor's first element of the line.
  package func forEachLine(_ body: ([Int]) -> Void) {
    guard !shape.contains(0) else { return }
    var places = offsets
    var index = [Int](repeating: 0, count: shape.count)
    let outer = shape.count - 1
    while true {
      body(places)
      var axis = outer - 1
      while axis >= 0 {
        index[axis] += 1
        for tensor in places.indices { places[tensor] += strides[tensor][axis] }
        if index[axis] < shape[axis] { break }
        for tensor in places.indices { places[tensor] -= strides[tensor][axis] * shape[axis] }
        index[axis] = 0
        axis -= 1
      }
      guard axis >= 0 else { return }
    }
  }

  /// Copies tensor 0 to tensor 1.
  package func copy(_ input: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>) {
    precondition(input.count >= reach(0) && output.count >= reach(1), "shape and storage differ")
    guard let source = input.baseAddress, let target = output.baseAddress else { return }
    let (count, from, to) = (inner, innerStride(0), innerStride(1))
    forEachLine { places in
      if from == 1, to == 1 {
        (target + places[1]).update(from: source + places[0], count: count)
      } else {
        for index in 0..<count { target[places[1] + index * to] = source[places[0] + index * from] }
      }
    }
  }

  /// Writes the function of tensors 0 and 1 to tensor 2.
  package func combine(
    _ function: BinaryFunction, _ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(left.count >= reach(0) && right.count >= reach(1), "shape and storage differ")
    precondition(output.count >= reach(2), "shape and storage differ")
    guard let left = left.baseAddress, let right = right.baseAddress, let target = output.baseAddress else { return }
    switch function {
    case .add: combine(left, right, target) { $0 + $1 }
    case .subtract: combine(left, right, target) { $0 - $1 }
    case .multiply: combine(left, right, target) { $0 * $1 }
    case .divide: combine(left, right, target) { $0 / $1 }
    case .maximum, .minimum, .power: combine(left, right, target) { function($0, $1) }
    }
  }

  @inline(__always)
  private func combine(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>,
    _ function: (Float, Float) -> Float
  ) {
    let count = inner
    let (a, b, c) = (innerStride(0), innerStride(1), innerStride(2))
    forEachLine { places in
      let (first, second, result) = (left + places[0], right + places[1], target + places[2])
      switch (a, b, c) {
      case (1, 1, 1): for index in 0..<count { result[index] = function(first[index], second[index]) }
      case (1, 0, 1):
        let value = second[0]
        for index in 0..<count { result[index] = function(first[index], value) }
      default:
        for index in 0..<count { result[index * c] = function(first[index * a], second[index * b]) }
      }
    }
  }

  /// Adds tensor 1 to tensor 0 at each place: back along ``copy(_:into:)``.
  package func scatter(_ gradient: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>) {
    precondition(output.count >= reach(0) && gradient.count >= reach(1), "shape and storage differ")
    let (count, to, from) = (inner, innerStride(0), innerStride(1))
    forEachLine { places in
      for index in 0..<count { output[places[0] + index * to] += gradient[places[1] + index * from] }
    }
  }

  /// Adds the gradient of one of the tensors that a function was of: back along ``combine(_:_:_:into:)``.
  ///
  /// - Parameter isLeft: whether `output` is tensor 0, or else tensor 1.
  package func combineGradient(
    _ function: BinaryFunction, _ gradient: UnsafeBufferPointer<Float>, _ left: UnsafeBufferPointer<Float>,
    _ right: UnsafeBufferPointer<Float>, isLeft: Bool, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(left.count >= reach(0) && right.count >= reach(1), "shape and storage differ")
    precondition(gradient.count >= reach(2) && output.count >= reach(isLeft ? 0 : 1), "shape and storage differ")
    let (a, b, c) = (innerStride(0), innerStride(1), innerStride(2))
    forEachLine { places in
      for index in 0..<inner {
        let (first, second) = (places[0] + index * a, places[1] + index * b)
        let slopes = function.slopes(left[first], right[second])
        output[isLeft ? first : second] += gradient[places[2] + index * c] * (isLeft ? slopes.0 : slopes.1)
      }
    }
  }
}
