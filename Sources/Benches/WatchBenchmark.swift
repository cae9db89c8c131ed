import Coordination
import Durable
import Foundation
import Imaging
import Logging
import Messaging
import Monitoring
import NIOCore
import Planning
import Shards

/// Times what a live page costs the coordinator of a large run: what its loop says of the workers, what the ledger says, and the
/// state that viewers are sent, which is made once in two seconds for all of them.
public enum WatchBenchmark {
  /// What was measured; medians.
  public struct Figures: Sendable {
    /// Shards of the run.
    public var shards = 0
    /// Workers, each with sixteen shards.
    public var workers = 0
    /// Conditions of all models and benchmarks.
    public var conditions = 0
    /// The loop's part, in seconds.
    public var sightSeconds = 0.0
    /// The ledger's, which is asked twice a second whether anybody watches or not, in seconds.
    public var statusSeconds = 0.0
    /// The state's, in seconds.
    public var stateSeconds = 0.0
    /// The state's size, in bytes.
    public var stateBytes = 0
    /// To judge an image's answer among 1,000, in seconds.
    public var judgeSeconds = 0.0

    /// The share of one core that watching takes.
    public var share: Double { (sightSeconds + stateSeconds) / 2 }
  }

  private static let models = 10
  /// Conditions of a model: 95 corruptions, and the 421 waves of 29 x 29 frequencies.
  private static let conditions = 95 + 421
  private static let repeats = 21
  /// Results of the last five minutes.
  private static let recent = 30_000

  /// Plans about so many shards of ten models, connects workers, and looks.
  public static func run(shards: Int, workers: Int) throws -> Figures {
    let folder = RunFolder(TemporaryFolder.path + "/gauntlet-benchmark-" + UUID().uuidString)
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let plan = try plan(images: max(1, shards / (models * conditions)), in: folder)
    let ledger = try Ledger.create(at: folder.ledger, run: ["id": plan.runID], shards: plan.shards)
    let now = Date().timeIntervalSince1970
    try record(min(recent, plan.shards.count / 4), of: plan, in: ledger, until: now)
    var figures = Figures(shards: plan.shards.count, workers: workers, conditions: plan.shards.cells.count)

    let loop = try loop(of: workers, ledger)
    var sight = loop.workersSight()
    figures.sightSeconds = median { sight = loop.workersSight() }
    var status = try ledger.status(now: now, cost: plan.cost(of:))
    figures.statusSeconds = try median { status = try ledger.status(now: now, cost: plan.cost(of:)) }

    let tally = try judged(plan, &figures)
    let source = LiveSource(plan: plan, version: "benchmark", tally: tally) {
      ledger.definition(of: $0)
    } moment: { [status, sight] in
      LiveMoment(time: now, phase: .running, status: status, workers: sight, interim: tally.counts)
    }
    var frames = LiveFrames(source, age: .hours(1))
    figures.stateBytes = frames.state().readableBytes
    figures.stateSeconds = median {
      frames.renew()
      _ = frames.state()
    }
    return figures
  }

  // MARK: A run

