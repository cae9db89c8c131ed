import Benchmarks
import Foundation
import TestSupport
import Testing

@Suite struct ImageListingTests {
  private let folder: ScratchFolder
  private var path: String { folder.path }

  init() throws {
    folder = try ScratchFolder()
  }

  private func touch(_ name: String) throws {
    let file = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    #expect(FileManager.default.createFile(atPath: file, contents: Data()))
  }

  @Test("images of all conditions are listed once, in byte order; other files are named as left out")
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
    #expect(
      listing.leftOut == [
        LeftOutFile(path: "README", reason: "it is not in a class folder"),
        LeftOutFile(path: "apple/.hidden.JPEG", reason: "it is hidden"),
        LeftOutFile(path: "apple/notes.txt", reason: "its extension .txt is not that of an image"),
      ])
    #expect(listing.filesFound == 6)
  }

  private func clean(_ root: String = "val") throws -> ImageListing {
    try BenchmarkDefinition.clean(name: "val", root: path + "/" + root).listing()
  }

  @Test("class folders are searched to any depth, links followed, and every file is an image or named as left out")
  func walksAsImageFolder() throws {
    try [
      "a/1.jpg", "a/2.webp", "a/3.bmp", "a/4.tif", "a/5.gif", "a/deep/er/6.PNG", "a/.git/7.jpg", "b/8", "b/9.heic",
      "0.jpg", ".DS_Store",
    ].forEach { try touch("val/" + $0) }
    let files = FileManager.default
    try files.createSymbolicLink(atPath: path + "/val/b/10.jpg", withDestinationPath: "../a/1.jpg")
    try files.createSymbolicLink(atPath: path + "/val/b/also", withDestinationPath: "../a/deep")
    try files.createSymbolicLink(atPath: path + "/val/b/loop", withDestinationPath: "..")
    try files.createDirectory(atPath: path + "/val/empty", withIntermediateDirectories: true)
    let listing = try clean()
    #expect(
      listing.paths == [
        "a/1.jpg", "a/2.webp", "a/3.bmp", "a/4.tif", "a/5.gif", "a/deep/er/6.PNG", "b/10.jpg", "b/also/er/6.PNG",
      ])
    #expect(
      listing.leftOut.map(\.path) == [".DS_Store", "0.jpg", "a/.git/7.jpg", "b/8", "b/9.heic", "b/loop", "empty"])
    #expect(listing.filesFound == 8 + 5)
    #expect(listing.classNames == ["a", "b"])
  }

  @Test("two names that differ only in Unicode's normal form are two images in two classes")
  func normalForms() throws {
    for folder in ["caf\u{E9}", "cafe\u{301}"] {
      for file in ["\u{E4}.jpg", "a\u{308}.jpg"] { try touch("val/\(folder)/\(file)") }
    }
    let listing = try clean()
    #expect(Set(listing.paths.map { Array($0.utf8) }).count == 4)
    #expect(listing.labels == [0, 0, 1, 1])
    let fog = ["1", "2"].map { "c/fog/\($0)/x" }
    try touch(fog[0] + "/\u{E4}.jpg")
    try touch(fog[1] + "/a\u{308}.jpg")
    let corrupted = try BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: path + "/c"), corruptions: ["fog"], severities: [1, 2]
    ).listing()
    #expect(corrupted.paths.count == 2)
  }

  @Test("folders that are numbers are in the numbers' order, and two of one number are refused")
  func numbers() throws {
    try ["0", "2", "10", "9"].forEach { try touch("val/\($0)/x.jpg") }
    let listing = try clean()
    #expect(listing.classNames == ["0", "2", "9", "10"] && listing.rule == .numbers)
    #expect(listing.paths.first == "0/x.jpg" && listing.labels == [0, 3, 1, 2])
    try touch("val/010/x.jpg")
    #expect(throws: ListingError.twoFoldersOfOneNumber("010", "10")) { try self.clean() }
    try touch("val/x1/x.jpg")
    #expect(try clean().rule == .names)
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
    #expect(throws: ListingError.missingFolder(path + "/none", reason: "no such folder")) {
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
