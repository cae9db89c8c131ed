import Foundation
import Shards

/// What coordinator and worker say to each other. Tasks and outputs are bytes that this module does not look into.
public enum WireMessage: Sendable, Equatable {
  // MARK: From worker to coordinator

  /// The worker is here, or here again.
  case hello(Hello)
  /// The worker lives and holds these shards: waiting, being computed, or computed and not acknowledged. `passes` has of each how
  /// many passes of an image through a network it has computed so far, or nothing.
  case heartbeat(held: [ShardAttempt], passes: [UInt64] = [])
  /// The output of a shard. The worker keeps it until it is acknowledged.
  case result(ShardAttempt, payload: Data, computeNanoseconds: UInt64)
  /// A shard that could not be computed. It has no answer; one that is lost is found when the lease ends.
  case failure(ShardAttempt, reason: String, kind: FailureKind)
  /// The worker's last message: it leaves; what it held is others' to do.
  case goodbye

  // MARK: From coordinator to worker

  /// The answer to `hello`.
  case welcome(Welcome)
  /// Compute this shard.
  case lease(ShardAttempt, task: Data)
  /// The answer to `result`.
  case acknowledgement(ShardAttempt, Acknowledgement)
  /// Do not compute this shard any more.
  case revocation(ShardAttempt)
  /// The run is over.
  case shutdown(reason: String)
  /// The worker cannot take part.
  case rejection(reason: String)
  /// The answer to `heartbeat`.
  case heartbeatReply

  /// Who a worker is and what it holds.
  public struct Hello: Sendable, Equatable {
    /// The worker's name, the same over reconnections.
    public var workerID: String
    /// The machine's name.
    public var host: String
    /// How many shards the worker takes at once, those it holds included.
    public var credits: Int
    /// The worker's version of Gauntlet.
    public var version: String
    /// The instruction set of the worker's kernels.
    public var instructionSet: String
    /// The run that the worker was welcomed to before; empty at first.
    public var runID: String
    /// Shards waiting, being computed, or computed and not yet acknowledged.
    public var held: [ShardAttempt]
    /// What the worker computes.
    public var kind: WorkerKind

    /// A worker's introduction.
    public init(
      workerID: String, host: String, credits: Int, version: String, instructionSet: String,
      runID: String = "", held: [ShardAttempt] = [], kind: WorkerKind = .native
    ) {
      self.kind = kind
      self.workerID = workerID
      self.host = host
      self.credits = credits
      self.version = version
      self.instructionSet = instructionSet
      self.runID = runID
      self.held = held
    }
  }

  /// What a worker needs to know of the run.
  public struct Welcome: Sendable, Equatable {
    /// The run's name; a worker forgets what it holds of another run.
    public var runID: String
    /// How often the worker is to send a heartbeat, in milliseconds.
    public var heartbeatMilliseconds: Int
    /// The coordinator's version of Gauntlet.
    public var coordinatorVersion: String

    /// An answer to a worker's introduction.
    public init(runID: String, heartbeatMilliseconds: Int, coordinatorVersion: String) {
      self.runID = runID
      self.heartbeatMilliseconds = heartbeatMilliseconds
      self.coordinatorVersion = coordinatorVersion
    }
  }

  /// Why a shard has no output.
  public enum FailureKind: String, Sendable, CaseIterable {
    /// The computation gave an error.
    case computation
    /// The output cannot be sent: it is larger than a message may be.
    case output
    /// The worker cannot read the data or the checkpoint that the shard needs, nor what lies beside them.
    case surroundings
  }
}

/// The bounds within which a message is believed.
public enum WireLimits {
  /// The largest message on the wire, in bytes: 256 MiB.
  public static let messageBytes = 256 << 20
  /// The largest task or output, in bytes: a message less 64 KiB for what stands around it.
  public static let payloadBytes = messageBytes - 65_536
  /// The longest name of a worker, in bytes of UTF-8.
  public static let workerIDBytes = 255
  /// The longest of the other names, in bytes of UTF-8.
  public static let nameBytes = 1_024
  /// The longest reason, in bytes of UTF-8; a longer one is cut when it is sent.
  public static let reasonBytes = 16_384
  /// The most shards that one worker may hold.
  public static let heldShards = 65_536
  /// The longest interval between heartbeats and the longest lease, in milliseconds: 30 days.
  public static let durationMilliseconds = 30 * 24 * 3_600 * 1_000
}

/// A message that is not believed, and why.
public enum WireError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The bytes are no message.
  case malformed
  /// The peer speaks another version of the protocol.
  case version(found: UInt32, expected: UInt32)
  /// The message is of a kind that this version does not know.
  case unknownKind
  /// A field is out of its bounds.
  case field(String, found: String, allowed: String)

  /// One sentence that says what was found.
  public var description: String {
    switch self {
    case .malformed: "the bytes are not a message of Gauntlet's protocol"
    case .version(let found, let expected):
      "protocol mismatch: the peer speaks version \(found), this program \(expected); use the same version of gauntlet on all machines"
    case .unknownKind: "the message's kind is unknown to this version"
    case .field(let name, let found, let allowed): "the message's \(name) is \(found); allowed: \(allowed)"
    }
  }
}
