import ArgumentParser
import GauntletKit
import Launching
import Planning

struct LaunchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "launch",
    abstract: "Starts a run's coordinator and workers on this machine, on Slurm or on Kubernetes.",
    discussion: """
      Plans the manifest, starts the processes and returns; the run continues in the background. If the run already has a \
      coordinator, this adds workers. Options override the manifest's cluster section.
      Examples: gauntlet launch my.yaml --engine slurm --workers 20 --run /shared/runs/r1 --partition cpu --time 12:00:00
                gauntlet launch --engine slurm --workers 10 --run /shared/runs/r1          # ten more
      """)

  @Argument(help: "The manifest; not needed for an existing run.") var manifest: String?
  @Option(help: "\(LaunchEngines.choice).") var engine: String?
  @Option(help: "Worker processes, members of the job array, or pods [default: 1]. 0: only the coordinator.")
  var workers: Int?
  @Option(name: .customLong("run"), help: "The run folder, which every node must see [default: runs/NAME].")
  var folder: String?
  @Option(
    help: "Cores of each worker [default: local: an equal share of those allowed; Slurm: 8; Kubernetes: 1].")
  var cpus: Int?
  @Option(
    help:
      "Memory of each worker, such as 8G [default: local: an equal share of what is allowed; Slurm and Kubernetes: 8G]."
  )
  var memory: String?
  @Option(help: "Slurm: the walltime of each job, such as 12:00:00; jobs that reach it are requeued.") var time: String?
  @Option(help: "Slurm: the partition.") var partition: String?
  @Option(help: "Slurm: the account.") var account: String?
  @Option(help: "Slurm: the constraint on nodes, such as avx512.") var constraint: String?
  @Option(help: "Slurm: an additional sbatch option, such as --option=--qos=low; may be repeated.") var option:
    [String] = []
  @Option(
    help: """
      Where the coordinator listens: tcp://ADDRESS:PORT, an interface that workers reach [default: local: loopback, \
      Slurm: every interface].
      """)
  var listen: String?
  @Option(
    help: """
      Where the coordinator serves the run's live page: ADDRESS:PORT, with a token unless only its own machine can reach it, or \
      none; gauntlet status prints the address [default: local: a free port on this machine, else none].
      """)
  var live: String?
  @Flag(help: "The coordinator also retries shards that were set aside.") var failed = false
  @Option(help: "Seconds that workers wait for a coordinator that does not answer [default: local: 600, else 3600].")
  var patience: Int?
  @Option(help: "Kubernetes: the container image.") var image: String?
  @Option(help: "Kubernetes: the namespace.") var namespace: String?
  @Flag(help: "Check everything and show what would be submitted, but submit nothing.") var dryRun = false

  func run() throws {
    if let manifest { try Usage.checkExists(manifest, what: "manifest") }
    let launch = try Launch(manifest: manifest, folder: folder, settings: flags(), passed: passedOptions())
    guard !dryRun else {
      for line in try launch.rehearse(note: { Terminal.complain($0) }) { print(line) }
      return
    }
    try launch.perform { tell($0) }
  }

  private func tell(_ event: Launch.Event) {
    switch event {
    case .note(let text): Terminal.complain(text)
    case .remark(let text), .coordinator(let text): print(text)
    case .placed(let job, let word):
      let what = job.role == .coordinator ? "coordinator" : "\(job.workers) worker\(job.workers == 1 ? "" : "s")"
      print("\(word) \(job.id): \(what)")
    case .nothingLeft(let folder): print("the run is done; next: gauntlet collect \(folder)")
    case .launched(let folder, let jobs, let endCommand):
      print("next: gauntlet status \(folder) --watch, then gauntlet collect \(folder)")
      if !jobs.isEmpty { print("to stop it: \(endCommand) \(jobs.map(\.id).joined(separator: " "))") }
    }
  }

  private func passedOptions() throws -> PassedOptions {
    let listen = try listen.map { try Usage.address($0, option: "--listen", takesAnyPort: true) }
    if let patience { try Usage.check(patience, in: 1...1_000_000, option: "--patience") }
    var passed = PassedOptions()
    passed.listen = listen
    passed.takesUpFailed = failed
    passed.patience = patience
    if let live, live != "none" { _ = try Usage.place(live, option: "--live") }
    passed.live = live
    return passed
  }

  private func flags() throws -> ClusterSettings {
    var settings = ClusterSettings()
    settings.engine = engine
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
