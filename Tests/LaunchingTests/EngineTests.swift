import Foundation
import Launching
import Messaging
import Planning
import Synchronization
import TestSupport
import Testing
import Yams

/// The engines, with batch systems that only say what they were asked.
@Suite(.serialized) struct EngineTests {
  /// A folder with commands of its own, for a PATH, and a run folder.
  private final class Place {
    let path = ScratchFolder.freshPath()
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

    func slurm(
      _ settings: ClusterSettings, workers: Int = 1, passed: PassedOptions = PassedOptions(), folder: String? = nil,
      runner: CommandRunner? = nil
    ) -> SlurmEngine {
      var settings = settings
      settings.workers = workers
      return SlurmEngine(
        LaunchOrder(
          name: "study", folder: folder ?? run.path, settings: settings, executable: "/opt/gauntlet", passed: passed,
          runner: runner ?? self.runner))
    }

    /// Launches as `gauntlet launch` does: a coordinator where there is none.
    func launch(_ engine: SlurmEngine) throws -> [LaunchRecord.Job] {
      try engine.launch(isCoordinated: engine.isCoordinated()) { _ in }
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
      "sbatch", "echo \"$*\" >>'\(place.path)/asked'; echo \"7$(wc -l <'\(place.path)/asked');main\"")
    try place.command("scontrol", "exit 1")
    var passed = PassedOptions()
    passed.listen = "tcp://ib0:*"
    passed.takesUpFailed = true
    passed.patience = 60
    let jobs = try place.launch(place.slurm(Self.settings, workers: 4, passed: passed))
    #expect(jobs.map(\.role) == [.coordinator, .workers] && jobs.map(\.id) == ["71", "72"])
    #expect(LaunchRecord(in: place.run).jobs == jobs)
    let asked = try String(contentsOfFile: place.path + "/asked", encoding: .utf8).split(separator: "\n")
    let both = ["--parsable", "--partition=cpu", "--account=project", "--time=12:00:00", "--qos=low"]
    for line in asked { #expect(both.allSatisfy(line.contains)) }
    // Everything that a job needs is an argument: with SBATCH_EXPORT=NONE it has nothing of this environment.
    let script = place.run.path + "/launch/"
    #expect(
      asked[0].hasSuffix("\(script)coordinator.sbatch \(place.run.path) /opt/gauntlet --listen tcp://ib0:* --failed"))
    #expect(asked[1].contains("--array=0-3 --cpus-per-task=8 --mem=16G"))
    #expect(asked[1].hasSuffix("\(script)workers.sbatch \(place.run.path) /opt/gauntlet --patience 60"))
    for name in ["coordinator.sbatch", "workers.sbatch"] {
      let used = try String(contentsOfFile: place.run.path + "/launch/" + name, encoding: .utf8)
      #expect(used == (try String(contentsOfFile: Repository.path + "/cluster/slurm/" + name, encoding: .utf8)))
    }
  }

  @Test("A percent sign in the run folder's path is no pattern of a log; a backslash is refused")
  func percentSigns() throws {
    let place = try Place()
    try place.command("scontrol", "exit 1")
    let command = place.slurm(Self.settings, folder: "/runs/acc_95%j").coordinatorCommand
    #expect(command.contains("--output=/runs/acc_95%%j/logs/coordinator-%j.log"))
    #expect(command.contains("/runs/acc_95%j"))
    #expect(throws: LaunchError.backslash(place.path + #"/a\b"#)) {
      try place.launch(place.slurm(Self.settings, folder: place.path + #"/a\b"#))
    }
  }

  @Test(
    "More workers than an array may have are submitted as several",
    arguments: [
      ("echo 'MaxArraySize            = 1001'", 2500, [1001, 1001, 498]), ("echo 'MaxArraySize = 4'", 4, [4]),
      ("echo nothing", 5000, [5000]), ("exit 1", 5000, [5000]), ("echo 'MaxArraySize = 0'", 0, []),
    ])
  func largeArrays(configuration: String, workers: Int, arrays: [Int]) throws {
    let place = try Place()
    try place.command("scontrol", configuration)
    try place.command("sbatch", "echo 5")
    try place.command("squeue", "exit 0")
    let commands = try place.slurm(Self.settings).workersCommands(count: workers)
    #expect(commands.map(\.workers) == arrays)
    #expect(zip(commands, arrays).allSatisfy { $0.command.contains("--array=0-\($1 - 1)") })
    #expect(try place.launch(place.slurm(Self.settings, workers: workers)).map(\.workers) == [0] + arrays)
  }

  @Test("A Slurm without arrays is told before anything is submitted")
  func noArrays() throws {
    let place = try Place()
    try place.command("scontrol", "echo 'MaxArraySize = 0'")
    try place.command("sbatch", "touch '\(place.path)/asked'; echo 5")
    #expect(throws: LaunchError.noArrays) { try place.launch(place.slurm(Self.settings)) }
    #expect(!FileManager.default.fileExists(atPath: place.path + "/asked"))
  }

  @Test("Where workers are refused, the coordinator that was submitted for them is taken back")
  func takenBack() throws {
    let place = try Place()
    try place.command("scontrol", "echo 'MaxArraySize = 2'")
    try place.command("squeue", "exit 0")
    try place.command("scancel", "echo \"$*\" >'\(place.path)/cancelled'")
    // The third submission is one too many.
    try place.command(
      "sbatch",
      "echo x >>'\(place.path)/count'; n=$(wc -l <'\(place.path)/count'); [ $n -lt 3 ] || { echo limit >&2; exit 1; }; "
        + "echo $n")
    #expect(throws: LaunchError.refused(command: "sbatch", reason: "limit")) {
      try place.launch(place.slurm(Self.settings, workers: 3))
    }
    #expect(try String(contentsOfFile: place.path + "/cancelled", encoding: .utf8) == "1 2\n")
    #expect(LaunchRecord(in: place.run).jobs.isEmpty)
  }

