import Durable
import Foundation
import Testing

@Suite struct DurableTests {
  let folder = NSTemporaryDirectory() + "gauntlet-durable-" + UUID().uuidString

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

  @Test("A folder that is gone is not made anew, and a full disk leaves what was there")
  func failures() throws {
    defer { remove() }
    let gone = folder + "/gone/a.json"
    #expect(throws: FileError("write", gone, code: ENOENT)) { try DurableFile.write(Data(), to: gone) }
    #expect(!FileManager.default.fileExists(atPath: folder + "/gone"))
    try Data("a file".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
    #expect(throws: FileError("make the folder", folder + "/file", code: ENOTDIR)) {
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
