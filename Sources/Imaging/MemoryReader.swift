/// A file in memory that a C library reads through functions of its own.
struct MemoryReader {
  let bytes: UnsafeBufferPointer<UInt8>
  /// The next byte; may be behind the end.
  var position = 0
  /// Whether more was asked for than there is.
  var isExhausted = false
  /// What the library said first.
  var message = ""

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// Copies what there is of `count` bytes, and says how many.
  mutating func read(_ target: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    guard let target, let start = bytes.baseAddress, count > 0 else { return 0 }
    let available = max(0, min(count, bytes.count - position))
    if available < count { isExhausted = true }
    if available > 0 { target.copyMemory(from: start + position, byteCount: available) }
    position += available
    return available
  }
}
