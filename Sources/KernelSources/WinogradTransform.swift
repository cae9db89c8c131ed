import KernelInterfaces

/// The transforms of Winograd's F(2x2, 3x3) on channels that lie together; one source for each instruction set.
///
/// Gives the bits of `ScalarKernels.winogradInput` and `winogradOutput`: a lane is a channel.
package enum WinogradTransform: WinogradKernel {
  /// Channels are a multiple of this.
  package static let lanes = Lanes.scalarCount

  /// Writes B^T d B of a 4x4 patch d, of which `pixels` are the 16 pixels row by row.
  ///
  /// - Parameter target: the first of 16 places, `step` elements apart, of `channels` each.
  package static func input(
    _ pixels: UnsafePointer<UnsafePointer<Float>>, channels: Int, step: Int, into target: UnsafeMutablePointer<Float>
  ) {
    for channel in stride(from: 0, to: channels, by: lanes) {
      @inline(__always)
      func column(_ index: Int) -> (Lanes, Lanes, Lanes, Lanes) {
        let (d0, d1) = (load(pixels[index] + channel), load(pixels[4 + index] + channel))
        let (d2, d3) = (load(pixels[8 + index] + channel), load(pixels[12 + index] + channel))
        return (d0 - d2, d1 + d2, d2 - d1, d1 - d3)
      }
      let (c0, c1, c2, c3) = (column(0), column(1), column(2), column(3))
      @inline(__always)
      func write(_ row: Int, _ t0: Lanes, _ t1: Lanes, _ t2: Lanes, _ t3: Lanes) {
        let place = target + 4 * row * step + channel
        put(t0 - t2, place)
        put(t1 + t2, place + step)
        put(t2 - t1, place + 2 * step)
        put(t1 - t3, place + 3 * step)
      }
      write(0, c0.0, c1.0, c2.0, c3.0)
      write(1, c0.1, c1.1, c2.1, c3.1)
      write(2, c0.2, c1.2, c2.2, c3.2)
      write(3, c0.3, c1.3, c2.3, c3.3)
    }
  }

  /// Writes `activation(A^T m A + bias) + residual` to those of four pixels that there are, row by row.
  ///
  /// - Parameters:
  ///   - sums: the first of 16 places, `step` elements apart, of `channels` each.
  ///   - activation: 0 none, 1 ReLU, 3 ReLU after the residual.
  ///   - residuals: of the same four pixels; nil for none.
  package static func output(
    _ sums: UnsafePointer<Float>, channels: Int, step: Int, bias: UnsafePointer<Float>, activation: Int32,
    residuals: UnsafePointer<UnsafePointer<Float>?>?, into targets: UnsafePointer<UnsafeMutablePointer<Float>?>
  ) {
    for channel in stride(from: 0, to: channels, by: lanes) {
      @inline(__always)
      func column(_ index: Int) -> (Lanes, Lanes) {
        let place = sums + index * step + channel
        let (m0, m1) = (load(place), load(place + 4 * step))
        let (m2, m3) = (load(place + 8 * step), load(place + 12 * step))
        return (m0 + m1 + m2, m1 - m2 - m3)
      }
      let (c0, c1, c2, c3) = (column(0), column(1), column(2), column(3))
      let addition = load(bias + channel)
      @inline(__always)
      func write(_ pixel: Int, _ sum: Lanes) {
        guard let target = targets[pixel] else { return }
        var value = sum + addition
        if activation == 1 { value = Lanes(repeating: 0).replacing(with: value, where: value .> 0) }
        if let residual = residuals?[pixel] { value += load(residual + channel) }
        if activation == 3 { value = Lanes(repeating: 0).replacing(with: value, where: value .> 0) }
        put(value, target + channel)
      }
      write(0, c0.0 + c1.0 + c2.0)
      write(1, c1.0 - c2.0 - c3.0)
      write(2, c0.1 + c1.1 + c2.1)
      write(3, c1.1 - c2.1 - c3.1)
    }
  }

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  private static func put(_ value: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: value, as: Lanes.self)
  }
}
