import CProcessor

/// A way to compute the kernels. In float32 all give the same bits; see `docs/architecture.md`.
public enum InstructionSet: String, Sendable, Hashable, CaseIterable, Codable {
  /// Plain Swift, one number at a time: the reference that the others are compared with.
  case scalar
  /// AVX2 with fused multiply-add: 8 float32 a register.
  case avx2
  /// AVX-512 (F, VL, BW, DQ): 16 float32 a register.
  case avx512

  /// What this processor can run, slowest first.
  public static let available: [InstructionSet] = {
    var sets: [InstructionSet] = [.scalar]
    if gauntlet_processor_has_avx2_fma() == 1 { sets.append(.avx2) }
    if gauntlet_processor_has_avx512() == 1 { sets.append(.avx512) }
    return sets
  }()

  /// The fastest that this processor can run.
  public static let best: InstructionSet = available.last ?? .scalar
}

/// Who multiplies matrices.
public enum GEMMBackend: String, Sendable, Hashable, CaseIterable, Codable {
  /// Gauntlet's own kernels: the same bits on every machine.
  case native
  /// OpenBLAS with one thread, which adds in an order of its own: for comparison.
  case openblas
}

/// What follows a linear layer's bias.
public enum Activation: Int32, Sendable, Hashable {
  /// Nothing.
  case none = 0
  /// max(x, 0).
  case relu = 1
  /// x Φ(x) with the exact normal distribution function, as PyTorch's default GELU.
  case gelu = 2
}
