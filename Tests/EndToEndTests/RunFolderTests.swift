import Archives
import Coordination
import Foundation
import Launching
import Planning
import TestSupport
import Testing

/// The run folder against the world: moved, shared, foreign, read-only, started in twice.
@Suite(.serialized) struct RunFolderTests {
  private func run(_ script: String, in folder: String) throws -> CommandRunner.Outcome {
    try CommandRunner().run(
      ["bash", "-c", "cd '\(folder)' && " + script], environment: ["G": CommandLineTool.path])
  }

  private static let sayings = ["NSCocoaErrorDomain", "NSPOSIXErrorDomain", "SQLite error", "Fatal"]

  private func expectWords(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(!Self.sayings.contains(where: text.contains), "\(text)", sourceLocation: sourceLocation)
  }

  @Test(
    "A run folder that is moved or deleted ends its run with status 3, and is not made anew", .hangLimit,
    arguments: [true, false])
  func goneFolder(isMoved: Bool) throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 100, shardImages: 2, live: "all")
    let folder = RunFolder(scratch.path + "/run")
    let errors = try Program.OutputFile()
    let process = try CommandLineTool.start(["run", manifest, "--run", folder.path], errors: errors.handle)
    try waitUntil("parts are written") { FileManager.default.fileExists(atPath: folder.part(shard: 5)) }
    let elsewhere = RunFolder(scratch.path + "/elsewhere")
    if isMoved {
      try FileManager.default.moveItem(atPath: folder.path, toPath: elsewhere.path)
    } else {
      // At once, while parts are written into it.
      #expect(rename(folder.path, elsewhere.path) == 0)
      try FileManager.default.removeItem(atPath: elsewhere.path)
    }
    process.waitUntilExit()
    #expect(process.terminationStatus == 3)
    let said = try errors.text()
    #expect(said.contains("\(folder.path) was deleted or moved during the run"), "\(said)")
    expectWords(said)
    #expect(!FileManager.default.fileExists(atPath: folder.path))
    guard isMoved else { return }
    let ledger = try Ledger.open(at: elsewhere.ledger, readOnly: true)
    // All that was acknowledged is there.
    for part in try ledger.parts() {
      #expect(FileManager.default.fileExists(atPath: elsewhere.path + "/" + (part.part?.path ?? "")))
    }
  }

  @Test(
    "A coordinator that waits for workers notices, too; and one whose run another took over", arguments: [true, false])
  func idle(isMoved: Bool) throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let folder = RunFolder(scratch.path + "/run")
    let errors = try Program.OutputFile()
    let process = try CommandLineTool.start(["coordinate", manifest, "--run", folder.path], errors: errors.handle)
    try waitUntil("it listens") { CoordinatorEndpoint(in: folder)?.address != nil }
    if isMoved {
      try FileManager.default.moveItem(atPath: folder.path, toPath: folder.path + "-moved")
    } else {
      let record = folder.path + "/owner.json"
      let text = try String(contentsOfFile: record, encoding: .utf8)
      try text.replacing("\"token\":\"", with: "\"token\":\"not-").write(
        toFile: record, atomically: true, encoding: .utf8)
    }
    process.waitUntilExit()
    #expect(process.terminationStatus == 3)
    let said = try errors.text()
    #expect(said.contains(isMoved ? "was deleted or moved" : "is coordinating \(folder.path), although"), "\(said)")
    // Nothing is left in a folder that is not there, nor in one that another process has.
    #expect(FileManager.default.fileExists(atPath: folder.path) == !isMoved)
    #expect(CoordinatorFailure(in: folder) == nil)
  }

  @Test("A folder that others may write holds no run; what a run makes is nobody else's to write, whatever the mask")
  func openToOthers() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let folder = RunFolder(scratch.path + "/run")
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    chmod(folder.path, 0o777)
    let refused = try CommandLineTool.run(["run", manifest, "--run", folder.path])
    #expect(refused.status == 2 && refused.errors.contains("is writable by everyone"), "\(refused.errors)")
    #expect(refused.errors.contains("chmod go-w \(folder.path)"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    chmod(folder.path, 0o755)
    let run = Process()
    run.executableURL = URL(fileURLWithPath: "/bin/sh")
    run.arguments = [
      "-c", "umask 0; exec \"$@\"", "sh", CommandLineTool.path, "run", manifest, "--run", folder.path,
    ]
    (run.standardOutput, run.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try run.run()
    run.waitUntilExit()
    #expect(run.terminationStatus == 0)
    let files = try #require(FileManager.default.enumerator(atPath: folder.path))
    for case let name as String in files {
      var status = stat()
      #expect(lstat(folder.path + "/" + name, &status) == 0 && status.st_mode & 0o022 == 0, "\(name)")
    }
    chmod(folder.path, 0o1777)
    for command in ["resume", "mend"] {
      let refused = try CommandLineTool.run([command, folder.path])
      #expect(refused.status == 2 && refused.errors.contains("is writable by everyone"), "\(command)")
    }
  }

  @Test("Of two manifests that are started at once in one folder, one runs and the other is told so")
  func twoManifests() throws {
    let scratch = try ScratchFolder()
    let first = try scratch.miniature(images: 10, shardImages: 5)
    let second = scratch.path + "/second.yaml"
    try String(contentsOfFile: first, encoding: .utf8)
      .replacing("architecture: replknet-nano", with: "architecture: resnet-nano")
      .replacing("replknet-nano.safetensors", with: "resnet-nano.safetensors")
      .write(toFile: second, atomically: true, encoding: .utf8)
    for _ in 0..<3 {
      let folder = RunFolder(scratch.path + "/run")
      let files = try (0..<4).map { _ in try Program.OutputFile() }
      let processes = try [first, second].enumerated().map { index, manifest in
        try CommandLineTool.start(
          ["run", manifest, "--run", folder.path], output: files[2 * index].handle, errors: files[2 * index + 1].handle)
      }
      processes.forEach { $0.waitUntilExit() }
      let statuses = processes.map(\.terminationStatus)
      let said = try files[1].text() + files[3].text()
      // 3 where the other one is at it, 2 where it is done already.
      #expect(statuses.count { $0 == 0 } == 1 && statuses.allSatisfy { [0, 2, 3].contains($0) }, "\(said)")
      let winner = statuses[0] == 0 ? 0 : 1
      #expect(try files[2 * winner].text().hasPrefix(["replknet-nano", "resnet-nano"][winner]))
      let refused = try files[3 - 2 * winner].text()
      #expect(refused.contains("another gauntlet process") || refused.contains("a different manifest"), "\(refused)")
      try FileManager.default.removeItem(atPath: folder.path)
    }
    // Planning takes the lock before it looks.
    let folder = RunFolder(scratch.path + "/run")
    try folder.create()
    let lock = try RunLock(folder: folder.path)
    let refused = try CommandLineTool.run(["run", first, "--run", folder.path])
    #expect(refused.status == 3 && refused.errors.contains("another gauntlet process"))
    #expect(!folder.isPlanned && !FileManager.default.fileExists(atPath: folder.manifest))
    withExtendedLifetime(lock) {}
  }

  @Test("A folder with others' files is refused and left as it is; an empty one is taken")
  func othersFiles() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let names = ["archive.h5", "manifest.yaml", "report.html"]
    let folder = scratch.path + "/own"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for command in [["run", manifest], ["coordinate", manifest], ["launch", manifest, "--engine", "local"]] {
      for name in names { try name.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8) }
      let refused = try CommandLineTool.run(command + ["--run", folder])
      #expect(refused.status == 2 && refused.errors.contains("other files (archive.h5, manifest.yaml, report.html)"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == names)
      for name in names { #expect(try String(contentsOfFile: folder + "/" + name, encoding: .utf8) == name) }
    }
    for name in names { try FileManager.default.removeItem(atPath: folder + "/" + name) }
    #expect(try CommandLineTool.run(["run", manifest, "--run", folder]).status == 0)
  }

  @Test("A changed cluster section goes on with the run; what differs otherwise is said")
  func otherManifest() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let folder = scratch.path + "/run"
    try #require(try CommandLineTool.run(["run", manifest, "--run", folder]).status == 0)
    let text = try String(contentsOfFile: manifest, encoding: .utf8)
    try (text + "\ncluster: {engine: local, time: \"2:00:00\"}\n# longer\n")
      .write(toFile: manifest, atomically: true, encoding: .utf8)
    let again = try CommandLineTool.run(["launch", manifest, "--run", folder])
    #expect(again.status == 0 && again.output.contains("the run is done"), "\(again.errors)")
    try text.replacing("seed: 7", with: "seed: 8").write(toFile: manifest, atomically: true, encoding: .utf8)
    let other = try CommandLineTool.run(["run", manifest, "--run", folder])
    #expect(
      other.status == 2 && other.errors.contains("a different manifest: seed is 8 instead of 7."), "\(other.errors)")
    let plan = try String(contentsOfFile: folder + "/plan.json", encoding: .utf8)
    try plan.replacing(#/"version" ?: ?[0-9]+/#, with: "\"version\" : 99")
      .write(toFile: folder + "/plan.json", atomically: true, encoding: .utf8)
    let later = try CommandLineTool.run(["status", folder])
    #expect(later.status == 3 && later.errors.contains("plan.json has version 99, but this program"), "\(later)")
    #expect(!later.errors.contains("damaged"))
  }

  @Test("A manifest that is refused leaves no run folder, nor those above it")
  func refusedLeavesNothing() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let text = try String(contentsOfFile: manifest, encoding: .utf8)
    try text.replacing("architecture: replknet-nano", with: "architecture: resnet-nano")
      .write(toFile: manifest, atomically: true, encoding: .utf8)
    for command in [["run", manifest], ["coordinate", manifest], ["launch", manifest, "--engine", "local"]] {
      let refused = try CommandLineTool.run(command + ["--run", scratch.path + "/runs/one"])
      #expect(refused.status == 2 && refused.errors.contains("resnet-nano"), "\(refused)")
      #expect(!FileManager.default.fileExists(atPath: scratch.path + "/runs"))
      let unmakeable = try CommandLineTool.run(command + ["--run", manifest + "/one"])
      #expect(unmakeable.status == 3 && unmakeable.errors.contains("Not a directory"), "\(unmakeable)")
    }
  }

  @Test("A worker waits for a folder in which nothing is planned yet; its socket may be named relatively")
  func workerFirst() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let folder = scratch.path + "/run"
    let errors = try Program.OutputFile()
    let worker = try CommandLineTool.start(["work", "--run", folder], errors: errors.handle, in: "/")
    try waitUntil("the worker waits") { try errors.text().contains("waiting up to 600 s for a coordinator of") }
    let coordinator = try CommandLineTool.run(
      ["coordinate", manifest, "--run", folder, "--listen", "ipc://socket"], in: scratch.path)
    #expect(coordinator.status == 0, "\(coordinator.errors)")
    worker.waitUntilExit()
    #expect(worker.terminationStatus == 0)
    let never = try CommandLineTool.run(["work", "--run", scratch.path + "/none", "--patience", "1"])
    #expect(never.status == 3 && never.errors.contains("no coordinator of"))
  }

  @Test(
    "Addresses that no socket can have are refused before anything is planned",
    arguments: [
      ["--listen", "tcp://127.0.0.1:99999"], ["--listen", "tcp://127.0.0.1"], ["--listen", "tcp://127.0.0.1:x"],
      ["--listen", "ipc://"], ["--listen", "ipc:///" + String(repeating: "x", count: 200)],
      ["--metrics", "127.0.0.1:99999"],
    ])
  func addresses(option: [String]) throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let outcome = try CommandLineTool.run(["coordinate", manifest, "--run", scratch.path + "/run"] + option)
    #expect(outcome.status == 2 && outcome.errors.contains(option[0]), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/run"))
  }

  @Test(
    "A finished run is looked at, verified, collected and reported elsewhere from a bare name to a scratch that is gone"
  )
  func barely() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    try #require(try CommandLineTool.run(["run", manifest, "--run", scratch.path + "/run"]).status == 0)
    let script = """
      export TMPDIR=/nonexistent; mkdir bin; printf '#!/bin/sh\\necho 1\\n' >bin/sbatch; chmod +x bin/sbatch
      "$G" report run -o page.html --csv tables && "$G" collect run -o again.h5 && test -s page.html -a -s again.h5 &&
      PATH=$PWD/bin:$PATH "$G" launch manifest.yaml --engine slurm --run new
      """
    let outcome = try run(script, in: scratch.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("job 1: coordinator"))
  }

  /// Whether this process may mount in a namespace of its own, and become another user.
  private static var mayMount: Bool {
    (try? CommandRunner().run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]).status) == 0
  }

  @Test(
    "A run on a disk that is mounted read-only, whole or cut short, is looked at; another user's is refused in words",
    .enabled(if: mayMount, "needs root and mounts"))
  func readOnly() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 20, shardImages: 2)
    let folder = RunFolder(scratch.path + "/disk/run")
    try #require(try CommandLineTool.run(["run", manifest, "--run", folder.path]).status == 0)
    // A run whose coordinator was killed, so that its ledger has a log.
    let cut = RunFolder(scratch.path + "/disk/cut")
    let coordinator = try CommandLineTool.start(["coordinate", manifest, "--run", cut.path])
    try waitUntil("it listens") { CoordinatorEndpoint(in: cut)?.address != nil }
    let worker = try CommandLineTool.start(["work", "--run", cut.path])
    try waitUntil("parts are written") { FileManager.default.fileExists(atPath: cut.part(shard: 5)) }
    for process in [coordinator, worker] {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    unlink(cut.ledger + "-shm")
    let script = """
      exec unshare -m bash -c '
        mount --bind disk disk && mount -o remount,ro,bind disk
        for c in "status disk/run" "verify disk/run" "inspect disk/run" "report disk/run" \\
          "collect disk/run -o c.h5" "report disk/run -o p.html" "status disk/cut"; do
          "$G" $c >>out 2>>err || echo "$c: $?"
        done
        "$G" resume disk/cut 2>&1; echo "resume: $?"; "$G" run manifest.yaml --run disk/new 2>&1; echo "run: $?"
        chmod 755 .; d=disk/run
        for c in "status $d" "resume $d" "work --run $d" "report $d/archive.h5" "verify $d" "collect $d"; do
          setpriv --reuid 4242 --regid 4242 --clear-groups "$G" $c 2>&1; echo "$c: $?"
        done'
      """
    let outcome = try run(script, in: scratch.path)
    // A worker's log begins with what it does.
    let lines = outcome.output.split(separator: "\n").map(String.init).filter { !$0.contains(" info ") }
    let errors = try String(contentsOfFile: scratch.path + "/err", encoding: .utf8)
    expectWords(outcome.output + outcome.errors + errors)
    let commands = ["status", "resume", "work --run", "report", "verify", "collect"]
    #expect(lines.filter { $0.hasSuffix(": 3") }.count == 8, "\(outcome.output)")
    #expect(lines.filter { $0.contains("Read-only file system") }.count == 2, "\(outcome.output)")
    #expect(lines.filter { $0.contains("Permission denied") && $0.contains("belongs to") }.count == commands.count)
    #expect(lines.count == 16, "\(outcome.output)")
    #expect(try ArchiveReader(path: scratch.path + "/c.h5").groups.count == 3)
    let out = try String(contentsOfFile: scratch.path + "/out", encoding: .utf8)
    #expect(out.contains("whole and sound") && out.contains("report: p.html"))
    #expect(errors.contains("name another page with -o"))
  }
}
