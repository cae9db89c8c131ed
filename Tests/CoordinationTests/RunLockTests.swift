import Coordination
import Foundation
import Planning
import Synchronization
import TestSupport
import Testing

/// Who has a run, also where the file system's locks hold on one machine only.
@Suite struct RunLockTests {
  private final class Place {
    private let scratch: ScratchFolder
    var folder: String { scratch.path }
    var record: String { folder + "/owner.json" }

    init() throws { scratch = try ScratchFolder() }

    /// The record of this process as it is while it has the lock, changed by the test.
    func owner(_ changes: [String: Any]) throws -> [String: Any] {
      let lock = try RunLock(folder: folder)
      defer { withExtendedLifetime(lock) {} }
      let data = try #require(FileManager.default.contents(atPath: record))
      let own = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      return own.merging(changes) { $1 }
    }

    func write(_ owner: [String: Any]) throws {
      try JSONSerialization.data(withJSONObject: owner).write(to: URL(fileURLWithPath: record), options: .atomic)
    }
  }

  @Test("A lock leaves a record while it is held, and none afterwards")
  func record() throws {
    let place = try Place()
    let own = try place.owner([:])
    #expect(own["process"] as? Int32 == ProcessInfo.processInfo.processIdentifier)
    #expect(own["host"] as? String == ProcessInfo.processInfo.hostName)
    #expect(!FileManager.default.fileExists(atPath: place.record))
    #expect(try String(contentsOfFile: place.folder + "/lock", encoding: .utf8) == RunFolder.lockText)
  }

  @Test("An owner of this machine keeps others off while its process lives, whatever the lock says")
  func sameMachine() throws {
    let place = try Place()
    let own = try place.owner(["token": "another"])
    let began = try #require(own["began"] as? Int)
    try place.write(own)
    let process = ProcessInfo.processInfo.processIdentifier
    #expect(
      throws: CoordinationError.owned(
        folder: place.folder, host: ProcessInfo.processInfo.hostName, process: process)
    ) { try RunLock(folder: place.folder) }
    // The number of a process that is gone, used again since.
    try place.write(own.merging(["began": began + 1]) { $1 })
    _ = try RunLock(folder: place.folder)
    let ended = try Program.start("/bin/true", [])
    ended.waitUntilExit()
    try place.write(own.merging(["process": Int(ended.processIdentifier)]) { $1 })
    _ = try RunLock(folder: place.folder)
  }

  @Test("An owner of another machine is waited for: one that renews its record keeps others off, a silent one does not")
  func otherMachine() throws {
    let place = try Place()
    let own = try place.owner(["token": "another", "host": "node7", "boot": "another"])
    try place.write(own)
    var notes: [String] = []
    do {
      let lock = try RunLock(folder: place.folder, beat: .milliseconds(20)) { notes.append($0) }
      withExtendedLifetime(lock) {}
    }
    #expect(notes.count == 1 && notes[0].contains("node7"))

    let isOver = Atomic(false)
    try place.write(own)
    let group = DispatchGroup()
    group.enter()
    let (record, process) = (place.record, ProcessInfo.processInfo.processIdentifier)
    Thread.detachNewThread {
      var beat = 0
      while !isOver.load(ordering: .acquiring) {
        beat += 1
        let text = """
          {"host":"node7","boot":"another","space":"","token":"another","process":\(process),"began":1,
          "beat":\(beat)}
          """
        try? text.write(toFile: record, atomically: true, encoding: .utf8)
      }
      group.leave()
    }
    #expect(
      throws: CoordinationError.owned(
        folder: place.folder, host: "node7", process: ProcessInfo.processInfo.processIdentifier)
    ) { try RunLock(folder: place.folder, beat: .seconds(60)) }
    isOver.store(true, ordering: .releasing)
    group.wait()
  }

  @Test("A coordinator learns that another one, which did not see its lock, took the run", .hangLimit)
  func usurped() throws {
    let place = try Place()
    let other = try place.owner(["token": "another", "host": "node7", "boot": "another"])
    let lock = try RunLock(folder: place.folder, beat: .milliseconds(5))
    try lock.check()
    var error: CoordinationError?
    while error == nil {
      // Again and again, as its owner does: this one may have been about to renew its own.
      try place.write(other)
      do { try lock.check() } catch let found { error = found }
    }
    let process = ProcessInfo.processInfo.processIdentifier
    #expect(error == .owned(folder: place.folder, host: "node7", process: process))
  }
}
