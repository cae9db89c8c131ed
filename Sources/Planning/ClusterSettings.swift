/// Where and how a run's processes are placed: the manifest's `cluster` section. It is no part of the plan, so that a run
/// can be launched again otherwise.
public struct ClusterSettings: Sendable, Equatable {
  /// A volume of Kubernetes and where it is mounted.
  public struct Volume: Sendable, Equatable {
    /// The persistent volume claim's name.
    public var claim: String
    /// An absolute path.
    public var path: String

    /// A volume.
    public init(claim: String, path: String) {
      self.claim = claim
      self.path = path
    }
  }

  /// What places processes, by its name: `local`, `slurm`, `kubernetes`.
  public var engine: String?
  /// Worker processes, members of the job array, or pods.
  public var workers: Int?
  /// Cores of each worker.
  public var cpus: Int?
  /// Memory of each worker, as Slurm and Kubernetes write it: `8G`.
  public var memory: String?
  /// Slurm's walltime of each job: `12:00:00`.
  public var time: String?
  /// Slurm's partition.
  public var partition: String?
  /// Slurm's account.
  public var account: String?
  /// What Slurm's nodes must have: `avx512`.
  public var constraint: String?
  /// Further options of sbatch, each like `--qos=low`.
  public var options: [String] = []
  /// The container image of Kubernetes, as the command line names it: it is the program that runs.
  public var image: String?
  /// The container image that a manifest names, which runs only if the command line names one.
  public var proposedImage: String?
  /// The namespace of Kubernetes.
  public var namespace: String?
  /// What is mounted in every pod: data, checkpoints, run folder.
  public var volumes: [Volume] = []

  /// Nothing said.
  public init() {}

  /// These settings where they say something, the others elsewhere.
  public func over(_ others: ClusterSettings) -> ClusterSettings {
    var result = others
    result.engine = engine ?? others.engine
    result.workers = workers ?? others.workers
    result.cpus = cpus ?? others.cpus
    result.memory = memory ?? others.memory
    result.time = time ?? others.time
    result.partition = partition ?? others.partition
    result.account = account ?? others.account
    result.constraint = constraint ?? others.constraint
    result.options = others.options + options
    result.image = image ?? others.image
    result.proposedImage = proposedImage ?? others.proposedImage
    result.namespace = namespace ?? others.namespace
    if !volumes.isEmpty { result.volumes = volumes }
    return result
  }
}

/// What is wrong with settings that come from flags or from the manifest.
public enum ClusterValue {
  /// The most workers that are launched at once.
  public static let workers = 1...10_000
  /// The most cores of a worker.
  public static let cpus = 1...1_024

  /// The least memory of a worker: with less it could not hold a picture and a layer.
  public static let smallestMemory = 64 << 20
  /// What a worker's memory must be like.
  public static let memoryForm = "like 8G: digits and K, M, G or T, and at least 64M"

  /// Whether text is a worker's memory as Slurm and Kubernetes both read it.
  public static func isMemory(_ text: String) -> Bool { bytes(text).map { $0 >= smallestMemory } ?? false }

  /// The bytes that digits and K, M, G or T stand for; nil for other text.
  public static func bytes(_ text: String) -> Int? {
    guard let unit = text.last, let place = "KMGT".firstIndex(of: unit), let size = Int(text.dropLast()), size > 0
    else {
      return nil
    }
    let shift = 10 * ("KMGT".distance(from: "KMGT".startIndex, to: place) + 1)
    return size <= Int.max >> shift ? size << shift : nil
  }

  /// Whether text is one option of sbatch and nothing more: it starts with two dashes and has no line end.
  public static func isOption(_ text: String) -> Bool {
    text.hasPrefix("--") && text.count > 2 && !text.contains(where: \.isNewline)
  }

  /// Whether text can be the value of an option or name: no line end, not empty, no dash at its start.
  public static func isWord(_ text: String) -> Bool {
    !text.isEmpty && !text.hasPrefix("-") && !text.contains { $0.isNewline || $0.isWhitespace }
  }
}
