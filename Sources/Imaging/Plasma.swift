import Kernels
import Tensors

/// A plasma fractal by diamonds and squares on a torus of the next power of two, scaled to 0...1, its corner cut out:
/// `[height][width]`.
///
/// The first amplitude is 100; each round multiplies amplitude by a uniform number of [-amplitude, amplitude), as the
/// public code does, and then divides it by `decay`.
func plasma(width: Int, height: Int, decay: Double, _ random: CounterRandom) -> [Float] {
  let kernel = InstructionSet.chosen.pixelKernel
  var side = 2
  while side < max(width, height) { side *= 2 }
  let uniforms = random.uniforms(side * side)
  let area = side * side
  // The lattice, the one of twice its side, and the centres in between.
  var scratch = [Float](repeating: 0, count: 2 * area + area / 4)
  return scratch.withUnsafeMutableBufferPointer { scratch in
    uniforms.withUnsafeBufferPointer { uniforms in
      guard var lattice = scratch.baseAddress, let uniforms = uniforms.baseAddress else { return [] }
      var finer = lattice + area
      let centres = lattice + 2 * area
      var amplitude = 100.0
      var next = 0
      var step = 1
      while step < side {
        kernel.grow(
          lattice, side: step, uniforms: uniforms + next, swing: Float(amplitude * amplitude), centres: centres,
          into: finer)
        swap(&lattice, &finer)
        next += 3 * step * step
        step *= 2
        amplitude /= decay
      }
      let (smallest, largest) = kernel.range(lattice, count: area)
      let range = max(largest - smallest, .leastNormalMagnitude)
      return [Float](unsafeUninitializedCapacity: width * height) { target, initialized in
        for row in 0..<height {
          for column in 0..<width {
            target[row &* width &+ column] = (lattice[row &* side &+ column] - smallest) / range
          }
        }
        initialized = width * height
      }
    }
  }
}