  /// A class an image, so that a thousand images have a thousand classes.
  private static func plan(images: Int, in folder: RunFolder) throws -> Plan {
    let data = folder.path + "-data"
    defer { try? FileManager.default.removeItem(atPath: data) }
    try DurableFile.makeFolder(data)
    let grey = RGBImage(width: 32, height: 32, pixels: [UInt8](repeating: 90, count: 32 * 32 * 3))
    let picture = Data(try JPEGEncoder.encode(grey, quality: 75))
    for image in 0..<images {
      try DurableFile.makeFolder("\(data)/val/class\(1_000_000 + image)")
      try picture.write(to: URL(fileURLWithPath: "\(data)/val/class\(1_000_000 + image)/0.JPEG"))
    }
    let header = #"{"head.bias":{"dtype":"F32","shape":[\#(images)],"data_offsets":[0,\#(4 * images)]}}"#
    var head = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    head += Data(header.utf8) + Data(count: 4 * images)
    try head.write(to: URL(fileURLWithPath: data + "/nano.safetensors"))
    let named = (0..<models).map {
      "  - {name: model-\($0), architecture: replknet-nano, checkpoint: nano.safetensors}"
    }
    let text = """
      run: watched
      models:
      \(named.joined(separator: "\n"))
      benchmarks:
        - {kind: imagenet-c, from: val}
        - {kind: fourier-heat-map, root: val, size: 29}
      sharding: {images: 1}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: data + "/run.yaml"))
    try folder.create()
    return try Plan.make(manifestPath: data + "/run.yaml")
  }

  private static func record(_ count: Int, of plan: Plan, in ledger: Ledger, until now: Double) throws {
    let part = StoredPart(path: "parts/0/0.h5", sha256: String(repeating: "0", count: 64), bytes: 1, failedImages: 0)
    // All over the run.
    let step = max(1, plan.shards.count / max(1, count))
    try ledger.commit(
      (0..<count).flatMap { place -> [LedgerEntry] in
        let shard = plan.shards[place * step].id
        return [
          .leased(shard: shard, attempt: 1, worker: "worker", time: now),
          .recorded(
            shard: shard, attempt: 1, worker: "worker", part: part, computeNanoseconds: 1,
            time: now - 300 * (1 - Double(place + 1) / Double(count))),
        ]
      })
  }

  /// One answer of each condition, and the time that judging takes.
  private static func judged(_ plan: Plan, _ figures: inout Figures) throws -> InterimTally {
    let tally = InterimTally(plan: plan)
    tally.begin()
    let classes = plan.manifest.models[0].classCount
    var first = 0
    for cell in plan.shards.cells {
      let shard = plan.shards[first]
      first += cell.shardCount
      let logits = (0..<classes).map { $0 == shard.condition % classes ? Float(1) : 0 }
      tally.add([.logits(logits, classes: classes)], failures: [], of: shard)
    }
    let images = plan.listings[0].paths.count
    let logits = (0..<images * classes).map { Float($0 % 1_013) }
    figures.judgeSeconds =
      median { _ = tally.judge(model: 0, benchmark: 0)?.counts(firstImage: 0, logits: logits, classCount: classes) }
      / Double(images)
    return tally
  }

  // MARK: Its workers

  /// A coordinator's loop whose workers have said hello, have what they may, and said how far they are.
  private static func loop(of workers: Int, _ ledger: Ledger) throws -> CoordinatorLoop {
    let keys = try CurveKeyPair.generate()
    let line = FullLine(workers: workers, key: keys.publicKey)
    let configuration = CoordinatorConfiguration(
      listen: "", security: ServerSecurity(secretKey: keys.secretKey, authorizedClients: [keys.publicKey]),
      runFolder: nil,
      leaseSeconds: 600, attempts: 3, version: "benchmark", mayHaveWorkers: false, keepsWorkers: true)
    var loop = try CoordinatorLoop(
      configuration: configuration, ledger: ledger, source: EmptyRun.Source(),
      logger: Logger(label: "gauntlet.benchmark") { _ in SwiftLogNoOpLogHandler() },
      surroundings: CoordinatorSurroundings(line: line))
    _ = try loop.run { line.isEmpty }
    line.beat()
    _ = try loop.run { line.isEmpty }
    loop.end()
    return loop
  }

  /// Workers that say what they have to and are not there otherwise.
  private final class FullLine: WorkerLine, @unchecked Sendable {
    private let key: CurvePublicKey
    private var words: [RouterEndpoint.Received] = []
    private var held: [PeerID: [ShardAttempt]] = [:]

    init(workers: Int, key: CurvePublicKey) {
      self.key = key
      words = (0..<workers).map { number in
        let name = "node\(1_000 + number / 8)-\(number % 8)"
        return RouterEndpoint.Received(
          peer: PeerID(number: UInt32(number)), key: key,
          message: .success(
            .hello(
              .init(workerID: name, host: name, credits: 16, version: "benchmark", instructionSet: "avx512"))))
      }
    }

    var isEmpty: Bool { words.isEmpty }

    func beat() {
      words = held.map { peer, held in
        RouterEndpoint.Received(
          peer: peer, key: key,
          message: .success(.heartbeat(held: held, passes: held.map { UInt64($0.shard % 2) })))
      }
    }

    func receive(timeout: Duration) -> RouterEndpoint.Received? { words.popLast() }

    func send(_ message: WireMessage, to peer: PeerID) -> SendOutcome {
      if case .lease(let attempt, _) = message { held[peer, default: []].append(attempt) }
      return .sent
    }

    func wake() {}
  }

  private static func median(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    return try (0..<repeats).map { _ in try clock.measure(body).inSeconds }.sorted()[repeats / 2]
  }
}
