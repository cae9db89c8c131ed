import CFaultyDisk
import Coordination
import Crypto
import Durable
import Foundation
import Logging
import Messaging
import Planning
import Records
import Scheduling
import Testing

extension FaultyDiskTests {
  /// The coordinator's own loop, ledger and part files on a disk that fails and loses, among workers and messages that do, and
  /// killed again and again: what it acknowledged is there, nothing is recorded twice, and it comes to its end.
  @Suite(.serialized) struct CoordinatorCrashTests {
    private static func number(_ name: String, _ usual: Int) -> Int {
      ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual
    }

    /// Seeds of a run, from `GAUNTLET_COORDINATOR_SEED` on.
    private static let seeds: Range<UInt64> = {
      let first = number("GAUNTLET_COORDINATOR_SEED", 0)
      return UInt64(first)..<UInt64(first + number("GAUNTLET_COORDINATOR_SEEDS", 100))
    }()
    /// Crashes of a seed, at least.
    private static let points = number("GAUNTLET_COORDINATOR_POINTS", 15)

    init() { #expect(gauntlet_disk_install() == 0) }

    @Test(
      "Whenever the coordinator dies, what it acknowledged is there, nothing is recorded twice, and the run ends whole")
    func crashes() throws {
      let (scene, mixed) = (try CoordinationScene(), try CoordinationScene(withPython: true))
      defer { for scene in [scene, mixed] { scene.remove() } }
      var (crashes, runs, parts) = (0, 0, 0)
      for seed in Self.seeds {
        var run = CrashingRun(seed: seed, scene: seed % 4 == 3 ? mixed : scene)
        // What a run leaves of its crashes another one has.
        repeat {
          try run.run(crashes: Self.points)
          runs += 1
        } while run.crashes < Self.points && run.violations.isEmpty
        for violation in run.violations {
          Issue.record("GAUNTLET_COORDINATOR_SEED=\(seed), \(run.place): \(violation)")
        }
        if seed % 10 == 0, run.violations.isEmpty { try run.collect() }
        crashes += run.crashes
        parts += run.parts
      }
      if ProcessInfo.processInfo.environment["GAUNTLET_COORDINATOR_SEEDS"] != nil {
        print("\(Self.seeds.count) seeds, \(runs) runs, \(crashes) crashes, \(parts) parts")
      }
      #expect(crashes >= Self.seeds.count * Self.points)
    }

    @Test("A seed tells one story")
    func sameStory() throws {
      let scene = try CoordinationScene()
      defer { scene.remove() }
      let traces = try (0..<2).map { _ in
        var run = CrashingRun(seed: 7, scene: scene)
        try run.run(crashes: 10)
        return run.trace
      }
      #expect(traces[0] == traces[1])
    }
  }
}

/// A run that is planned once for all seeds.
struct CoordinationScene {
  let plan: Plan
  let folder: RunFolder
  /// A ledger in which nothing has happened.
  let ledger: Data
  let security: ServerSecurity

  private static let images = 60

