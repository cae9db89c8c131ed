/// The arithmetic that a network is computed in.
public enum Precision: String, Sendable, Hashable, CaseIterable, Codable {
  /// IEEE 754 single precision, one fixed order of fused multiply-adds: the same bits on every machine.
  case fp32
}
