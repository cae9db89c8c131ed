import Durable
import Foundation

/// Memory that another process maps, too: places of float32 values, each of which one of the two processes uses at a time.
final class SharedValues: @unchecked Sendable {
  private let start: UnsafeMutablePointer<Float>
  /// Values that fit.
  let count: Int

  /// Maps a memory file, made as large as the values need.
  ///
  /// - Throws: `FileError` where it cannot be.
  init(descriptor: Int32, count: Int) throws(FileError) {
    let bytes = count * MemoryLayout<Float>.stride
    guard bytes > 0, ftruncate(descriptor, off_t(bytes)) == 0 else {
      throw FileError("enlarge", "the memory that is shared with Python")
    }
    guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED else {
      throw FileError("map", "the memory that is shared with Python")
    }
    self.count = count
    start = memory.bindMemory(to: Float.self, capacity: count)
  }

  deinit { munmap(start, count * MemoryLayout<Float>.stride) }

  /// Copies values to a place, as many as fit behind it.
  func write(_ values: [Float], at place: Int) {
    let fitting = max(0, min(values.count, count - place))
    guard place >= 0, fitting > 0 else { return }
    values.withUnsafeBufferPointer {
      if let base = $0.baseAddress { start.advanced(by: place).update(from: base, count: fitting) }
    }
  }

  /// So many values from a place on; NaN for those beyond the end.
  func read(_ count: Int, at place: Int) -> [Float] {
    guard place >= 0, count >= 0 else { return [] }
    let there = max(0, min(count, self.count - place))
    return Array(UnsafeBufferPointer(start: start.advanced(by: there > 0 ? place : 0), count: there))
      + Array(repeating: .nan, count: count - there)
  }
}
