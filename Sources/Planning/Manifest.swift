import Benchmarks
import Imaging
import Kernels
import Networks

/// One model of a run.
public struct ModelSpecification: Sendable, Hashable, Codable {
  /// The name in the archive; unique in a run.
  public let name: String
  /// The architecture's name, one of `Architecture.all`.
  public let architecture: String
  /// The checkpoint's absolute path.
  public let checkpoint: String
  /// SHA-256 of the checkpoint file, hexadecimal; empty until the run is planned.
  public var checkpointDigest: String
  /// How many outputs it has, as its checkpoint says; 0 until the run is planned.
  public var classCount = 0
  /// Which GEMM computes it. Promise 1 covers `native` only.
  public let gemm: GEMMBackend
  /// What its products are computed in.
  public let precision: Precision
  /// Resize, crop and normalisation for images that are not already at the input size.
  public let preprocessing: Preprocessing
  /// What becomes of an ONNX model's output where that is no plain logits; nil otherwise.
  public var outputNote: String?
  /// What computes it where this program does not.
  public var python: PythonModel?
}

/// How the work is cut and retried.
public struct Sharding: Sendable, Hashable, Codable {
  /// Images a shard at most.
  public var images = 500
  /// Images of the pieces that shards are split into, at least, where they would take longer than `seconds`.
  public var smallest = 50
  /// How long a shard should take.
  public var seconds = 60.0
  /// How often a shard is tried before it is set aside.
  public var attempts = 3
  /// Seconds without a heartbeat from its worker after which a shard is leased anew.
  public var leaseSeconds = 120.0
}

/// What the archive holds.
public struct OutputOptions: Sendable, Hashable, Codable {
  /// Whether the archive's chunks are deflated.
  public var compressed = true
}

/// The file that a user writes, read, resolved and checked: models, benchmarks, sharding, output.
public struct Manifest: Sendable, Hashable, Codable {
  /// The run's name.
  public let run: String
  /// The seed of everything drawn at random.
  public let seed: UInt64
  /// The models, in the manifest's order.
  public let models: [ModelSpecification]
  /// The benchmarks, in the manifest's order.
  public let benchmarks: [BenchmarkDefinition]
  /// How the work is cut.
  public let sharding: Sharding
  /// What the archive holds.
  public let output: OutputOptions
}
