import CZlib
import Foundation

extension CheckpointFile {
  /// More than weights can be packed to: what claims it is made to fill memory.
  private var largestUnpacked: Int { 2 * size + (32 << 20) }

  /// The bytes of a part of a zip, or its first ones.
  func unpack(_ entry: ZipEntry, first: Int = .max) throws(CheckpointError) -> [UInt8] {
    let count = min(first, entry.size)
    guard entry.isCompressed else { return try read(offset: entry.offset, count: count) }
    // Bytes that do not pack may take a little more room than they are.
    let needed = count < entry.size ? min(entry.packedSize, count + 1024) : entry.packedSize
    let packed = try read(offset: entry.offset, count: needed)
    guard entry.size <= largestUnpacked else {
      throw .malformed(file: path, reason: "it claims to decompress to \(entry.size) bytes, more than weights can")
    }
    var isDamaged = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      buffer.initialize(repeating: 0)
      isDamaged = gauntlet_inflate(packed, packed.count, buffer.baseAddress, count, count < entry.size ? 1 : 0) != 0
      initialized = count
    }
    guard !isDamaged else { throw .malformed(file: path, reason: "a part of the zip is damaged") }
    return bytes
  }
}

/// A file that is read in places. Reading beyond its end is an error, never a crash.
final class CheckpointFile: Sendable {
  let path: String
  let size: Int
  private let descriptor: Int32

  init(_ path: String) throws(CheckpointError) {
    self.path = path
    // Not blocking, so that a named pipe does not hold us up.
    descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(file: path, reason: String(cString: strerror(errno))) }
    var status = stat()
    let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    size = Int(status.st_size)
    // Everything is set, so `deinit` closes what is no file.
    guard isFile else { throw .unreadable(file: path, reason: "it is not a file") }
  }

  deinit { close(descriptor) }

  func read(offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    guard count >= 0, count <= size else { throw .malformed(file: path, reason: "it is truncated") }
    var problem: CheckpointError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(CheckpointError) {
        try read(
          offset: offset, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
        )
        initialized = count
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return bytes
  }

  /// Fills `target`. The file is read, not mapped: one that another program cuts short is then an error and no signal.
  func read(offset: Int, into target: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    guard offset >= 0, target.count <= size, offset <= size - target.count else {
      throw .malformed(file: path, reason: "it is truncated")
    }
    var done = 0
    while done < target.count {
      let got = pread(descriptor, target.baseAddress?.advanced(by: done), target.count - done, off_t(offset + done))
      if got < 0, errno == EINTR { continue }
      guard got > 0 else {
        throw .unreadable(
          file: path, reason: got < 0 ? String(cString: strerror(errno)) : "it shrank while being read")
      }
      done += got
    }
  }
}
