import Benchmarks
import Foundation
import TestSupport
import Testing

@Suite struct FileTreeTests {
  private let folder: ScratchFolder
  private var path: String { folder.path }

  init() throws {
    folder = try ScratchFolder()
  }

  private func write(_ blocks: [[UInt8]], to name: String = "a.tar") throws -> String {
    try TarFile.write(blocks, to: path + "/" + name)
  }

  private func member(_ name: String, _ text: String, type: Character = "0", prefix: String = "") -> [UInt8] {
    TarFile.member(name, text, type: type, prefix: prefix)
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try FileTree.contents(of: path), as: UTF8.self)
  }

  @Test("ustar prefixes, GNU and pax long names are read; the later of two files of a name stands")
  func names() throws {
    let long = String(repeating: "n", count: 150) + ".png"
    let record = " path=p/\(long)\n"
    let pax = "\(record.utf8.count + 3)" + record
    let tar = try write([
      member("./x/", "", type: "5"), member("x/1.JPEG", "old"), member("./x/1.JPEG", "new"),
      member("2.JPEG", "two", prefix: "deep/er"), member("././@LongLink", "g/\(long)\0", type: "L"),
      member("g/cut", "gnu"), member("h", pax, type: "x"), member("p/cut", "pax"), member("x/empty.JPEG", ""),
    ])
    #expect(try text(tar + "/x/1.JPEG") == "new")
    #expect(try text(tar + "/deep/er/2.JPEG") == "two")
    #expect(try text(tar + "/g/" + long) == "gnu")
    #expect(try text(tar + "/p/" + long) == "pax")
    #expect(try text(tar + "/x/empty.JPEG") == "")
    #expect(FileTree.isFolder(tar) && FileTree.isFolder(tar + "/deep") && !FileTree.isFolder(tar + "/deep/none"))
    #expect(throws: (any Error).self) { try FileTree.contents(of: tar + "/x/none") }
    let listing = try BenchmarkDefinition.clean(name: "v", root: tar).listing()
    #expect(listing.paths == ["deep/er/2.JPEG", "g/\(long)", "p/\(long)", "x/1.JPEG", "x/empty.JPEG"])
  }

  @Test("links lead to files and folders of the archive as after unpacking; those that lead nowhere are named")
  func links() throws {
    let tar = try write([
      member("x/1.JPEG", "one"), TarFile.link("y/hard.JPEG", to: "x/1.JPEG", type: "1"),
      TarFile.link("y/soft.JPEG", to: "../x/1.JPEG"), TarFile.link("y/twice.JPEG", to: "soft.JPEG"),
      TarFile.link("z", to: "x"), TarFile.link("y/more", to: "../z"), TarFile.link("x/loop", to: ".."),
      TarFile.link("x/none.JPEG", to: "nowhere"), TarFile.link("x/out.JPEG", to: "/etc/x.JPEG"),
      TarFile.link("x/early.JPEG", to: "x/late.JPEG", type: "1"), member("x/late.JPEG", "late"),
      member("x/dev.JPEG", "", type: "3"), member("../up.JPEG", "up"),
    ])
    let listing = try BenchmarkDefinition.clean(name: "v", root: tar).listing()
    #expect(
      listing.paths == [
        "x/1.JPEG", "x/late.JPEG", "y/hard.JPEG", "y/more/1.JPEG", "y/more/late.JPEG", "y/soft.JPEG", "y/twice.JPEG",
        "z/1.JPEG", "z/late.JPEG",
      ])
    for path in listing.paths { #expect(try text(tar + "/" + path) == (path.hasSuffix("late.JPEG") ? "late" : "one")) }
    #expect(
      listing.leftOut.map(\.path) == [
        "../up.JPEG", "x/dev.JPEG", "x/early.JPEG", "x/loop", "x/none.JPEG", "x/out.JPEG",
      ])
  }

  @Test("a name of very many folders is left out, and none of its folders is made")
  func deepNames() throws {
    func path(_ folders: Int) -> String { String(repeating: "a/", count: folders) + "1.JPEG" }
    let tar = try write([
      member("././@LongLink", path(99) + "\0", type: "L"), member("cut", "in"),
      member("././@LongLink", path(200_000) + "\0", type: "L"), member("cut", "too deep"),
    ])
    let listing = try BenchmarkDefinition.clean(name: "v", root: tar).listing()
    #expect(listing.paths == [path(99)] && listing.leftOut.count == 1)
  }

  @Test("a chain of very many links, the last first, ends at its file; so do links to folders of links")
  func chainedLinks() throws {
    let count = 20_000
    var members = (0..<count).map { TarFile.link("x/\($0).JPEG", to: "\($0 + 1).JPEG") }
    members.append(member("x/\(count).JPEG", "one"))
    members += (0..<30).reversed().map { TarFile.link("f\($0 + 1)/in", to: "../f\($0)") }
    members.append(member("f0/1.JPEG", "one"))
    let tar = try write(members)
    let listing = try BenchmarkDefinition.clean(name: "v", root: tar).listing()
    #expect(listing.leftOut.isEmpty && listing.paths.count == count + 1 + 31)
    #expect(try text(tar + "/x/0.JPEG") == "one" && text(tar + "/f2/in/in/1.JPEG") == "one")
  }

  @Test("links that double each other end")
  func doublingLinks() throws {
    var members = [member("d0/1.JPEG", "one"), member("d0/2.JPEG", "two")]
    for level in 1..<40 {
      members.append(TarFile.link("d\(level)/a", to: "../d\(level - 1)"))
      members.append(TarFile.link("d\(level)/b", to: "../d\(level - 1)"))
    }
    let tar = try write(members)
    #expect(throws: ListingError.self) { try BenchmarkDefinition.clean(name: "v", root: tar).listing() }
  }

  @Test("an archive that is cut off or none at all is refused")
  func damaged() throws {
    let whole = member("x/1.JPEG", String(repeating: "a", count: 2000))
    let files = [try write([Array(whole.prefix(1024))].map { Array($0) }, to: "cut.tar")]
    try Data(repeating: 7, count: 2048).write(to: URL(fileURLWithPath: path + "/none.tar"))
    // The two zero blocks at the end make up a kilobyte of what is missing, but not all of it.
    for file in files + [path + "/none.tar"] {
      #expect(throws: ListingError.self, "\(file)") {
        try BenchmarkDefinition.clean(name: "v", root: file).listing()
      }
    }
    #expect(throws: ListingError.self) { try BenchmarkDefinition.clean(name: "v", root: path + "/no.tar").listing() }
  }

  @Test("a class's archive that is damaged is left out as such, and a folder whose name is no text counts as no file")
  func damagedClass() throws {
    for name in ["a", "b"] { _ = try write([member("1.JPEG", "one")], to: "classes-\(name).tar") }
    let root = path + "/classes"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    try FileManager.default.moveItem(atPath: path + "/classes-a.tar", toPath: root + "/a.tar")
    let whole = try #require(FileManager.default.contents(atPath: path + "/classes-b.tar"))
    try whole.prefix(700).write(to: URL(fileURLWithPath: root + "/b.tar"))
    try #require(mkdir(root + "/c", 0o755) == 0)
    let unnamed = Array((root + "/").utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0]
    try #require(rename(root + "/c", unnamed) == 0)
    let listing = try BenchmarkDefinition.clean(name: "v", root: root).listing()
    #expect(listing.paths == ["a.tar/1.JPEG"])
    let damaged = try #require(listing.leftOut.first { $0.path == "b.tar" })
    #expect(damaged.count == 1 && damaged.reason.hasPrefix("it is not a complete tar archive: "), "\(damaged.reason)")
    #expect(listing.leftOut.count == 2 && listing.filesFound == 2)
  }

  @Test("an archive that is cut anywhere is refused: its last files would be missed")
  func cutAnywhere() throws {
    let tar = try write([member("x/1.JPEG", "one"), member("x/2.JPEG", String(repeating: "a", count: 600))])
    let bytes = try #require(FileManager.default.contents(atPath: tar))
    #expect(bytes.count == 3584)
    for length in Array(stride(from: 0, to: 2560, by: 64)) + [2560, 2561, 3071] {
      let cut = path + "/cut-\(length).tar"
      try bytes.prefix(length).write(to: URL(fileURLWithPath: cut))
      #expect(throws: ListingError.self, "\(length) bytes") { try FileTree.checkArchive(of: cut) }
    }
    try bytes.prefix(3072).write(to: URL(fileURLWithPath: path + "/one-block.tar"))
    try FileTree.checkArchive(of: path + "/one-block.tar")
  }

  @Test("a file that is not there, a folder and a named pipe are refused by name; an empty one is empty")
  func plainFiles() throws {
    try Data().write(to: URL(fileURLWithPath: path + "/empty"))
    #expect(try FileTree.contents(of: path + "/empty").isEmpty)
    try #require(mkfifo(path + "/pipe", 0o600) == 0)
    for bad in [path + "/none", path, path + "/pipe"] {
      #expect { try FileTree.contents(of: bad) } throws: { "\($0)".contains(bad) }
    }
    try #require(mkfifo(path + "/pipe.tar", 0o600) == 0)
    #expect(throws: ListingError.missingFolder(path + "/pipe.tar", reason: "it is not a file")) {
      try FileTree.checkArchive(of: path + "/pipe.tar")
    }
  }

  @Test("a damaged header is refused or read, never a crash")
  func garbage() throws {
    let whole = [
      member("x/1.JPEG", "one"), member("././@LongLink", "g/name\0", type: "L"), member("g/cut", "gnu"),
      member("h", "15 path=p/name\n", type: "x"), member("p/cut", "pax"),
    ].flatMap { $0 }
    var state: UInt64 = 11
    func next(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    for round in 0..<300 {
      var damaged = whole
      // A wrong byte, with the header's sum made right again, so that what it says is looked at.
      let block = next(damaged.count / 512) * 512
      damaged[block + next(512)] = UInt8(next(256))
      damaged.replaceSubrange(block + 148..<block + 156, with: [UInt8](repeating: 32, count: 8))
      let sum = damaged[block..<block + 512].reduce(0) { $0 + Int($1) }
      damaged.replaceSubrange(block + 148..<block + 148 + String(sum, radix: 8).count, with: String(sum, radix: 8).utf8)
      if round % 3 == 0 { damaged.removeLast(next(damaged.count)) }
      let tar = try write([damaged], to: "damaged-\(round).tar")
      guard let listing = try? BenchmarkDefinition.clean(name: "v", root: tar).listing() else { continue }
      for file in listing.paths { _ = try? FileTree.contents(of: tar + "/" + file) }
    }
  }

  @Test("ImageNet-C's groups are found in their archives, with and without the group's name inside")
  func groups() throws {
    _ = try write([member("gaussian_noise/1/x/1.JPEG", "noise")], to: "noise.tar")
    _ = try write([member("blur/defocus_blur/1/x/1.JPEG", "blur")], to: "blur.tar")
    let benchmark = BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: path), corruptions: ["gaussian_noise", "defocus_blur"], severities: [1])
    let listing = try benchmark.listing()
    #expect(listing.paths == ["x/1.JPEG"])
    let contents = try benchmark.grid.cells.map { try text(benchmark.file(of: "x/1.JPEG", at: $0)) }
    #expect(contents == ["noise", "blur"])
  }

  @Test("an archive that changes is indexed anew")
  func changes() throws {
    let tar = try write([member("x/1.JPEG", "one")])
    #expect(try text(tar + "/x/1.JPEG") == "one")
    _ = try write([member("x/0.JPEG", "zero"), member("x/1.JPEG", "longer")])
    #expect(try text(tar + "/x/1.JPEG") == "longer")
  }
}
