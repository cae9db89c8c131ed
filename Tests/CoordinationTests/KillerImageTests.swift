import Archives
import Coordination
import Foundation
import Logging
import Messaging
import Planning
import Shards
import Synchronization
import TestSupport
import Testing
import Working

/// A picture that ends the process that decodes it, in a run with its plan, ledger, parts and archive.
@Suite struct KillerImageTests {

  /// A worker that is gone, without a word, once it is given the killer.
  private struct MortalWorker {
    let address: String
    let security: ClientSecurity
    let killer: String
    let evaluator: ShardEvaluator

    /// Works until the run is done; false where it was ended.
    func live(as name: String) throws -> Bool {
      let dealer = try DealerEndpoint(connect: address, security: security)
      defer { dealer.close() }
      _ = try dealer.send(.hello(.init(workerID: name, host: "h", credits: 2, version: "1", instructionSet: "")))
      while true {
        guard let message = try dealer.receive(timeout: .milliseconds(50))?.get() else {
          _ = try dealer.send(.heartbeat(held: []))
          continue
        }
        switch message {
        case .lease(let shard, let task):
          if try ShardTask(decoding: task).paths.contains(where: { $0.hasSuffix(killer) }) { return false }
          _ = try dealer.send(.result(shard, payload: evaluator.compute(task: task), computeNanoseconds: 1_000_000))
        case .shutdown: return true
        default: break
        }
      }
    }
  }

  private func run(in folder: RunFolder, images: Int) throws -> PlannedRun {
    let picture = try Data(
      contentsOf: URL(fileURLWithPath: Repository.path + "/Tests/ImagingTests/Fixtures/444.jpg"))
    try folder.create()
    for index in 0..<images {
      let place = folder.path + "/val/class\(index)"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      try picture.write(to: URL(fileURLWithPath: "\(place)/picture\(index).JPEG"))
    }
    let text = """
      run: killer
      models: [{name: m, architecture: resnet-nano, checkpoint: \(Repository.path)/models/resnet-nano.safetensors}]
      benchmarks: [{kind: imagenet-val, root: val, scored: false}]
      sharding: {images: 8}
      """
    let manifest = folder.path + "/manifest.yaml"
    try Data(text.utf8).write(to: URL(fileURLWithPath: manifest))
    try Plan.make(manifestPath: manifest).write(to: folder)
    return try PlannedRun.resume(folder)
  }

  @Test("It is set aside by name, every other image has its result, and few workers are lost", .hangLimit)
  func killer() throws {
    let folder = RunFolder(ScratchFolder.freshPath())
    let run = try run(in: folder, images: 16)
    let keys = KeyStore(folder: folder.keys)
    try keys.create()
    let coordinator = try Coordinator(
      configuration: CoordinatorConfiguration(
        listen: "tcp://127.0.0.1:*", security: keys.serverSecurity(), runFolder: nil, leaseSeconds: 0.5, attempts: 3,
        version: "1", mayHaveWorkers: false), ledger: run.ledger, source: RunWorkSource(plan: run.plan, folder: folder),
      logger: Logger.silent)
    let worker = MortalWorker(
      address: coordinator.boundAddress, security: try keys.clientSecurity(), killer: "/picture5.JPEG",
      evaluator: ShardEvaluator(batch: 4, memory: 1 << 30, version: "1"))
    let lost = Mutex(0)
    let failure = Mutex<(any Error)?>(nil)
    Thread.detachNewThread {
      do {
        // Whatever starts workers starts another one.
        while try !worker.live(as: "mortal-\(lost.withLock { $0 })") { lost.withLock { $0 += 1 } }
      } catch { failure.withLock { $0 = error } }
    }
    #expect(try coordinator.run() == .finished)
    #expect(failure.withLock { $0 } == nil)
    // Eight images, four, two, one; alone until three losses count.
    #expect((6...9).contains(lost.withLock { $0 }), "\(lost.withLock { $0 }) lost")

    let status = try run.ledger.status(now: 0)
    #expect(status.isComplete && status.total.setAside == 0 && status.total.failedImages == 1)
    let summary = try Collector(run: run, version: "1").collect(to: folder.archive, partial: false) { _ in }
    #expect(summary.images == 16 && summary.missingImages == 1)
    let report = try ArchiveVerifier.verify(folder.archive)
    #expect(report.isSound && report.setAside.count == 1, "\(report.lines)")
    #expect(report.setAside.first?.contains("picture5.JPEG: it crashed 3 workers") == true, "\(report.setAside)")
  }
}