  /// - Parameter withPython: with a second model, which workers of another kind compute.
  init(withPython: Bool = false) throws {
    // In memory, where there is such a file system.
    let place = access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : NSTemporaryDirectory()
    folder = RunFolder(place + "gauntlet-coordination-" + UUID().uuidString)
    try folder.create()
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let picture = try Data(contentsOf: URL(fileURLWithPath: repository + "/Tests/ImagingTests/Fixtures/444.jpg"))
    try FileManager.default.createDirectory(atPath: folder.path + "/val/class0", withIntermediateDirectories: true)
    for index in 0..<Self.images {
      try picture.write(to: URL(fileURLWithPath: "\(folder.path)/val/class0/\(index).JPEG"))
    }
    let python = """
      , {name: p, engine: python, callable: f, classes: 10,
         preprocess: {resize: 64, crop: 64, interpolation: bilinear, mean: 0, std: 1}}
      """
    let text = """
      run: crashes
      models: [{name: m, architecture: resnet-nano, checkpoint: \(repository)/models/resnet-nano.safetensors}\(withPython ? python : "")]
      benchmarks: [{kind: imagenet-val, root: val, scored: false}]
      sharding: {images: 6}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/run.yaml"))
    plan = try Plan.make(manifestPath: folder.path + "/run.yaml")
    try plan.write(to: folder)
    try Ledger.create(at: folder.ledger, run: ["id": plan.runID], shards: plan.shards).close()
    ledger = try Data(contentsOf: URL(fileURLWithPath: folder.ledger))
    let keys = try CurveKeyPair.generate()
    security = ServerSecurity(secretKey: keys.secretKey, authorizedClients: Set<CurvePublicKey>())
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder.path) }

  /// What a worker sends of a shard; one of its images may have no result.
  func result(of shard: ShardDefinition, failing: Int?) -> Data {
    let classes = plan.manifest.models[shard.model].classCount
    var values = (0..<shard.imageCount * classes).map { Float(shard.firstImage * classes + $0) / 64 }
    var failures: [ImageFailure] = []
    if let failing {
      for place in failing * classes..<(failing + 1) * classes { values[place] = .nan }
      failures = [ImageFailure(offset: failing, reason: "away: no such file", isUnreadable: true)]
    }
    let output = ShardOutput(
      shard: shard.id, subject: ShardSubject(shard, of: plan), observations: [.logits(values, classes: classes)],
      failures: failures, provenance: ["host": "h"])
    return (try? output.encoded()) ?? Data()
  }
}

/// What shards mean, as in a run folder; tasks are short.
private struct SceneSource: WorkSource {
  let real: RunWorkSource
  let world: SimulatedCoordination

  var runID: String { real.runID }
  var lanes: WorkerLanes { real.lanes }
  func task(for shard: ShardDefinition, attempt: Int, isLast: Bool) -> Data {
    world.note(shard)
    return shard.task
  }
  func check(_ payload: Data, for shard: ShardDefinition) throws(InvalidResult) {
    try real.check(payload, for: shard)
  }
  func failing(_ shard: ShardDefinition, reason: String) throws -> Data { try real.failing(shard, reason: reason) }
  func store(
    _ payload: Data, for shard: ShardDefinition, attempt: Int, worker: String, former: StoredPart?
  ) throws -> StoredPart? {
    try real.store(payload, for: shard, attempt: attempt, worker: worker, former: former)
  }
  func remove(_ part: StoredPart) { real.remove(part) }
}

/// A run and its coordinators, one after the other.
struct CrashingRun {
  private let scene: CoordinationScene
  private let seed: UInt64
  private var random: SeededRandom
  private var world: SimulatedCoordination
  private var files: FaultyFiles
  private(set) var crashes = 0
  private(set) var violations: [String] = []
  /// What happened last, for who looks for the reason.
  private(set) var place = ""
  private(set) var parts = 0
  private(set) var trace: UInt64 = 0
  private var recorded: Set<Int64> = []
  private var takenUp: Set<Int64> = []
  private var lives = 0

  private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  private static let mostLives = 2_000

  init(seed: UInt64, scene: CoordinationScene) {
    self.scene = scene
    self.seed = seed
    random = SeededRandom(seed: seed)
    world = SimulatedCoordination(seed: seed, lanes: scene.plan.lanes, result: scene.result)
    files = FaultyFiles(root: scene.folder.path)
  }

  /// Begins a run and crashes its coordinator up to so many times, then lets it come to its end.
  mutating func run(crashes most: Int) throws {
    for suffix in ["-wal", "-shm", "-journal"] { unlink(scene.folder.ledger + suffix) }
    unlink(scene.folder.ledger)
    try scene.ledger.write(to: URL(fileURLWithPath: scene.folder.ledger))
    gauntlet_disk_watch(scene.folder.ledger, random.next())
    world = SimulatedCoordination(seed: random.next(), lanes: scene.plan.lanes, result: scene.result)
    files = FaultyFiles(root: scene.folder.path)
    recorded = []
    takenUp = []
    lives = 0
    var isOver = false
    while !isOver, violations.isEmpty {
      world.isHarmless = crashes >= most
      lives += 1
      isOver = live()
      violations += world.violations
      if lives > Self.mostLives { violations.append("the run does not end") }
    }
    trace = (trace &* 0x100_0000_01B3) ^ world.trace
  }

  private static let faults = [
    GAUNTLET_POWER_CUT, GAUNTLET_POWER_CUT, GAUNTLET_KILL, GAUNTLET_DISK_FULL, GAUNTLET_IO_ERROR,
  ]

  /// One coordinator's life, from what the last one left to its end.
  ///
  /// - Returns: whether the run is done.
  private mutating func live() -> Bool {
    world.beginCoordinator()
    var fault = GAUNTLET_KILL
    if !world.isHarmless {
      fault = Self.faults[random.next(below: Self.faults.count)]
      let operation = 1 + random.next(below: random.chance(0.7) ? 20 : 120)
      place = "life \(lives): \(fault) at \(operation)"
      gauntlet_disk_arm(fault, operation)
    }
    var isFinished = false
    do {
      isFinished = try coordinate() == .finished
    } catch is SimulatedCoordination.Down {
      // The process ended without a word.
    } catch {
      let isNamed = error is LedgerError || error is FileError
      if !isNamed || world.isHarmless || !(world.hasFailed || gauntlet_disk_is_armed() == 0) {
        violations.append("ends with \(error)")
      }
    }
    let isOff = gauntlet_disk_is_off() != 0
    if isOff || world.hasFailed || gauntlet_disk_is_armed() == 0, !world.isHarmless { crashes += 1 }
    files.closeAll()
    if isOff && fault == GAUNTLET_POWER_CUT || !world.isHarmless && random.chance(0.2) {
      if gauntlet_disk_restore() != 0 { violations.append("the disk cannot be restored") }
      files.loseUnsynced(&random)
    }
    gauntlet_disk_revive()
    guard isFinished else { return false }
    return finish()
  }

  /// Opens the ledger, looks whether it has what it must, and coordinates.
  private mutating func coordinate() throws -> RunOutcome {
    let ledger = try Ledger.open(at: scene.folder.ledger, checksAll: true)
    defer { try? ledger.close() }
    try check(ledger)
    if !world.isHarmless, random.chance(0.1) { try takeUp(ledger) }
    let source = SceneSource(
      real: RunWorkSource(plan: scene.plan, folder: scene.folder, files: files), world: world)
    var loop = try CoordinatorLoop(
      configuration: CoordinatorConfiguration(
        listen: "", security: scene.security, runFolder: nil, leaseSeconds: SimulatedCoordination.leaseSeconds,
        attempts: 5, version: "1", keepsWorkers: true, pieceSizes: PieceSizes(seconds: 4, smallest: 2)),
      ledger: ledger, source: source, logger: Self.silent,
      surroundings: CoordinatorSurroundings(line: world, clock: world, executor: world))
    defer { loop.end() }
    return try loop.run { [world] in world.isDraining }
  }

  /// Shards whose parts lack images that could not be read are to be computed anew; that may be done though it fails.
  private mutating func takeUp(_ ledger: Ledger) throws {
    let lacking = Set(try ledger.parts().filter { ($0.part?.unreadableImages ?? 0) > 0 }.map(\.definition.id))
    takenUp.formUnion(lacking)
    world.forgetAcknowledgements(of: lacking)
    _ = try ledger.takeUpSetAside()
  }

  /// What holds after every crash.
  private mutating func check(_ ledger: Ledger) throws {
    let rows = try ledger.parts()
    let byShard = Dictionary(uniqueKeysWithValues: rows.map { ($0.definition.id, $0) })
    for row in rows { checkPart(row) }
    for (shard, known) in world.acknowledged {
      let row = byShard[shard]
      if row?.worker != known.worker || row?.attempt != known.attempt {
        violations.append(
          "shard \(shard) is acknowledged to \(known), and the ledger has \(row.map { "\($0.worker), \($0.attempt)" } ?? "nothing")"
        )
      }
    }
    // One that is taken up may be split, and then its pieces have its images.
    for shard in recorded where byShard[shard] == nil && !takenUp.contains(shard) {
      violations.append("shard \(shard) is recorded no more")
    }
    recorded.formUnion(byShard.keys)
    let counts = Dictionary(grouping: try ledger.attempts().filter { $0.outcome == .recorded }, by: \.shard)
    for (shard, attempts) in counts where attempts.count > 1 && !takenUp.contains(shard) {
      violations.append("shard \(shard) is recorded \(attempts.count) times")
    }
    for (shard, definition) in world.leased where ledger.definition(of: shard) != definition {
      violations.append("shard \(shard) was leased as \(definition), and is not that in the ledger")
    }
  }

  private mutating func checkPart(_ row: PartRow) {
    guard let part = row.part else { return violations.append("shard \(row.definition.id) has no part") }
    guard let bytes = files.contents(scene.folder.path + "/" + part.path) else {
      return violations.append("\(part.path) is in the ledger and not on disk")
    }
    let digest = SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    if digest != part.sha256 || bytes.count != part.bytes {
      violations.append("\(part.path) is not what the ledger says")
    }
  }

  /// What holds at the end.
  private mutating func finish() -> Bool {
    do {
      let ledger = try Ledger.open(at: scene.folder.ledger, checksAll: true)
      defer { try? ledger.close() }
      try check(ledger)
      let total = try ledger.status(now: world.date).total
      if total.pending != 0 || total.recordedImages + total.setAsideImages != total.images {
        violations.append("the run ended with \(total)")
      }
      parts += total.recorded
      let images = try ledger.parts().flatMap { row in
        (row.definition.firstImage..<row.definition.firstImage + row.definition.imageCount).map {
          [row.definition.model, $0]
        }
      }
      if Set(images).count != images.count || images.count != total.recordedImages {
        violations.append(
          "the parts hold \(images.count) images of \(total.recordedImages), \(Set(images).count) different")
      }
    } catch { violations.append("\(error)") }
    return true
  }

  /// Collects what the last run left.
  func collect() throws {
    for path in files.paths {
      try DurableFile.makeFolder(DurableFile.folder(of: path))
      try files.contents(path)?.write(to: URL(fileURLWithPath: path))
    }
    defer { try? FileManager.default.removeItem(atPath: scene.folder.path + "/parts") }
    let run = try PlannedRun.open(scene.folder, readOnly: false)
    defer { try? run.ledger.close() }
    let summary = try Collector(run: run, version: "1").collect(to: scene.folder.archive, partial: false) { _ in }
    #expect(
      summary.images == scene.plan.shards.cells.reduce(0) { $0 + $1.imageCount }, "GAUNTLET_COORDINATOR_SEED=\(seed)")
    try FileManager.default.removeItem(atPath: scene.folder.archive)
  }
}
