import Benchmarks
import Foundation
import TestSupport
import Testing

/// Whether images are still those of before, told by size, time and a sample.
@Suite struct DataStampsTests {
  private let folder: ScratchFolder
  private var path: String { folder.path }
  private let benchmark: BenchmarkDefinition

  init() throws {
    folder = try ScratchFolder()
    benchmark = .clean(name: "val", root: folder.path + "/val")
    for name in 0..<20 { try write("picture \(name)", to: "val/x/\(name + 10).jpg") }
  }

  private func write(_ text: String, to name: String, time: Int = 1_000_000) throws {
    let file = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    let stamp = timespec(tv_sec: time, tv_nsec: 5)
    try #require(utimensat(AT_FDCWD, file, [stamp, stamp], 0) == 0)
  }

  @Test("the same files, copied or touched, are the same; another size, other contents and a missing file are not")
  func compares() throws {
    let listing = try benchmark.listing()
    let before = try benchmark.stamps(of: listing)
    #expect(try benchmark.compare(listing, with: before).isEmpty)
    try write("picture 3", to: "val/x/13.jpg", time: 2_000_000)
    #expect(try benchmark.compare(listing, with: before).isEmpty)
    for (text, time) in [("picture 33", 1_000_000), ("picture 4", 2_000_000)] {
      try write(text, to: "val/x/13.jpg", time: time)
      #expect {
        try benchmark.compare(listing, with: before)
      } throws: {
        "\($0)".contains(path + "/val/x/13.jpg")
      }
    }
    try FileManager.default.removeItem(atPath: path + "/val/x/13.jpg")
    #expect(throws: ListingError.changedFile(path + "/val/x/13.jpg", reason: "it is gone")) {
      try benchmark.compare(listing, with: before)
    }
  }

  @Test("files of another time that no sample knows are named, to be compared otherwise")
  func touched() throws {
    for name in 0..<2_100 { try write("\(10_000 + name)", to: "val/y/\(10_000 + name).jpg") }
    let listing = try benchmark.listing()
    let before = try benchmark.stamps(of: listing)
    for name in 0..<2_100 { try write("\(10_000 + name)", to: "val/y/\(10_000 + name).jpg", time: 3_000_000) }
    let touched = try benchmark.compare(listing, with: before)
    #expect(touched.count == 1 && (100...130).contains(touched[0].images.count))
    let first = try #require(touched.first?.images.first)
    #expect(touched[0].holds(anyOf: first..<first + 1) && !touched[0].holds(anyOf: 0..<first))
    #expect(!touched[0].holds(anyOf: first..<first))
  }

  @Test("what is written is read; anything else is not")
  func codes() throws {
    let stamps = try benchmark.stamps(of: benchmark.listing())
    let data = try stamps.encoded()
    #expect(DataStamps(decoding: data) == stamps)
    for length in 0..<data.count { #expect(DataStamps(decoding: data.prefix(length)) == nil) }
    #expect(DataStamps(decoding: Data(repeating: 255, count: 64)) == nil)
  }

  @Test("an archive of another time is the same if its files are, and so are the files that are unpacked from it")
  func archives() throws {
    func member(_ text: String) -> [UInt8] { TarFile.member("x/1.jpg", text) }
    let tar = try TarFile.write([member("one"), TarFile.member("x/2.jpg", "two")], to: path + "/a.tar")
    let packed = BenchmarkDefinition.clean(name: "val", root: tar)
    let listing = try packed.listing()
    let before = try packed.stamps(of: listing)
    let late = timespec(tv_sec: 4_000_000, tv_nsec: 0)
    try #require(utimensat(AT_FDCWD, tar, [late, late], 0) == 0)
    #expect(try packed.compare(listing, with: before).isEmpty)
    try write("one", to: "b/x/1.jpg")
    try write("two", to: "b/x/2.jpg")
    #expect(try BenchmarkDefinition.clean(name: "val", root: path + "/b").compare(listing, with: before).isEmpty)
    _ = try TarFile.write([member("eno"), TarFile.member("x/2.jpg", "two")], to: tar)
    #expect(throws: ListingError.changedFile(tar + "/x/1.jpg", reason: "its contents changed")) {
      try packed.compare(listing, with: before)
    }
  }

  @Test("a digest of a shard some of whose files could not be read is made again without those files")
  func unreadDigest() throws {
    let paths = try benchmark.listing().paths
    let cell = try #require(benchmark.grid.cells.first)
    let digests = try ShardBytes.digests(of: paths, at: cell, of: benchmark)
    #expect(digests.allSatisfy { $0?.count == 32 })
    var recorded = ShardBytes(imageCount: paths.count)
    for (image, digest) in digests.enumerated().dropFirst() { recorded.set(try #require(digest), at: image) }
    #expect(ShardBytes(digests, unread: [0]).sha256 == recorded.sha256)
    #expect(ShardBytes(digests, unread: []).sha256 != recorded.sha256)
  }

  @Test("a shard's digest changes with each file's bytes and with a file that cannot be read")
  func digests() throws {
    let paths = try benchmark.listing().paths
    let cell = try #require(benchmark.grid.cells.first)
    func digest() throws -> String {
      ShardBytes(try ShardBytes.digests(of: paths, at: cell, of: benchmark), unread: []).sha256
    }
    let whole = try digest()
    var bytes = ShardBytes(imageCount: 20)
    for image in 0..<20 { bytes.set(ShardBytes.digest(of: Array("picture \(image)".utf8)), at: image) }
    #expect(bytes.sha256 == whole)
    try write("picture x", to: "val/x/17.jpg")
    let other = try digest()
    try FileManager.default.removeItem(atPath: path + "/val/x/17.jpg")
    #expect(Set([whole, other, try digest()]).count == 3)
  }
}
