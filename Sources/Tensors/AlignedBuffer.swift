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

  /// Bytes held.
  public var byteCount: Int { count * MemoryLayout<Float>.stride }

  /// The first element. Valid for `count` elements while the owner lives.
  public let pointer: UnsafeMutablePointer<Float>

  /// What was asked of the system, for storage that is mapped and not allocated.
  private let mapping: (start: UnsafeMutableRawPointer, bytes: Int)?

  /// Allocates `max(count, 0)` zeros.
  public init(count: Int) {
    self.count = max(count, 0)
    let elements = max(self.count, 1)
    let bytes = elements * MemoryLayout<Float>.stride
    #if os(Linux)
      // The system gives zeros, and large pages where it can: large maps walk through thousands of small ones
      // otherwise. These are only a wish: nothing depends on them.
      if bytes >= Self.hugePage {
        let asked = bytes + Self.hugePage
        let start = mmap(nil, asked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if let start, start != MAP_FAILED {
          let raw = start.alignedUp(toMultipleOf: Self.hugePage)
          madvise(raw, bytes, MADV_HUGEPAGE)
          mapping = (start, asked)
          pointer = raw.bindMemory(to: Float.self, capacity: elements)
          return
        }
      }
    #endif
    mapping = nil
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Self.alignment)
    pointer = raw.bindMemory(to: Float.self, capacity: elements)
    pointer.initialize(repeating: 0, count: elements)
  }

  deinit {
    #if os(Linux)
      if let mapping {
        munmap(mapping.start, mapping.bytes)
        return
      }
    #endif
    UnsafeMutableRawPointer(pointer).deallocate()
  }

  /// All elements.
  public var elements: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }
}
