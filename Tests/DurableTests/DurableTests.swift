import Durable
import Foundation
import TestSupport
import Testing

@Suite struct DurableTests {
  let folder = ScratchFolder.freshPath()

  init() throws { try DurableFile.makeFolder(folder) }

  private func remove() { try? FileManager.default.removeItem(atPath: folder) }

  @Test("A file is replaced whole, with the rights asked for, and leaves nothing beside it")
  func writes() throws {
    defer { remove() }
    let path = folder + "/a.json"
    try DurableFile.write(Data("one".utf8), to: path)
    try DurableFile.write(Data("two".utf8), to: path, mode: 0o640)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "two")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a.json"])
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o640)
  }

  @Test("Half-made files have names that nobody knows, and none is the other's")
  func drafts() throws {
    defer { remove() }
    let drafts = try (0..<2).map { _ in try DraftFile(for: folder + "/a", mode: 0o644) }
    let names = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
    #expect(names.count == 2 && names.allSatisfy { $0.hasPrefix("a.tmp-") && $0.utf8.count > 14 })
    try drafts[0].append(Data("one".utf8))
    try drafts[0].moveIntoPlace()
    #expect(try FileManager.default.attributesOfItem(atPath: folder + "/a")[.posixPermissions] as? Int == 0o644)
    withExtendedLifetime(drafts) {}
  }

  @Test("A file goes into the folder that was there when it began, whatever its path leads to later")
  func movedFolder() throws {
    defer { remove() }
    for name in ["x", "other"] { try DurableFile.makeFolder(folder + "/" + name) }
    do {
      let draft = try DraftFile(for: folder + "/x/a")
      try FileManager.default.moveItem(atPath: folder + "/x", toPath: folder + "/moved")
      try FileManager.default.createSymbolicLink(atPath: folder + "/x", withDestinationPath: "other")
      try draft.append(Data("one".utf8))
      try draft.moveIntoPlace()
    }
    #expect(try String(contentsOfFile: folder + "/moved/a", encoding: .utf8) == "one")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/other").isEmpty)
  }

  @Test("Where others may write, a half-made file that was exchanged does not appear")
  func exchanged() throws {
    defer { remove() }
    let victim = folder + "/victim"
    try Data("precious".utf8).write(to: URL(fileURLWithPath: victim))
    let shared = folder + "/shared"
    try DurableFile.makeFolder(shared)
    chmod(shared, 0o777)
    do {
      let draft = try DraftFile(for: shared + "/a")
      let half = try #require(try FileManager.default.contentsOfDirectory(atPath: shared).first)
      try FileManager.default.removeItem(atPath: shared + "/" + half)
      try FileManager.default.createSymbolicLink(atPath: shared + "/" + half, withDestinationPath: victim)
      try draft.append(Data("one".utf8))
      #expect(throws: FileError("write", shared + "/a", code: ESTALE)) { try draft.moveIntoPlace() }
    }
    #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
    #expect(!FileManager.default.fileExists(atPath: shared + "/a"))
  }

  @Test(
    "Who else may write a folder is known", arguments: [(0o700, false), (0o755, false), (0o757, true), (0o1777, true)])
  func writers(mode: Int, isShared: Bool) throws {
    defer { remove() }
    chmod(folder, mode_t(mode))
    #expect((FolderWriters(of: folder).words == "everyone") == isShared)
    #expect(FolderWriters(of: folder + "/none") == .nobody)
    // A group of its own is nobody else; daemon's is one, where this may be tried.
    chmod(folder, 0o770)
    guard geteuid() == 0, let group = getgrnam("daemon") else { return }
    #expect(FolderWriters(of: folder) == .nobody)
    chown(folder, 0, group.pointee.gr_gid)
    #expect(FolderWriters(of: folder) == .group("daemon"))
  }

  @Test("A folder that is gone is not made anew, and a full disk leaves what was there")
  func failures() throws {
    defer { remove() }
    let gone = folder + "/gone/a.json"
    #expect(throws: FileError("write", gone, code: ENOENT)) { try DurableFile.write(Data(), to: gone) }
    #expect(!FileManager.default.fileExists(atPath: folder + "/gone"))
    try Data("a file".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
    #expect(throws: FileError("create the folder", folder + "/file", code: ENOTDIR)) {
      try DurableFile.makeFolder(folder + "/file")
    }
    try DurableFile.makeFolder(folder + "/x/y/z")
    #expect(DurableFile.folder(of: "report.html") == "." && DurableFile.folder(of: "/a/b") == "/a")
  }

  @Test("What Foundation throws becomes a sentence with the path and the system's words")
  func sentences() throws {
    defer { remove() }
    let missing = folder + "/none/x"
    let deeds: [(String, () throws -> Void)] = [
      ("read", { _ = try Data(contentsOf: URL(fileURLWithPath: missing)) }),
      ("read", { _ = try String(contentsOfFile: missing, encoding: .utf8) }),
      ("read", { _ = try FileHandle(forReadingFrom: URL(fileURLWithPath: missing)) }),
      ("read", { _ = try FileManager.default.contentsOfDirectory(atPath: missing) }),
      ("write", { try Data([1]).write(to: URL(fileURLWithPath: missing)) }),
      ("write", { try "text".write(toFile: missing, atomically: true, encoding: .utf8) }),
      ("write", { try FileManager.default.removeItem(atPath: missing) }),
    ]
    for (action, deed) in deeds {
      let error = #expect(throws: (any Error).self) { try deed() }
      #expect(error?.sentence == "cannot \(action) \(missing): No such file or directory; check the path")
    }
    let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
    let error = #expect(throws: (any Error).self) { try full.write(contentsOf: Data([1])) }
    #expect(error?.sentence == "No space left on device")
    #expect(POSIXError(.EACCES).sentence == "Permission denied")
    for text in ["{", "{\"a\": \"b\"}", "[1]", ""] {
      let error = #expect(throws: (any Error).self) {
        try JSONDecoder().decode([String: [Int]].self, from: Data(text.utf8))
      }
      let sentence = try #require(error?.sentence)
      #expect(!sentence.contains("Error") && !sentence.contains("(") && !sentence.contains("Optional"), "\(sentence)")
    }
    #expect(FileError("read", "x", code: EIO).sentence.hasPrefix("cannot read x: Input/output error; its file system"))
  }

  @Test("A path that comes to name something else is told apart")
  func identity() throws {
    defer { remove() }
    let path = folder + "/a"
    try DurableFile.write(Data(), to: path)
    let first = try FileIdentity(of: path)
    #expect(try FileIdentity(of: path) == first)
    let held = open(path, O_RDONLY)
    defer { close(held) }
    try DurableFile.write(Data(), to: path)
    #expect(try FileIdentity(of: path) != first)
    unlink(path)
    #expect(throws: FileError("find", path, code: ENOENT)) { try FileIdentity(of: path) }
  }

  @Test("An error of a full disk names the disk")
  func fullDisk() throws {
    defer { remove() }
    let error = FileError("write", folder + "/none/x", code: ENOSPC)
    let mountPoint = Disk(of: folder).mountPoint
    #expect(
      error.description.hasPrefix("cannot write \(folder)/none/x: No space left on device (the disk at \(mountPoint)"))
    #expect(
      error.description.contains(" free of ")
        && error.description.hasSuffix("; free space there, or choose another place"))
    #expect(Disk(of: "/proc/self/none").mountPoint == "/proc")
    #expect(Disk.refusal(beside: folder + "/x") == nil)
    #expect(Disk.refusal(beside: folder + "/none/x")?.code == ENOENT)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }
}
