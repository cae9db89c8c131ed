import CAllocator

/// The C library's allocator, which all storage comes from in the end.
public enum Allocator {
  /// Gives memory that was freed back to the system. It stays with the allocator otherwise, a little in each thread's arena.
  /// Costs milliseconds.
  public static func trim() { gauntlet_allocator_trim() }
}
