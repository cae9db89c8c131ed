/// The arithmetic that a network is computed in.
public enum Precision: String, Sendable, Hashable, CaseIterable, Codable {
  /// IEEE 754 single precision, one fixed order of fused multiply-adds: the same bits on every machine.
  case fp32
  /// Matrix products of bfloat16 numbers with float32 sums, everything else as in `fp32`: also the same bits on every
  /// machine, with the AVX512_BF16 instruction or without it.
  case bf16
}
