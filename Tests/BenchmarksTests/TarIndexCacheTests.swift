import Benchmarks
import Foundation
import Testing

@Suite("Indexes of archives on disk") final class TarIndexCacheTests {
  let path = NSTemporaryDirectory() + "gauntlet-cache-" + UUID().uuidString

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Indexes of a process that starts: what it knows comes from the disk.
  private func indexes(smallest: Int = 1) -> TarIndexes {
    TarIndexes(cache: TarIndexCache(folder: path + "/cache/tar", smallest: smallest))
  }

  private func kept() throws -> [String] {
    let folder = path + "/cache/tar"
    return try FileManager.default.contentsOfDirectory(atPath: folder).map { folder + "/" + $0 }
  }

  private func write(_ names: [String]) throws -> String {
    try TarFile.write(names.map { TarFile.member($0, $0) }, to: path + "/a b.tar")
  }

  /// Overwrites the archive's headers, but not its length and date: who reads it again fails.
  private func spoil(_ archive: String) throws {
    var facts = stat()
    try #require(stat(archive, &facts) == 0)
    let handle = try #require(FileHandle(forUpdatingAtPath: archive))
    try handle.write(contentsOf: [UInt8](repeating: 7, count: 512))
    try handle.close()
    let times = [facts.st_atim, facts.st_mtim]
    try #require(utimensat(AT_FDCWD, archive, times, 0) == 0)
  }

  @Test("the next process takes the kept index, and reads no header")
  func keptIndex() throws {
    let names = ["x/1.JPEG", "x/with blank.JPEG", "y/deep/er/2.JPEG"]
    let archive = try write(names)
    let first = try indexes().index(of: archive)
    try spoil(archive)
    let second = try indexes().index(of: archive)
    #expect(first.files == second.files && Set(first.files.keys) == Set(names))
    #expect(first.children == second.children && first.children["y"] == ["deep"])
    for file in try kept() {
      var facts = stat()
      #expect(stat(file, &facts) == 0 && facts.st_mode & 0o077 == 0, "\(file) is for its owner alone")
    }
  }

  @Test("an archive of another length or date is indexed anew")
  func changed() throws {
    let archive = try write(["x/1.JPEG"])
    _ = try indexes().index(of: archive)
    _ = try write(["x/1.JPEG", "x/2.JPEG"])
    #expect(try indexes().index(of: archive).files.count == 2)
    let times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 5)]
    try spoil(archive)
    try #require(utimensat(AT_FDCWD, archive, times, 0) == 0)
    #expect(throws: ListingError.self) { try self.indexes().index(of: archive) }
  }

  @Test("a kept index that is damaged, cut short or another archive's is not believed")
  func damaged() throws {
    let archive = try write(["x/1.JPEG", "x/2.JPEG"])
    let whole = try indexes().index(of: archive)
    let file = try #require(try kept().first)
    let bytes = [UInt8](try #require(FileManager.default.contents(atPath: file)))
    for position in stride(from: 0, to: bytes.count, by: 3) {
      var damaged = bytes
      damaged[position] ^= 1
      try Data(damaged).write(to: URL(fileURLWithPath: file))
      #expect(try indexes().index(of: archive).files == whole.files)
      try Data(bytes.prefix(position)).write(to: URL(fileURLWithPath: file))
      #expect(try indexes().index(of: archive).files == whole.files)
    }
    let other = try TarFile.write([TarFile.member("z/9.JPEG", "nine")], to: path + "/other.tar")
    _ = try indexes().index(of: other)
    let others = try #require(try kept().first { $0 != file })
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.copyItem(atPath: others, toPath: file)
    #expect(try indexes().index(of: archive).files == whole.files)
  }

  @Test("small archives are not kept, and a folder that cannot be made does no harm")
  func notKept() throws {
    let archive = try write(["x/1.JPEG"])
    _ = try indexes(smallest: 2).index(of: archive)
    #expect(!FileManager.default.fileExists(atPath: path + "/cache"))
    try Data().write(to: URL(fileURLWithPath: path + "/cache"))
    #expect(try indexes().index(of: archive).files.count == 1)
  }
}
