import KernelInterfaces

/// Fused multiply-adds from registers to registers: as fast as this instruction set can go on one thread.
package enum PeakRate: PeakKernel {
  /// Runs `rounds` rounds of 12 independent multiply-adds of a register each, and gives a number that depends on all.
  package static func run(rounds: Int, factor: Float) -> Float {
    let a = Lanes(repeating: factor)
    let b = Lanes(repeating: 1 - factor)
    var (c0, c1, c2, c3, c4, c5) = (a, a, a, a, a, a)
    var (c6, c7, c8, c9, c10, c11) = (a, a, a, a, a, a)
    for _ in 0..<rounds {
      c0.addProduct(a, b)
      c1.addProduct(a, b)
      c2.addProduct(a, b)
      c3.addProduct(a, b)
      c4.addProduct(a, b)
      c5.addProduct(a, b)
      c6.addProduct(a, b)
      c7.addProduct(a, b)
      c8.addProduct(a, b)
      c9.addProduct(a, b)
      c10.addProduct(a, b)
      c11.addProduct(a, b)
    }
    return (c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11).sum()
  }

  /// Floating-point operations of a round: a multiply-add counts as two.
  package static let operationsPerRound = 12 * Lanes.scalarCount * 2
}
