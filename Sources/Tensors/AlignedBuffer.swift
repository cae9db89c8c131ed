/// Owner of float32 storage whose first element lies on a 64-byte boundary: one cache line, one AVX-512 register.
///
/// The storage lives as long as the object. Two threads may use it together as they may any memory: reading together,
/// or writing apart.
public final class AlignedBuffer: @unchecked Sendable {
  /// Bytes that the start of the storage is a multiple of.
  public static let alignment = 64

  /// Float32 elements held.
  public let count: Int

  /// The first element. Valid for `count` elements while the owner lives.
  public let pointer: UnsafeMutablePointer<Float>

  /// Allocates `max(count, 0)` zeros.
  public init(count: Int) {
    self.count = max(count, 0)
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: max(self.count, 1) * MemoryLayout<Float>.stride, alignment: Self.alignment)
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
