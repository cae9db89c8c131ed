import ArgumentParser
import Coordination
import Foundation
import Launching
import Messaging
import Planning

struct LaunchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "launch",
    abstract: "Starts a run's coordinator and workers on this machine, on Slurm or on Kubernetes.",
    discussion: """
      Plans the manifest, places the processes and returns; the run goes on without this command. On a run whose \
      coordinator is there it adds workers. The manifest's cluster section says the same as the options, which come first.
      Examples: gauntlet launch my.yaml --engine slurm --workers 20 --run /shared/runs/r1 --partition cpu --time 12:00:00
                gauntlet launch --engine slurm --workers 10 --run /shared/runs/r1          # ten more
      """)

  @Argument(help: "The manifest; not needed for a run folder that was begun.") var manifest: String?
  @Option(help: "local, slurm or kubernetes.") var engine: String?
  @Option(help: "Worker processes, members of the job array, or pods [default: 1]. 0: only the coordinator.")
  var workers: Int?
  @Option(name: .customLong("run"), help: "The run folder, which every node must see [default: runs/NAME].")
  var folder: String?
  @Option(
    help: "Cores of each worker [default: local: those that are allowed, shared out; Slurm: 8; Kubernetes: 1].")
  var cpus: Int?
  @Option(
    help: "Memory of each worker, such as 8G [default: local: what is allowed, shared out; Slurm and Kubernetes: 8G].")
  var memory: String?
  @Option(help: "Slurm: the walltime of each job, such as 12:00:00; jobs that reach it begin again.") var time: String?
  @Option(help: "Slurm: the partition.") var partition: String?
  @Option(help: "Slurm: the account.") var account: String?
  @Option(help: "Slurm: what nodes must have, such as avx512.") var constraint: String?
  @Option(help: "Slurm: a further option of sbatch, such as --option=--qos=low; may be repeated.") var option:
    [String] = []
  @Option(
    help: """
      Where the coordinator listens: tcp://ADDRESS:PORT, an interface that workers reach [default: local: loopback, \
      Slurm: every interface].
      """)
  var listen: String?
  @Flag(help: "The coordinator also takes up the shards that were set aside.") var failed = false
  @Option(help: "Seconds that workers wait for a coordinator that does not answer [default: local: 600, else 3600].")
  var patience: Int?
  @Option(help: "Kubernetes: the container image.") var image: String?
  @Option(help: "Kubernetes: the namespace.") var namespace: String?
  @Flag(help: "Check all, say what would be submitted, and submit nothing.") var dryRun = false

  func run() throws {
    let reader = try manifestReader()
    let settings = try flags().over(reader?.cluster() ?? ClusterSettings())
    let passed = try passedOptions()
    guard let engine = settings.engine else {
      throw UsageError("say where: --engine local, slurm or kubernetes, or engine in the manifest's cluster section")
    }
    let name = try reader?.runName() ?? "run"
    let path = folder ?? "runs/" + name
    switch engine {
    case .kubernetes: try launchKubernetes(name: name, settings: settings, passed: passed, reader: reader)
    case .local, .slurm: try launch(engine, in: RunFolder(path), name: name, settings: settings, passed: passed)
    }
  }

  /// The manifest given, or the one that the run folder keeps.
  private func manifestReader() throws -> ManifestReader? {
    if let manifest {
      try Usage.checkExists(manifest, what: "manifest")
      return ManifestReader(file: manifest)
    }
    guard let folder else { throw UsageError("give a manifest, or --run with the folder of a run that was begun") }
    let run = RunFolder(folder)
    try run.requirePlan()
    return ManifestReader(file: run.manifest)
  }

  private func passedOptions() throws -> PassedOptions {
    let listen = try listen.map { try Usage.address($0, option: "--listen", takesAnyPort: true) }
    if let patience { try Usage.check(patience, in: 1...1_000_000, option: "--patience") }
    var passed = PassedOptions()
    passed.listen = listen
    passed.takesUpFailed = failed
    passed.patience = patience
    return passed
  }

  private func flags() throws -> ClusterSettings {
    var settings = ClusterSettings()
    if let engine {
      guard let known = ClusterSettings.Engine(rawValue: engine) else {
        throw UsageError("--engine is \(engine), but must be local, slurm or kubernetes")
      }
      settings.engine = known
    }
    if let workers { try Usage.check(workers, in: 0...ClusterValue.workers.upperBound, option: "--workers") }
    if let cpus { try Usage.check(cpus, in: ClusterValue.cpus, option: "--cpus") }
    if let memory, !ClusterValue.isMemory(memory) {
      throw UsageError("--memory is \(memory), but must be \(ClusterValue.memoryForm)")
    }
    let words = [
      ("--time", time), ("--partition", partition), ("--account", account), ("--constraint", constraint),
      ("--image", image), ("--namespace", namespace),
    ]
    for (option, word) in words {
      if let word, !ClusterValue.isWord(word) { throw UsageError("\(option) is \"\(word)\", but must be one word") }
    }
    for text in option where !ClusterValue.isOption(text) {
      throw UsageError("--option is \"\(text)\", but must be like --option=--qos=low")
    }
    settings.workers = workers
    settings.cpus = cpus
    settings.memory = memory
    settings.time = time
    settings.partition = partition
    settings.account = account
    settings.constraint = constraint
    settings.options = option
    settings.image = image
    settings.namespace = namespace
    return settings
  }
}

// MARK: - Local and Slurm

