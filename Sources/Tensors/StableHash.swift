/// A hash that is the same on every machine and in every process, for keying random numbers by name.
public enum StableHash {
  /// FNV-1a, 64 bits, of the text's UTF-8 bytes (Fowler, Noll, Vo; offset basis and prime as published).
  public static func of(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }
}
