import Benchmarks
import Foundation
import TestSupport
import Testing

@Suite("Images in WebDataset's shards") struct WebDatasetTests {
  private let folder: ScratchFolder
  private var path: String { folder.path }

  init() throws {
    folder = try ScratchFolder()
  }

  private func write(_ shard: String, _ files: [(String, String)]) throws {
    _ = try TarFile.write(files.map { TarFile.member($0.0, $0.1) }, to: path + "/" + shard)
  }

  private func benchmark(_ root: String, classes: [String] = []) -> BenchmarkDefinition {
    BenchmarkDefinition(
      kind: .imagenetVal, name: "v", layout: PictureLayout(root: path + "/" + root), classes: classes
    )
  }

  private func writeTwoShards() throws {
    try write(
      "val-09.tar",
      [
        ("a_1.jpg", "image a1"), ("a_1.cls", "7"), ("a_1.json", "{}"), ("deep/b.seg.png", "mask"),
        ("deep/b.JPEG", "image b"), ("deep/b.cls", " 3\n"),
      ])
    try write("val-10.tar", [("a_1.cls", "0"), ("a_1.png", "another a1")])
  }

  @Test("samples are listed by class, shard and key, and found again")
  func listing() throws {
    try writeTwoShards()
    let benchmark = benchmark("val-{09..10}.tar")
    let listing = try benchmark.listing()
    #expect(listing.paths == ["0/val-10.tar/a_1.png", "3/val-09.tar/deep/b.JPEG", "7/val-09.tar/a_1.jpg"])
    #expect(listing.labels == [0, 3, 7])
    #expect(listing.classNames == (0..<8).map(String.init))
    let condition = try #require(benchmark.grid.cells.first)
    let contents = try listing.paths.map {
      String(decoding: try FileTree.contents(of: benchmark.file(of: $0, at: condition)), as: UTF8.self)
    }
    #expect(contents == ["another a1", "image b", "image a1"])
    #expect(FileTree.isFolder(path + "/val-{09..10}.tar") && !FileTree.isFolder(path + "/val-{09..11}.tar"))
    #expect {
      try FileTree.checkArchive(of: path + "/val-{09..11}.tar")
    } throws: {
      "\($0)".contains(path + "/val-11.tar")
    }
  }

  @Test("shards that are listed by name are read; samples without an image are named")
  func listedShards() throws {
    try writeTwoShards()
    try write("val-other.tar", [("c.heic", "c"), ("c.cls", "1"), ("d.webp", "d"), ("d.cls", "2")])
    let listing = try benchmark("val-{09,other}.tar").listing()
    #expect(listing.paths == ["2/val-other.tar/d.webp", "3/val-09.tar/deep/b.JPEG", "7/val-09.tar/a_1.jpg"])
    #expect(listing.leftOut.map(\.path) == ["val-other.tar/c.cls", "val-other.tar/c.heic"])
    #expect(FileTree.archiveAdvice(path + "/w-{00..01}.tar.gz")?.contains("compressed") == true)
    #expect(FileTree.archiveAdvice(path + "/w-{0..}.tar")?.contains("WebDataset") == true)
    #expect(FileTree.archiveAdvice(path + "/w-{00..01}.tar") == nil)
  }

  @Test("a list of classes names the indices; 1,000 classes are ImageNet's")
  func classes() throws {
    try writeTwoShards()
    let named = try benchmark("val-{09..10}.tar", classes: ["a", "b", "c", "d"]).listing()
    #expect(named.labels == [0, 3, -1] && named.classNames == ["a", "b", "c", "d"])
    try write("val-11.tar", [("c.jpg", "c"), ("c.cls", "999")])
    let imageNet = benchmark("val-{9..11}.tar")
    #expect(throws: ListingError.self) { try imageNet.listing() }
    #expect(try benchmark("val-{09..11}.tar").listing().classNames == ImageNetClasses.wordNetIDs)
  }

  @Test("a shard that is cut off is refused as that, with its name")
  func damaged() throws {
    try writeTwoShards()
    let shard = path + "/val-10.tar"
    let bytes = try #require(FileManager.default.contents(atPath: shard))
    try bytes.prefix(700).write(to: URL(fileURLWithPath: shard))
    #expect {
      try FileTree.checkArchive(of: path + "/val-{09..10}.tar")
    } throws: { error in
      if case .damagedArchive(shard, _)? = error as? ListingError { true } else { false }
    }
    #expect(throws: ListingError.self) { try self.benchmark("val-{09..10}.tar").listing() }
  }

  @Test("a sample without a class is refused with its name", arguments: ["", "x", "-1", "1000000", "12 13"])
  func unclassed(_ text: String) throws {
    try write("val-0.tar", [("a.jpg", "a")] + (text.isEmpty ? [] : [("a.cls", text)]))
    #expect(throws: ListingError.unclassedSample(path + "/val-0.tar", key: "a")) {
      try self.benchmark("val-{0..0}.tar").listing()
    }
  }

  @Test(
    "what is not in the notation is an ordinary path",
    arguments: [
      "val-{0..}.tar", "val-{1..0}.tar", "val-{a..b}.tar", "val-{0,,1}.tar", "val-{0,0}.tar", "val-{0..1}", "val-0.tar",
      "{", "",
    ])
  func otherPaths(_ root: String) {
    #expect(!FileTree.isWebDataset(path + "/" + root))
  }

  @Test("a root of more shards than there can be is no root, and takes no memory")
  func bounded() {
    #expect(!FileTree.isWebDataset(path + "/val-{0..99999999999}.tar"))
    #expect(!FileTree.isWebDataset(path + "/val-{0..9223372036854775807}.tar"))
    #expect(!FileTree.isWebDataset(path + "/val-{0..99999999999999999999}.tar"))
  }
}
