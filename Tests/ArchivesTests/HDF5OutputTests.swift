import Archives
import CHDF5
import CHDF5Output
import Foundation
import TestSupport
import Testing

/// The driver below HDF5, on disks that fill up at every place.
@Suite struct HDF5OutputTests {
  /// Writes a file of many groups, chunks and texts; gives what flushing and closing said.
  private func fill(_ path: String, _ output: UnsafeMutablePointer<gauntlet_h5_output>?) throws -> Bool {
    let access = gauntlet_h5_file_access()
    let creation = gauntlet_h5_file_creation()
    defer { for list in [access, creation] { H5Pclose(list) } }
    if let output { #expect(gauntlet_h5_write_to(access, output) >= 0) }
    let file = gauntlet_h5_create(path, creation, access)
    try #require(file >= 0)
    for number in 0..<24 {
      let ordered = gauntlet_h5_group_creation()
      let group = H5Gcreate2(file, "/g\(number)", 0, ordered, 0)
      let space = H5Screate_simple(2, [400, 20], nil)
      let chunked = gauntlet_h5_dataset_creation(2, [50, 20], number % 2 == 0 ? 1 : 0)
      let dataset = H5Dcreate2(group, "x", gauntlet_h5_file_float(), space, 0, chunked, 0)
      let values = (0..<8000).map { Float(($0 &* 2_654_435_761 &+ number) % 1000) }
      _ = H5Dwrite(dataset, gauntlet_h5_native_float(), 0, 0, 0, values)
      let text = gauntlet_h5_string()
      let line = H5Screate_simple(1, [100], nil)
      let plain = gauntlet_h5_dataset_creation(0, nil, 0)
      let names = H5Dcreate2(group, "names", text, line, 0, plain, 0)
      let words = (0..<100).map { strdup("val/n\(number)/\($0).png") }
      _ = H5Dwrite(names, text, 0, 0, 0, words)
      words.forEach { free($0) }
      for handle in [ordered, group, space, chunked, dataset, text, line, plain, names] where handle >= 0 {
        H5Idec_ref(handle)
      }
    }
    let isFlushed = gauntlet_h5_flush(file) >= 0
    return H5Fclose(file) >= 0 && isFlushed
  }

  /// A file in memory that holds so many bytes and no more: a disk that anybody may fill.
  private func smallDisk(bytes: Int) throws -> Int32 {
    let (allowSealing, addSeals, sealGrow) = (UInt32(2), Int32(1033), Int32(4))
    let function = try #require(dlsym(dlopen(nil, RTLD_NOW), "memfd_create"))
    let make = unsafeBitCast(function, to: (@convention(c) (UnsafePointer<CChar>, UInt32) -> Int32).self)
    let descriptor = make("gauntlet-small-disk", allowSealing)
    let isSealed = ftruncate(descriptor, off_t(bytes)) == 0 && fcntl(descriptor, addSeals, sealGrow) == 0
    try #require(isSealed)
    return descriptor
  }

  @Test("A file in memory, and one through the driver, are what HDF5's own driver writes")
  func sameBytes() throws {
    let path = ScratchFolder.freshPath()
    defer { for suffix in ["", ".own"] { unlink(path + suffix) } }
    let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
    defer { close(descriptor) }
    let file = try #require(gauntlet_h5_output_make(descriptor))
    let memory = try #require(gauntlet_h5_output_make(-1))
    defer { for output in [file, memory] { gauntlet_h5_output_free(output) } }
    for (path, output) in [(path + ".own", nil), (path, file), (path, memory)] {
      let isClosed = try HDF5.exclusively { try fill(path, output) }
      #expect(isClosed)
    }
    let own = try Data(contentsOf: URL(fileURLWithPath: path + ".own"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == own)
    #expect(Data(bytes: memory.pointee.bytes, count: Int(memory.pointee.size)) == own)
    #expect(file.pointee.error == 0 && file.pointee.is_open == 0)
  }

  @Test("A disk that fills up at any place is remembered, and HDF5 closes its file all the same")
  func fullDisk() throws {
    let memory = try #require(gauntlet_h5_output_make(-1))
    defer { gauntlet_h5_output_free(memory) }
    _ = try HDF5.exclusively { try fill("whole", memory) }
    let size = Int(memory.pointee.size)
    for bytes in stride(from: 0, to: size, by: 16 << 10) {
      let descriptor = try smallDisk(bytes: bytes)
      defer { close(descriptor) }
      let output = try #require(gauntlet_h5_output_make(descriptor))
      defer { gauntlet_h5_output_free(output) }
      let isClosed = try HDF5.exclusively { try fill("small", output) }
      #expect(isClosed && output.pointee.error == EPERM && output.pointee.is_open == 0, "\(bytes) of \(size) bytes")
    }
  }
}
