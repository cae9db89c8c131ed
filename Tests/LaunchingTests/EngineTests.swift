import Foundation
import Launching
import Messaging
import Planning
import Synchronization
import Testing
import Yams

/// The engines, with batch systems that only say what they were asked.
@Suite(.serialized) struct EngineTests {
  /// A folder with commands of its own, for a PATH, and a run folder.
  private final class Place {
    let path = NSTemporaryDirectory() + "gauntlet-engines-" + UUID().uuidString
    let run: RunFolder

    init() throws {
      try FileManager.default.createDirectory(atPath: path + "/bin", withIntermediateDirectories: true)
      run = RunFolder(path + "/run")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func command(_ name: String, _ script: String) throws {
      let file = path + "/bin/" + name
      try Data(("#!/bin/sh\n" + script + "\n").utf8).write(to: URL(fileURLWithPath: file))
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
    }

    var runner: CommandRunner { CommandRunner(path: path + "/bin:/usr/bin:/bin") }

    func slurm(_ settings: ClusterSettings) -> SlurmEngine {
      SlurmEngine(folder: run, name: "study", settings: settings, executable: "/opt/gauntlet", runner: runner)
    }
  }

  private static var settings: ClusterSettings {
    var settings = ClusterSettings()
    settings.cpus = 8
    settings.memory = "16G"
    settings.time = "12:00:00"
    settings.partition = "cpu"
    settings.account = "project"
    settings.constraint = "avx512"
    settings.options = ["--qos=low"]
    return settings
  }

  @Test("What the settings say is said to sbatch; the scripts are those that administrators read")
  func submits() throws {
    let place = try Place()
    try place.command(
      "sbatch", "echo \"$GAUNTLET $*\" >>'\(place.path)/asked'; echo \"7$(wc -l <'\(place.path)/asked');main\"")
    let jobs = try place.slurm(Self.settings).launch(workers: 4)
    #expect(jobs.map(\.role) == [.coordinator, .workers] && jobs.map(\.id) == ["71", "72"])
    #expect(LaunchRecord(in: place.run).jobs == jobs)
    let asked = try String(contentsOfFile: place.path + "/asked", encoding: .utf8).split(separator: "\n")
    let both = ["/opt/gauntlet --parsable", "--partition=cpu", "--account=project", "--time=12:00:00", "--qos=low"]
    for line in asked { #expect(both.allSatisfy(line.contains)) }
    #expect(asked[0].hasSuffix("/launch/coordinator.sbatch \(place.run.path)"))
    #expect(asked[1].contains("--array=0-3 --cpus-per-task=8 --mem=16G"))
    #expect(asked[1].hasSuffix("/launch/workers.sbatch \(place.run.path)"))
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    for name in ["coordinator.sbatch", "workers.sbatch"] {
      let used = try String(contentsOfFile: place.run.path + "/launch/" + name, encoding: .utf8)
      #expect(used == (try String(contentsOfFile: repository + "/cluster/slurm/" + name, encoding: .utf8)))
    }
  }

  @Test(
    "A coordinator that waits or runs is not submitted again; one that ended, or that Slurm forgot, is",
    arguments: [
      ("echo RUNNING", 1), ("echo PENDING", 1), ("echo FAILED", 2), ("", 2), ("echo 'Invalid job id' >&2; exit 1", 2),
      // Its processes have ended, and it goes back into the queue, or not.
      ("test -e $0.asked && echo PENDING || { touch $0.asked; echo COMPLETING; }", 1),
      ("test -e $0.asked && echo COMPLETED || { touch $0.asked; echo COMPLETING; }", 2),
    ])
  func joins(queue: String, submitted: Int) throws {
    let place = try Place()
    try place.command("sbatch", "echo 5")
    try place.command("squeue", queue)
    _ = try place.slurm(ClusterSettings()).launch(workers: 1)
    #expect(try place.slurm(ClusterSettings()).launch(workers: 2).count == submitted)
  }

  @Test("Launches of a run go one after the other")
  func oneAtATime() throws {
    let place = try Place()
    defer { withExtendedLifetime(place) {} }
    let waits = DispatchSemaphore(value: 0)
    let ended = DispatchSemaphore(value: 0)
    let isReleased = Atomic(false)
    let folder = place.run
    var first: LaunchLock? = try LaunchLock(of: folder) { Issue.record("nobody else launches") }
    #expect(first != nil)
    Thread.detachNewThread {
      _ = try? LaunchLock(of: folder) { waits.signal() }
      let waited = isReleased.load(ordering: .acquiring)
      #expect(waited, "it did not wait for the first one's end")
      ended.signal()
    }
    waits.wait()
    isReleased.store(true, ordering: .releasing)
    first = nil
    ended.wait()
  }

  @Test("What Slurm refuses is told in its words, and nothing is taken for launched that was not")
  func refusals() throws {
    let place = try Place()
    #expect(throws: LaunchError.noCommand("sbatch", reason: "there is no such command")) {
      try SlurmEngine(
        folder: place.run, name: "study", settings: Self.settings, executable: "g",
        runner: CommandRunner(path: place.path)
      ).launch(workers: 1)
    }
    try place.command("sbatch", "echo 'sbatch: error: invalid partition' >&2; exit 1")
    #expect(throws: LaunchError.refused(command: "sbatch", reason: "sbatch: error: invalid partition")) {
      try place.slurm(Self.settings).launch(workers: 1)
    }
    #expect(LaunchRecord(in: place.run).jobs.isEmpty)
  }

