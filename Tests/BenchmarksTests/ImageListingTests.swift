import Benchmarks
import Foundation
import Testing

@Suite struct ImageListingTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path }

  init() throws {
    folder = try TemporaryFolder()
  }

  private func touch(_ name: String) throws {
    let file = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    #expect(FileManager.default.createFile(atPath: file, contents: Data()))
  }

  @Test("images of all conditions are listed once, in byte order; other files are passed over")
  func union() throws {
    try ["1/pear/b.JPEG", "1/apple/z.jpg", "1/apple/.hidden.JPEG", "1/apple/notes.txt", "1/README"].forEach {
      try touch("c/fog/\($0)")
    }
    try ["2/pear/b.JPEG", "2/pear/a.png"].forEach { try touch("c/fog/\($0)") }
    let listing = try BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: path + "/c"), corruptions: ["fog"], severities: [1, 2]
    ).listing()
    #expect(listing.paths == ["apple/z.jpg", "pear/a.png", "pear/b.JPEG"])
    #expect(listing.labels == [0, 1, 1])
    #expect(listing.classNames == ["apple", "pear"])
  }

  @Test("a few ImageNet class folders keep ImageNet's class index")
  func imageNetIndex() throws {
    try touch("val/n02110185/a.JPEG")
    let listing = try BenchmarkDefinition.clean(name: "val", root: path + "/val").listing()
    #expect(listing.labels == [250])
    #expect(listing.classNames.count == 1000)
  }

  @Test("missing and empty folders are refused by name")
  func refuses() throws {
    try FileManager.default.createDirectory(atPath: path + "/empty", withIntermediateDirectories: true)
    #expect(throws: ListingError.noImages(path + "/empty")) {
      try BenchmarkDefinition.clean(name: "val", root: path + "/empty").listing()
    }
    #expect(throws: ListingError.missingFolder(path + "/none", reason: "there is no such folder")) {
      try BenchmarkDefinition.clean(name: "val", root: path + "/none").listing()
    }
  }

  @Test("the digest changes with a path and with a label")
  func digests() {
    let listing = ImageListing(paths: ["a/1", "b/1"], labels: [0, 1], classNames: ["a", "b"])
    let renamed = ImageListing(paths: ["a/1", "b/2"], labels: [0, 1], classNames: ["a", "b"])
    let relabelled = ImageListing(paths: ["a/1", "b/1"], labels: [0, 0], classNames: ["a", "b"])
    #expect(Set([listing.digest, renamed.digest, relabelled.digest]).count == 3)
  }
}
