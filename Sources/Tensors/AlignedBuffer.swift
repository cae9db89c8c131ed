#if canImport(Glibc)
  import Glibc
#endif

/// Owner of float32 storage whose first element lies on a 64-byte boundary: one cache line, one AVX-512 register.
///
/// The storage lives as long as the object. Two threads may use it together as they may any memory: reading together,
/// or writing apart.
public final class AlignedBuffer: @unchecked Sendable {
  /// Bytes that the start of the storage is a multiple of.
  public static let alignment = 64

  /// Bytes of a large page of x86-64 and of most ARM systems.
  private static let hugePage = 1 << 21

  /// Float32 elements held.
  public let count: Int

  /// The first element. Valid for `count` elements while the owner lives.
  public let pointer: UnsafeMutablePointer<Float>

  /// Allocates `max(count, 0)` zeros.
  public init(count: Int) {
    self.count = max(count, 0)
    let bytes = max(self.count, 1) * MemoryLayout<Float>.stride
    let large = bytes >= Self.hugePage
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: large ? Self.hugePage : Self.alignment)
    #if os(Linux)
      // Large maps walk through thousands of small pages otherwise. Only a wish: nothing depends on it.
      if large { madvise(raw, bytes, MADV_HUGEPAGE) }
    #endif
    pointer = raw.bindMemory(to: Float.self, capacity: max(self.count, 1))
    pointer.initialize(repeating: 0, count: max(self.count, 1))
  }

  deinit {
    UnsafeMutableRawPointer(pointer).deallocate()
  }

  /// All elements.
  public var elements: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }
}