  @Test("A command's descendants do not keep it waiting; signals and statuses are told apart")
  func runner() throws {
    let runner = CommandRunner()
    let leaver = try runner.run(["sh", "-c", "sleep 1000 & echo $!; echo told >&2; exit 3"])
    #expect(leaver.status == 3 && leaver.errors == "told")
    kill(try #require(Int32(leaver.output)), SIGKILL)
    #expect(try runner.run(["sh", "-c", "kill -9 $$"]).status == 137)
    // No pipe, whose ends the shell may still hold when its descriptors are listed.
    #expect(try runner.run(["sh", "-c", "ls /proc/$$/fd; :"]).output == "0\n1\n2")
  }

  @Test("Kubernetes objects hold the manifest, the keys and the settings, whatever the manifest holds")
  func kubernetes() throws {
    let place = try Place()
    let keys = KeyStore(folder: place.path + "/keys")
    try keys.create()
    var settings = Self.settings
    settings.image = "registry.example.org/gauntlet:1"
    settings.namespace = "vision"
    settings.volumes = [.init(claim: "data", path: "/data"), .init(claim: "runs", path: "/runs")]
    let manifest = "run: a\n# {{keys}} \"quoted\" \u{1F600}\n"
    let engine = try KubernetesEngine(
      name: "Study 1!", runFolder: "/runs/a", manifest: manifest, settings: settings, keys: keys.folder)
    let documents = try Array(Yams.load_all(yaml: try engine.render(workers: 5))).compactMap { $0 as? [String: Any] }
    #expect(documents.compactMap { $0["kind"] as? String } == ["Secret", "ConfigMap", "Service", "Job", "Job"])
    func value(_ path: String, of document: [String: Any]) -> Any? {
      path.split(separator: ".").reduce(document as Any?) { value, key in
        (value as? [Any]).flatMap { list in Int(key).map { list[$0] } } ?? (value as? [String: Any])?[String(key)]
      }
    }
    for document in documents {
      #expect((value("metadata.name", of: document) as? String)?.hasPrefix("gauntlet-study-1-") == true)
      #expect(value("metadata.namespace", of: document) as? String == "vision")
    }
    let data = try #require(documents[0]["data"] as? [String: String])
    let bundle = try Data(contentsOf: URL(fileURLWithPath: keys.bundlePath))
    #expect(data["worker.bundle"].flatMap { Data(base64Encoded: $0) } == bundle)
    #expect(Set(data.keys) == ["server.key", "worker.public", "worker.bundle"])
    #expect((documents[1]["data"] as? [String: String])?["manifest.yaml"] == manifest)
    #expect(value("spec.completions", of: documents[4]) as? Int == 5)
    let worker = "spec.template.spec.containers.0."
    #expect(value(worker + "resources.limits.memory", of: documents[4]) as? String == "16Gi")
    #expect(
      (value(worker + "args", of: documents[4]) as? [String])?.contains("tcp://gauntlet-study-1-coordinator:5757")
        == true)
    #expect((value(worker + "args", of: documents[3]) as? [String])?.contains("/runs/a") == true)

    #expect(throws: KubernetesEngine.Lack.runFolder("/elsewhere/a")) {
      try KubernetesEngine(name: "a", runFolder: "/elsewhere/a", manifest: "", settings: settings, keys: "")
    }
    settings.image = nil
    #expect(throws: KubernetesEngine.Lack.image) {
      try KubernetesEngine(name: "a", runFolder: "/runs/a", manifest: "", settings: settings, keys: "")
    }
  }
}
