import Coordination
import Foundation
import Logging
import Messaging
import Planning
import Records
import Synchronization
import TestSupport
import Testing
import Working

/// Shards that are computed anew for images that could not be read: what is there is not lost on the way.
@Suite struct TakenUpTests {
  private let folder: RunFolder

  init() throws {
    folder = RunFolder(ScratchFolder.freshPath())
    try folder.create()
  }

  private func removeFolder() { try? FileManager.default.removeItem(atPath: folder.path) }

  /// A run of one model over two pictures, planned in the folder.
  private func plan() throws -> Plan {
    let picture = URL(fileURLWithPath: Repository.photograph)
    for index in 0..<2 {
      let place = folder.path + "/val/class\(index)"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      try Data(contentsOf: picture).write(to: URL(fileURLWithPath: place + "/picture.JPEG"))
    }
    let text = """
      run: taken-up
      models: [{name: m, architecture: resnet-nano, checkpoint: \(Repository.path)/models/resnet-nano.safetensors}]
      benchmarks: [{kind: imagenet-val, root: val, scored: false}]
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/run.yaml"))
    let plan = try Plan.make(manifestPath: folder.path + "/run.yaml")
    try plan.write(to: folder)
    return plan
  }

  /// Gives every result the part's name that it is told.
  private final class Source: WorkSource {
    let runID = "run-1"
    let path: String
    let attempts = Mutex<[Int]>([])
    let removed = Mutex<[StoredPart]>([])

    init(path: String) { self.path = path }

    func task(for shard: ShardDefinition, attempt: Int, isLast: Bool) -> Data {
      attempts.withLock { $0.append(attempt) }
      return Data("task".utf8)
    }
    func check(_ payload: Data, for shard: ShardDefinition) throws(InvalidResult) {}
    func failing(_ shard: ShardDefinition, reason: String) -> Data { Data(reason.utf8) }
    func store(
      _ payload: Data, for shard: ShardDefinition, attempt: Int, worker: String, former: StoredPart?
    ) throws -> StoredPart? {
      StoredPart(path: path, sha256: "new", bytes: 1, failedImages: 0)
    }
    func remove(_ part: StoredPart) { removed.withLock { $0.append(part) } }
  }

  private struct Echo: ShardComputer {
    func compute(task: Data) throws -> Data { task }
  }

  @Test(
    "A later attempt never has the number of a recorded one, and the file that the ledger names is not removed",
    arguments: [true, false])
  func sameName(isSame: Bool) throws {
    defer { removeFolder() }
    let keys = KeyStore(folder: folder.keys)
    try keys.create()
    let ledger = try Ledger.create(
      at: folder.ledger, run: ["id": "run-1"],
      shards: ShardTable(cells: [ShardCell(model: 0, benchmark: 0, condition: 0, imageCount: 1, shardImages: 1)]))
    // As mending enters it, without the attempts before.
    let former = StoredPart(path: "parts/0/0-4.h5", sha256: "old", bytes: 1, failedImages: 1, unreadableImages: 1)
    try ledger.commit([
      .recorded(shard: 0, attempt: 4, worker: "w", part: former, computeNanoseconds: 0, time: 0)
    ])
    #expect(try ledger.takeUpSetAside() == (0, 1))
    let source = Source(path: isSame ? former.path : "parts/0/0-5.h5")
    let silent = Logger.silent
    let coordinator = try Coordinator(
      configuration: CoordinatorConfiguration(
        listen: "tcp://127.0.0.1:*", security: keys.serverSecurity(), runFolder: nil, leaseSeconds: 20, attempts: 3,
        version: "1"), ledger: ledger, source: source, logger: silent)
    let worker = try WorkerDaemon(
      connect: coordinator.boundAddress, security: keys.clientSecurity(),
      configuration: WorkerConfiguration(
        streams: 1, prefetch: 0, version: "1", runID: "run-1", patience: .seconds(600)), computer: Echo(),
      logger: silent)
    Thread.detachNewThread { _ = try? worker.run() }
    #expect(try coordinator.run() == .finished)
    #expect(source.attempts.withLock { $0 } == [5])
    #expect(source.removed.withLock { $0 } == (isSame ? [] : [former]))
    #expect(try ledger.parts().compactMap(\.part?.sha256) == ["new"])
  }

  @Test("A new part never has the former one's path, which the ledger names until it has the new one")
  func otherPath() throws {
    defer { removeFolder() }
    let plan = try plan()
    let shard = plan.shards[0]
    let classes = plan.manifest.models[0].classCount
    let source = RunWorkSource(plan: plan, folder: folder)
    func store(_ attempt: Int, unreadable: Int, former: StoredPart?) throws -> StoredPart? {
      let output = ShardOutput(
        shard: shard.id, subject: ShardSubject(shard, of: plan),
        observations: [
          .logits(
            Array(repeating: .nan, count: classes * unreadable)
              + Array(repeating: 0.5, count: classes * (shard.imageCount - unreadable)), classes: classes)
        ],
        failures: (0..<unreadable).map { ImageFailure(offset: $0, reason: "gone", isUnreadable: true) },
        provenance: [:])
      return try source.store(output.encoded(), for: shard, attempt: attempt, worker: "w", former: former)
    }
    var former = try #require(try store(1, unreadable: 2, former: nil))
    for (attempt, unreadable) in [(2, 1), (2, 0)] {
      let bytes = FileManager.default.contents(atPath: folder.path + "/" + former.path)
      let part = try #require(try store(attempt, unreadable: unreadable, former: former))
      #expect(part.path != former.path && part.unreadableImages == unreadable)
      #expect(FileManager.default.contents(atPath: folder.path + "/" + former.path) == bytes)
      former = part
    }
    #expect(try store(3, unreadable: 0, former: former) == former)
  }

  @Test("A shard that was set aside while it was computed anew still has its former part, and those who failed it")
  func setAsideAgain() throws {
    defer { removeFolder() }
    let ledger = try Ledger.create(
      at: folder.ledger, run: ["id": "a"],
      shards: ShardTable(cells: [ShardCell(model: 0, benchmark: 0, condition: 0, imageCount: 2, shardImages: 1)]))
    let part = StoredPart(path: "parts/0/0.h5", sha256: "0", bytes: 1, failedImages: 1, unreadableImages: 1)
    try ledger.commit([.recorded(shard: 0, attempt: 1, worker: "w", part: part, computeNanoseconds: 1, time: 0)])
    #expect(try ledger.formerParts().isEmpty, "it is the shard's part")
    _ = try ledger.takeUpSetAside()
    #expect(try ledger.formerParts() == [0: part])
    try ledger.commit([
      .leased(shard: 0, attempt: 2, worker: "bad", time: 1),
      .ended(shard: 0, attempt: 2, worker: "bad", outcome: .failed, reason: "no", time: 2),
      .setAside(shard: 0, reason: "no", time: 3),
    ])
    #expect(try ledger.formerParts() == [0: part])
    _ = try ledger.takeUpSetAside()
    #expect(try ledger.failedWorkers() == [0: ["bad"]])
  }

  @Test("Why an earlier coordinator ended is taken away by who goes on, once it has the run")
  func staleFailure() throws {
    defer { removeFolder() }
    _ = try plan()
    let failure = CoordinatorFailure(reason: "there is no interface ib0", time: 7)
    try failure.write(to: folder)
    do {
      let lock = try RunLock(folder: folder.path)
      #expect(throws: CoordinationError.locked(folder: folder.path)) { try PlannedRun.resume(folder) }
      withExtendedLifetime(lock) {}
    }
    #expect(CoordinatorFailure(in: folder) == failure)
    // Data that are away are no fault of the manifest's.
    try FileManager.default.moveItem(atPath: folder.path + "/val", toPath: folder.path + "/away")
    let error = #expect(throws: RunFolderError.self) { try PlannedRun.resume(folder) }
    #expect(error?.description.hasPrefix("the data of imagenet-val, which the run was planned with, cannot") == true)
    try FileManager.default.moveItem(atPath: folder.path + "/away", toPath: folder.path + "/val")
    let run = try PlannedRun.resume(folder)
    #expect(CoordinatorFailure(in: folder) == nil)
    // What is left in a folder that is gone would make it anew.
    CoordinatorFailure.leave(CoordinationError.locked(folder: "x"), for: run)
    #expect(CoordinatorFailure(in: folder) == nil, "another one has it")
    CoordinatorFailure.leave(InvalidResult(reason: "no"), for: run)
    #expect(CoordinatorFailure(in: folder)?.reason == "no")
    let elsewhere = folder.path + "-moved"
    defer { try? FileManager.default.removeItem(atPath: elsewhere) }
    try FileManager.default.moveItem(atPath: folder.path, toPath: elsewhere)
    CoordinatorFailure.leave(InvalidResult(reason: "later"), for: run)
    #expect(throws: (any Error).self) { try failure.write(to: folder) }
    #expect(!FileManager.default.fileExists(atPath: folder.path))
    // Another one in its place is not this run's.
    try folder.create()
    CoordinatorFailure.leave(InvalidResult(reason: "later"), for: run)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}