  @Test("The scripts run the program that they are told, with its options, and say where it cannot be started")
  func scripts() throws {
    let place = try Place()
    try place.run.create()
    try place.command("program", "echo \"$*\"")
    let scripts =
      Repository.path + "/cluster/slurm/"
    func run(_ words: String...) throws -> CommandRunner.Outcome {
      try CommandRunner().run(["bash", scripts + words[0], place.run.path] + words.dropFirst())
    }
    let program = place.path + "/bin/program"
    #expect(
      try run("coordinator.sbatch", program).output
        == "coordinate --run \(place.run.path) --keep-workers --listen tcp://0.0.0.0:*")
    #expect(
      try run("coordinator.sbatch", program, "my.yaml", "--listen", "tcp://ib0:*", "--failed").output
        == "coordinate my.yaml --listen tcp://ib0:* --failed --run \(place.run.path) --keep-workers")
    #expect(try run("workers.sbatch", program).output == "work --run \(place.run.path) --patience 3600")
    #expect(
      try run("workers.sbatch", program, "--patience", "9").output == "work --run \(place.run.path) --patience 9")
    #expect(!FileManager.default.fileExists(atPath: place.run.coordinatorFailure))
    #expect(try run("coordinator.sbatch", place.path + "/none").status == 127)
    let word = try String(contentsOfFile: place.run.coordinatorFailure, encoding: .utf8)
    #expect(word.contains(#""reason":"the program cannot be started there; see logs/coordinator-.log""#))
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
    try place.command("scontrol", "exit 1")
    try place.command("sbatch", "echo 5")
    try place.command("squeue", queue)
    _ = try place.launch(place.slurm(ClusterSettings()))
    #expect(try place.launch(place.slurm(ClusterSettings(), workers: 2)).count == submitted)
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
    #expect(throws: LaunchError.noCommand("sbatch", reason: "command not found")) {
      try place.launch(place.slurm(Self.settings, runner: CommandRunner(path: place.path)))
    }
    try place.command("sbatch", "echo 'sbatch: error: invalid partition' >&2; exit 1")
    #expect(throws: LaunchError.refused(command: "sbatch", reason: "sbatch: error: invalid partition")) {
      try place.launch(place.slurm(Self.settings))
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
    func order(_ name: String, _ passed: PassedOptions = PassedOptions()) -> LaunchOrder {
      LaunchOrder(name: name, settings: settings, executable: "g", passed: passed)
    }
    let manifest = "run: a\n# {{keys}} \"quoted\" \u{1F600}\n"
    var passed = PassedOptions()
    passed.takesUpFailed = true
    passed.patience = 77
    let engine = try KubernetesEngine(
      order("Study 1!", passed), runFolder: "/runs/a", manifest: manifest, state: place.path)
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
    #expect((value(worker + "args", of: documents[4]) as? [String])?.suffix(2) == ["--patience", "77"])
    #expect((value(worker + "args", of: documents[3]) as? [String])?.contains("/runs/a") == true)
    #expect((value(worker + "args", of: documents[3]) as? [String])?.last == "--failed")

    #expect(throws: KubernetesEngine.Lack.runFolder("/elsewhere/a")) {
      try KubernetesEngine(order("a"), runFolder: "/elsewhere/a", manifest: "")
    }
    settings.image = nil
    settings.proposedImage = "strangers/image"
    #expect(throws: KubernetesEngine.Lack.image(proposed: "strangers/image")) {
      try KubernetesEngine(order("a"), runFolder: "/runs/a", manifest: "")
    }
  }
}
