import CHDF5
import CHDF5Output
import Durable
import Foundation

/// Where HDF5's bytes of a new file go; `CHDF5Output.h` says why not to a file of its own.
final class HDF5Output {
  private let path: String
  private let output: UnsafeMutablePointer<gauntlet_h5_output>

  /// - Parameters:
  ///   - path: the file's name in errors.
  ///   - descriptor: a file that is open for reading and writing, and stays the caller's; nil for memory.
  init(path: String, descriptor: Int32?) throws(FileError) {
    guard let output = gauntlet_h5_output_make(descriptor ?? -1) else {
      throw FileError("write", path, code: ENOMEM)
    }
    self.path = path
    self.output = output
  }

  deinit { gauntlet_h5_output_free(output) }

  /// Begins the file.
  func create() throws(ArchiveError) -> StoredFile {
    let path = path
    let access = try Handle(gauntlet_h5_file_access()) { .unwritable(path: path, reason: $0) }
    guard gauntlet_h5_write_to(access.id, output) >= 0 else {
      throw .unwritable(path: path, reason: HDF5.lastMessage)
    }
    let creation = try Handle(gauntlet_h5_file_creation()) { .unwritable(path: path, reason: $0) }
    let file = try Handle(gauntlet_h5_create(path, creation.id, access.id)) { .unwritable(path: path, reason: $0) }
    return StoredFile(path: path, file: file, size: nil)
  }

  /// Throws what the disk said, if it refused anything so far.
  func check() throws(FileError) {
    guard output.pointee.error == 0 else {
      throw FileError("write", path, code: output.pointee.error)
    }
  }

  /// Throws unless HDF5 has let go of the file, and all of its bytes are out.
  func checkClosed() throws {
    try check()
    guard output.pointee.is_open == 0, output.pointee.size > 0 else {
      throw ArchiveError.unwritable(path: path, reason: "HDF5 could not close it")
    }
  }

  /// The file, where it is in memory.
  var bytes: Data {
    guard let start = output.pointee.bytes else { return Data() }
    return Data(bytes: start, count: Int(output.pointee.size))
  }
}
