import CProcessor
import Foundation
import KernelInterfaces
import Kernels128
import KernelsAVX2
import KernelsAVX512

/// A way to compute the kernels. In float32 all give the same bits; see `docs/architecture.md`.
public enum InstructionSet: String, Sendable, Hashable, CaseIterable, Codable {
  /// Plain Swift, one number at a time: the reference that the others are compared with.
  case scalar
  /// 128-bit registers: 4 float32 a register. NEON on arm64; on x86 with FMA for comparison only.
  case simd128
  /// AVX2 with fused multiply-add: 8 float32 a register.
  case avx2
  /// AVX-512 (F, VL, BW, DQ): 16 float32 a register.
  case avx512

  /// What this processor can run, slowest first.
  public static let available: [InstructionSet] = {
    var sets: [InstructionSet] = [.scalar]
    #if arch(arm64)
      sets.append(.simd128)
    #endif
    if gauntlet_processor_has_avx2_fma() == 1 { sets += [.simd128, .avx2] }
    if gauntlet_processor_has_avx512() == 1 { sets.append(.avx512) }
    return sets
  }()

  /// `scalar, simd128, avx2 or avx512`.
  public static let choice: String = {
    let names = allCases.map(\.rawValue)
    return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
  }()

  /// The fastest that this processor can run.
  public static let best: InstructionSet = available.last ?? .scalar

  /// The environment's variable that names an instruction set, so that anyone can compare them.
  public static let variable = "GAUNTLET_INSTRUCTION_SET"

  /// What this process computes with: the best, or the one that `variable` names, if this processor has it.
  public static let chosen: InstructionSet = (try? named(by: ProcessInfo.processInfo.environment[variable])) ?? best

  /// Lets this process and those that it starts compute with an instruction set, before anything is computed.
  ///
  /// - Parameter name: of the set; nil for what `variable` says.
  /// - Throws: `InstructionSetError` for a name that there is not, or a set that this processor lacks.
  public static func choose(_ name: String?) throws(InstructionSetError) {
    _ = try named(by: name ?? ProcessInfo.processInfo.environment[variable])
    if let name { setenv(variable, name, 1) }
  }

  /// The instruction set of a name; the best where none is given.
  ///
  /// - Throws: `InstructionSetError` for a name that there is not, or a set that this processor lacks.
  public static func named(by name: String?) throws(InstructionSetError) -> InstructionSet {
    guard let name, !name.isEmpty else { return best }
    guard let set = InstructionSet(rawValue: name), available.contains(set) else {
      throw InstructionSetError(name: name)
    }
    return set
  }
}

/// An instruction set that cannot be used.
public struct InstructionSetError: Error, Equatable, CustomStringConvertible {
  /// What was asked for.
  public let name: String

  /// What was found and what to do.
  public var description: String {
    "this processor has no instruction set \"\(name)\"; choose one of "
      + InstructionSet.available.map(\.rawValue).joined(separator: ", ")
      + " by --instruction-set or \(InstructionSet.variable)"
  }
}

extension InstructionSet {
  /// What multiplies matrices; nil for the reference.
  var matrixKernel: (any MatrixKernel.Type)? {
    switch self {
    case .scalar: nil
    case .simd128: Kernels128.MatrixProduct.self
    case .avx2: KernelsAVX2.MatrixProduct.self
    case .avx512: KernelsAVX512.MatrixProduct.self
    }
  }

  /// What convolves channel by channel; nil for the reference.
  var depthwiseKernel: (any DepthwiseKernel.Type)? {
    switch self {
    case .scalar: nil
    case .simd128: Kernels128.DepthwisePlane.self
    case .avx2: KernelsAVX2.DepthwisePlane.self
    case .avx512: KernelsAVX512.DepthwisePlane.self
    }
  }

  /// Winograd's transforms; nil for the reference.
  var winogradKernel: (any WinogradKernel.Type)? {
    switch self {
    case .scalar: nil
    case .simd128: Kernels128.WinogradTransform.self
    case .avx2: KernelsAVX2.WinogradTransform.self
    case .avx512: KernelsAVX512.WinogradTransform.self
    }
  }

  /// What passes over rows; the reference is the same source without this processor's registers.
  package var rowKernel: any RowKernel.Type {
    switch self {
    case .scalar: RowPasses.self
    case .simd128: Kernels128.RowPasses.self
    case .avx2: KernelsAVX2.RowPasses.self
    case .avx512: KernelsAVX512.RowPasses.self
    }
  }

  /// What passes over rows in backpropagation; the reference is the same source without this processor's registers.
  package var gradientKernel: any GradientKernel.Type {
    switch self {
    case .scalar: GradientPasses.self
    case .simd128: Kernels128.GradientPasses.self
    case .avx2: KernelsAVX2.GradientPasses.self
    case .avx512: KernelsAVX512.GradientPasses.self
    }
  }

  /// What makes noise.
  package var noiseKernel: any NoiseKernel.Type {
    switch self {
    case .scalar: NoisePasses.self
    case .simd128: Kernels128.NoisePasses.self
    case .avx2: KernelsAVX2.NoisePasses.self
    case .avx512: KernelsAVX512.NoisePasses.self
    }
  }

  /// What passes over the pixels of pictures.
  package var pixelKernel: any PixelKernel.Type {
    switch self {
    case .scalar: PixelPasses.self
    case .simd128: Kernels128.PixelPasses.self
    case .avx2: KernelsAVX2.PixelPasses.self
    case .avx512: KernelsAVX512.PixelPasses.self
    }
  }

  /// What resizes and normalises pictures.
  package var preprocessingKernel: any PreprocessingKernel.Type {
    switch self {
    case .scalar: ScalarPreprocessing.self
    case .simd128: Kernels128.PreprocessingPasses.self
    case .avx2: KernelsAVX2.PreprocessingPasses.self
    case .avx512:
      Self.hasVNNI ? KernelsAVX512.FusedPreprocessingPasses.self : KernelsAVX512.PreprocessingPasses.self
    }
  }

  /// All that resize and normalise pictures here, the reference apart.
  package static var preprocessingKernels: [any PreprocessingKernel.Type] {
    available.dropFirst().map(\.preprocessingKernel) + (hasVNNI ? [KernelsAVX512.PreprocessingPasses.self] : [])
  }

  private static let hasVNNI = gauntlet_processor_has_avx512_vnni() == 1

  /// The rate of multiply-adds; nil for the reference.
  package var peakKernel: (any PeakKernel.Type)? {
    switch self {
    case .scalar: nil
    case .simd128: Kernels128.PeakRate.self
    case .avx2: KernelsAVX2.PeakRate.self
    case .avx512: KernelsAVX512.PeakRate.self
    }
  }
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
  /// max(x + residual, 0): the residual is added before, not after.
  case reluOfSum = 3
}
