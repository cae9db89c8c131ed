import Kernels

/// How a network is computed.
public struct ComputeOptions: Sendable, Hashable {
  /// Who multiplies matrices.
  public var gemm: GEMMBackend
  /// Which instruction set; the bits do not depend on it.
  public var instructionSet: InstructionSet
  /// What products are computed in.
  public var precision: Precision

  /// The fastest kernels of Gauntlet's own, unless told otherwise.
  public init(gemm: GEMMBackend = .native, instructionSet: InstructionSet = .chosen, precision: Precision = .fp32) {
    self.gemm = gemm
    self.instructionSet = instructionSet
    self.precision = precision
  }
}