extension LaunchCommand {
  private func launch(
    _ engine: ClusterSettings.Engine, in folder: RunFolder, name: String, settings: ClusterSettings,
    passed: PassedOptions
  ) throws {
    let workers = settings.workers ?? 1
    let slurm = SlurmEngine(
      folder: folder, name: name, settings: settings, executable: Executable.path, passed: passed)
    let local = LocalEngine(folder: folder, settings: settings, executable: Executable.path, passed: passed)
    if dryRun {
      let plan = try PlannedRun.rehearse(manifest: manifest, folder: folder) { Terminal.complain($0) }
      for line in plan.preparation { Terminal.complain("pictures of \(line)") }
      for line in plan.assumptions { Terminal.complain("data of \(line)") }
      let commands =
        try engine == .slurm
        ? [slurm.coordinatorCommand] + slurm.workersCommands(count: workers).map(\.command)
        : [local.coordinatorCommand] + (0..<workers).map { _ in local.workerCommand(count: workers) }
      for command in commands { print(command.map(Self.quoted).joined(separator: " ")) }
      return
    }
    // Before the lock, which makes the folder.
    let planned = try manifest.flatMap { try PlannedRun.planBeforehand($0, folder) { Terminal.complain($0) } }
    // One at a time, so that none submits a second coordinator or forgets what another one launched.
    let lock = try LaunchLock(of: folder) {
      Terminal.complain("another launch of \(folder.path) is under way; waiting for it")
    }
    defer { withExtendedLifetime(lock) {} }
    // A coordinator on another machine has the ledger to itself: SQLite's journal is coherent on one machine only.
    let isCoordinated = try isCoordinated(folder) || (engine == .slurm && slurm.isCoordinated())
    guard !isCoordinated || !(failed || listen != nil) else {
      throw UsageError("the run's coordinator is there already; --failed and --listen are for one that is launched")
    }
    guard try isCoordinated || hasWork(folder, planned) || failed else {
      print("the run is done; next: gauntlet collect \(folder.path)")
      return
    }
    let jobs =
      try engine == .slurm
      ? slurm.launch(workers: workers) : local.launch(workers: workers, isCoordinated: isCoordinated)
    for job in jobs {
      let what = job.role == .coordinator ? "coordinator" : "\(job.workers) worker\(job.workers == 1 ? "" : "s")"
      print("\(engine == .slurm ? "job" : "process") \(job.id): \(what)")
    }
    if let coordinator = jobs.first(where: { $0.role == .coordinator }) {
      let watch = LaunchWatch(folder: folder) {
        engine == .slurm ? slurm.state(of: coordinator) : local.state(of: coordinator)
      }
      do {
        if let line = try watch.look() { print(line) }
      } catch {
        if engine == .slurm { slurm.cancel(jobs) } else { local.cancel(jobs) }
        throw error
      }
    }
    print("next: gauntlet status \(folder.path) --watch, then gauntlet collect \(folder.path)")
    let ids = jobs.map(\.id).joined(separator: " ")
    if !jobs.isEmpty { print("to end it: \(engine == .slurm ? "scancel" : "kill") \(ids)") }
  }

  /// Whether a process on this machine coordinates the run now.
  private func isCoordinated(_ folder: RunFolder) throws -> Bool {
    guard try folder.hasPlan() else { return false }
    do {
      _ = try RunLock(folder: folder.path) { Terminal.complain($0) }
      return false
    } catch CoordinationError.locked, CoordinationError.owned {
      return true
    }
  }

  /// Plans the run, or opens the one that is there; whether it has shards that are neither recorded nor set aside.
  private func hasWork(_ folder: RunFolder, _ planned: Plan?) throws -> Bool {
    let run =
      try manifest.map {
        try PlannedRun.prepare(manifest: $0, folder: folder, planned: planned) { Terminal.complain($0) }
      } ?? PlannedRun.resume(folder) { Terminal.complain($0) }
    return try !run.ledger.status(now: Date().timeIntervalSince1970).isComplete
  }

  /// A word as a shell reads it.
  private static func quoted(_ word: String) -> String {
    let isPlain = word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_=./:%,@".contains($0)) }
    return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }
}

// MARK: - Kubernetes

extension LaunchCommand {
  private func launchKubernetes(
    name: String, settings: ClusterSettings, passed: PassedOptions, reader: ManifestReader?
  ) throws {
    guard listen == nil else {
      throw UsageError("--listen is not for kubernetes, where a service leads to the coordinator's port 5757")
    }
    guard let folder, folder.hasPrefix("/"), let reader, manifest != nil else {
      throw UsageError("kubernetes needs the manifest and --run with the run folder's absolute path in the pods")
    }
    let state = "runs/\(name)-kubernetes"
    let keys = KeyStore(folder: state + "/keys")
    let yaml: String
    do {
      let engine = try KubernetesEngine(
        name: name, runFolder: folder, manifest: reader.contents(), settings: settings, keys: keys.folder,
        passed: passed)
      if !keys.exists { try keys.create() }
      yaml = try engine.render(workers: max(1, settings.workers ?? 1))
    } catch let lack as KubernetesEngine.Lack {
      throw UsageError("\(lack)")
    }
    let path = state + "/run.yaml"
    try RunFolder.writeAtomically(Data(yaml.utf8), to: path)
    print("objects: \(path)  (with secret keys)")
    guard !dryRun else { return }
    let outcome: CommandRunner.Outcome
    do {
      outcome = try CommandRunner().run(["kubectl", "apply", "--filename", path])
    } catch LaunchError.noCommand {
      print("there is no kubectl here; where there is: kubectl apply --filename \(path)")
      return
    }
    guard outcome.status == 0 else { throw LaunchError.refused(command: "kubectl", reason: outcome.errors) }
    print(outcome.output)
  }
}
