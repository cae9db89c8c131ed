import Coordination
import Foundation
import Logging
import Messaging
import Planning
import Synchronization
import TestSupport
import Testing
import Working

/// What a worker says while it does not reach its coordinator. Waiting is always for a line of its log.
@Suite(.hangLimit) struct SilentCoordinatorTests {
  /// Keeps the reasons of a log's warnings, and wakes who waits for the first.
  private final class Lines: Sendable {
    let reasons = Mutex<[String]>([])
    let first = DispatchSemaphore(value: 0)

    var logger: Logger {
      KeptLog { [self] event in
        guard event.level >= .warning else { return }
        reasons.withLock { $0.append("\(event.metadata?["reason"] ?? "")") }
        first.signal()
      }.logger
    }
  }

  private struct Nothing: ShardComputer {
    func compute(task: Data) throws -> Data { task }
  }

  private struct Keys {
    let server: CurveKeyPair
    let worker: CurveKeyPair

    init() throws {
      server = try CurveKeyPair.generate()
      worker = try CurveKeyPair.generate()
    }

    var router: RouterEndpoint {
      get throws {
        try RouterEndpoint(
          bind: "tcp://127.0.0.1:*",
          security: ServerSecurity(secretKey: server.secretKey, authorizedClients: [worker.publicKey]),
          logger: Logger.silent)
      }
    }
  }

  /// The first reason that a worker gives, which goes on trying until it is drained.
  private func reason(
    _ address: String, _ security: ClientSecurity, remark: (@Sendable () -> String?)? = nil
  ) throws -> String {
    let lines = Lines()
    let daemon = try WorkerDaemon(
      connect: address, security: security,
      configuration: WorkerConfiguration(
        streams: 1, prefetch: 1, version: "1", runID: nil, patience: .seconds(100_000), remark: remark),
      computer: Nothing(), logger: lines.logger)
    let ended = DispatchGroup()
    ended.enter()
    Thread.detachNewThread {
      #expect(throws: Never.self) { try daemon.run() }
      ended.leave()
    }
    lines.first.wait()
    daemon.drain()
    ended.wait()
    return lines.reasons.withLock { $0[0] }
  }

  @Test("Each trouble has a sentence of its own")
  func sentences() throws {
    let keys = try Keys()
    let router = try keys.router
    let security = ClientSecurity(serverPublicKey: keys.server.publicKey, keyPair: keys.worker)
    let address = router.boundAddress
    let unknown = ClientSecurity(serverPublicKey: keys.server.publicKey, keyPair: try CurveKeyPair.generate())
    #expect(try reason(address, unknown).contains("does not know this worker's key"))
    let other = ClientSecurity(serverPublicKey: try CurveKeyPair.generate().publicKey, keyPair: keys.worker)
    #expect(try reason(address, other).contains("is not the coordinator whose key this worker has"))
    router.close()
    #expect(try reason(address, security).contains("cannot connect to \(address) (Connection refused)"))
    #expect(try reason("tcp://no-host.invalid:5757", security).contains("host no-host.invalid cannot be resolved here"))
    #expect(try reason("ipc:///no/such/socket", security).contains("no such socket on this machine: /no/such/socket"))
    #expect(try reason(address, security) { "the run folder knows" } == "the run folder knows")
  }

  @Test("A reason is told at once when it is new, then after a minute, two, four")
  func howOften() {
    var log = SilenceLog()
    let start = ContinuousClock.now
    let told = (0..<1000).filter { log.isDue("gone", at: start + .seconds($0)) }
    #expect(told == [0, 60, 180, 420, 900])
    let others = [901, 902].map { log.isDue("other", at: start + .seconds($0)) }
    #expect(others == [true, false])
    log.reset()
    let afterwards = log.isDue("other", at: start + .seconds(903))
    #expect(afterwards)
  }

  private static let own = ProcessInfo.processInfo.hostName

  @Test(
    "A run folder tells that a coordinator listens for its own machine only",
    arguments: [
      ("tcp://127.0.0.1:5757", "node7", true), ("tcp://localhost:5757", "node7", true),
      ("tcp://[::1]:5757", "node7", true), ("ipc:///tmp/x", "node7", true), ("tcp://node7:5757", "node7", false),
      ("tcp://10.0.0.7:5757", "node7", false), ("tcp://127.0.0.1:5757", own, false), ("ipc:///tmp/x", own, false),
    ])
  func otherMachines(address: String, host: String, isUnreachable: Bool) throws {
    let folder = RunFolder(ScratchFolder.freshPath())
    try folder.create()
    let text = #"{"address":"\#(address)","runID":"r","host":"\#(host)"}"#
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.endpoint))
    let reason = try #require(CoordinatorEndpoint(in: folder)).unreachable()
    #expect((reason != nil) == isUnreachable)
    if let reason { #expect(reason.contains("on node7") && reason.contains("--listen tcp://0.0.0.0:PORT")) }
  }

  @Test("Where the last coordinator failed, a worker that waits for one ends with its reason")
  func failures() throws {
    let folder = RunFolder(ScratchFolder.freshPath())
    try folder.create()
    #expect(throws: CoordinationError.noCoordinator(folder: folder.path, seconds: 0)) {
      try CoordinatorEndpoint.wait(in: folder, seconds: 0)
    }
    let failure = CoordinatorFailure(reason: "there is no interface ib0", time: 7)
    try failure.write(to: folder)
    #expect(CoordinatorFailure(in: folder) == failure)
    #expect(throws: CoordinationError.coordinatorFailed(failure)) {
      try CoordinatorEndpoint.wait(in: folder, seconds: 0)
    }
    CoordinatorFailure.clear(in: folder)
    #expect(CoordinatorFailure(in: folder) == nil)
  }
}
