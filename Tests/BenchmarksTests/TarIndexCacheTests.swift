import Benchmarks
import Foundation
import TestSupport
import Testing

@Suite("Indexes of archives on disk") struct TarIndexCacheTests {
  private let folder: ScratchFolder
  private var path: String { folder.path }

  init() throws {
    folder = try ScratchFolder()
  }

  /// Indexes of a process that starts: what it knows comes from the disk.
  private func indexes(smallest: Int = 1) -> TarIndexes {
    TarIndexes(cache: TarIndexCache(folder: path + "/cache/tar", smallest: smallest))
  }

  private func kept() throws -> [String] {
    let folder = path + "/cache/tar"
    return try FileManager.default.contentsOfDirectory(atPath: folder).map { folder + "/" + $0 }
  }

  /// An archive that was written an hour ago.
  private func write(_ names: [String], to name: String = "a b.tar") throws -> String {
    let archive = try TarFile.write(names.map { TarFile.member($0, $0) }, to: path + "/" + name)
    try date(archive, timespec(tv_sec: time(nil) - 3600, tv_nsec: 7))
    return archive
  }

  private func date(_ archive: String, _ time: timespec) throws {
    try #require(utimensat(AT_FDCWD, archive, [time, time], 0) == 0)
  }

  /// Overwrites the archive's headers, but not its length and date: who reads it again fails.
  private func spoil(_ archive: String) throws {
    var facts = stat()
    try #require(stat(archive, &facts) == 0)
    let handle = try #require(FileHandle(forUpdatingAtPath: archive))
    try handle.write(contentsOf: [UInt8](repeating: 7, count: 512))
    try handle.close()
    try date(archive, facts.st_mtim)
  }

  @Test("the next process takes the kept index, and reads no header")
  func keptIndex() throws {
    let names = ["x/1.JPEG", "x/with blank.JPEG", "y/deep/er/2.JPEG"]
    let archive = try write(names)
    let first = try indexes().index(of: archive)
    try spoil(archive)
    let second = try indexes().index(of: archive)
    #expect(first.files == second.files && Set(first.files.keys.map(\.text)) == Set(names))
    #expect(first.children == second.children && first.children["y"] == ["deep"])
    for file in try kept() {
      var facts = stat()
      #expect(stat(file, &facts) == 0 && facts.st_mode & 0o077 == 0, "\(file) is for its owner alone")
    }
  }

  @Test("entries that cannot be read are kept with their reasons")
  func keptReasons() throws {
    let archive = try TarFile.write(
      [TarFile.member("x/1.JPEG", "one"), TarFile.link("x/a link.JPEG", to: "no where")], to: path + "/links.tar")
    try date(archive, timespec(tv_sec: time(nil) - 3600, tv_nsec: 7))
    let first = try indexes().index(of: archive)
    try spoil(archive)
    #expect(try indexes().index(of: archive).unread == first.unread)
    #expect(first.unread["x/a link.JPEG"]?.contains("no where") == true)
  }

  @Test("an archive of another length or date is indexed anew")
  func changed() throws {
    let archive = try write(["x/1.JPEG"])
    _ = try indexes().index(of: archive)
    _ = try write(["x/1.JPEG", "x/2.JPEG"])
    #expect(try indexes().index(of: archive).files.count == 2)
    try spoil(archive)
    try date(archive, timespec(tv_sec: time(nil) - 3600, tv_nsec: 8))
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
    let other = try write(["z/9.JPEG"], to: "other.tar")
    _ = try indexes().index(of: other)
    let others = try #require(try kept().first { $0 != file })
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.copyItem(atPath: others, toPath: file)
    #expect(try indexes().index(of: archive).files == whole.files)
  }

  @Test("an archive that was written just now is not kept: it could change once more with the same date")
  func fresh() throws {
    let archive = try write(["x/1.JPEG"])
    try date(archive, timespec(tv_sec: time(nil), tv_nsec: 0))
    _ = try indexes().index(of: archive)
    #expect(!FileManager.default.fileExists(atPath: path + "/cache"))
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
