import Foundation
import Logging
import Messaging
import Shards
import Synchronization
import TestSupport
import Testing
import Working

/// A worker before a coordinator that the test speaks for, word by word.
@Suite(.hangLimit) struct WorkerDaemonTests {
  /// Gives the task back; fails what begins with an f, and has trouble with what begins with a t.
  private struct Echo: ShardComputer {
    struct Failure: Error, CustomStringConvertible { let description = "it cannot be computed" }
    func compute(task: Data) throws -> Data {
      switch task.first {
      case UInt8(ascii: "f"): throw Failure()
      case UInt8(ascii: "t"): throw WorkerTrouble("the disk is away")
      default: return task + task
      }
    }
  }

  /// The worker said something else first.
  private struct NoHello: Error {}

  /// How a worker's thread ended.
  private final class Ending: Sendable {
    let outcome = Mutex<Result<WorkerOutcome, any Error>?>(nil)
    let group = DispatchGroup()
  }

  /// The coordinator's end of the connection, and the worker on a thread of its own.
  private final class Stage {
    let router: RouterEndpoint
    let daemon: WorkerDaemon
    private let ending = Ending()
    private var peer: PeerID?

    init(runID: String? = nil) throws {
      let (server, worker) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
      router = try RouterEndpoint(
        bind: "tcp://127.0.0.1:*",
        security: ServerSecurity(secretKey: server.secretKey, authorizedClients: [worker.publicKey]),
        logger: Logger.silent)
      daemon = try WorkerDaemon(
        connect: router.boundAddress,
        security: ClientSecurity(serverPublicKey: server.publicKey, keyPair: worker),
        configuration: WorkerConfiguration(
          streams: 1, prefetch: 2, version: "1.2.3", runID: runID, patience: .seconds(100_000)),
        computer: Echo(), logger: Logger.silent)
      ending.group.enter()
      Thread.detachNewThread { [ending, daemon] in
        let result = Result { try daemon.run() }
        ending.outcome.withLock { $0 = result }
        ending.group.leave()
      }
    }

    /// The worker's next message but heartbeats.
    func next() throws -> WireMessage {
      while true {
        let received = try #require(try router.receive(timeout: .seconds(600)))
        peer = received.peer
        let message = try received.message.get()
        guard case .heartbeat = message else { return message }
        say(.heartbeatReply)
      }
    }

    func say(_ message: WireMessage) {
      guard let peer else { return }
      _ = try? router.send(message, to: peer)
    }

    /// Takes the worker's introduction and welcomes it to a run; again, as a coordinator that began anew, which welcomes
    /// before it was greeted.
    func welcome(to run: String = "r", again: Bool = false) throws -> WireMessage.Hello {
      let welcome = WireMessage.welcome(.init(runID: run, heartbeatMilliseconds: 60_000, coordinatorVersion: "1.2.3"))
      if again { say(welcome) }
      guard case .hello(let hello) = try next() else { throw NoHello() }
      say(welcome)
      return hello
    }

    /// How the worker ended.
    func end() throws -> WorkerOutcome {
      ending.group.wait()
      router.close()
      return try #require(ending.outcome.withLock { $0 }).get()
    }
  }

  @Test("It introduces itself, computes what it is leased, and goes when it is dismissed")
  func computes() throws {
    let stage = try Stage()
    let hello = try stage.welcome()
    #expect(hello.credits == 3 && hello.version == "1.2.3" && hello.held.isEmpty && hello.runID.isEmpty)
    let shard = ShardAttempt(shard: 5, attempt: 2)
    stage.say(.lease(shard, task: Data("ab".utf8)))
    guard case .result(let done, let payload, _) = try stage.next() else {
      Issue.record("no result came")
      return
    }
    #expect(done == shard && payload == Data("abab".utf8))
    stage.say(.acknowledgement(shard, .recorded))
    stage.say(.shutdown(reason: "the run is done"))
    #expect(try stage.end() == .dismissed(reason: "the run is done"))
  }

  @Test("A failure is told with its reason, and whose it is", arguments: ["f", "t"])
  func fails(task: String) throws {
    let stage = try Stage()
    _ = try stage.welcome()
    let shard = ShardAttempt(shard: 1, attempt: 1)
    stage.say(.lease(shard, task: Data(task.utf8)))
    guard case .failure(let failed, let reason, let kind) = try stage.next() else {
      Issue.record("no failure came")
      return
    }
    #expect(failed == shard && reason.contains(task == "f" ? "cannot be computed" : "the disk is away"))
    #expect(kind == (task == "f" ? .computation : .surroundings))
    stage.say(.shutdown(reason: "enough"))
    #expect(try stage.end() == .dismissed(reason: "enough"))
  }

  @Test("A rejection, and another run than the one that it is meant for, end it")
  func rejected() throws {
    let refused = try Stage()
    _ = try refused.next()
    refused.say(.rejection(reason: "use the same version"))
    #expect(throws: WorkerError.rejected(reason: "use the same version")) { try refused.end() }
    let other = try Stage(runID: "mine")
    _ = try other.welcome(to: "theirs")
    #expect(throws: WorkerError.otherRun(found: "theirs", expected: "mine")) { try other.end() }
  }

  @Test("A coordinator that began again is told what is held, and offered the result that nobody acknowledged")
  func keepsResults() throws {
    let stage = try Stage()
    _ = try stage.welcome()
    let shard = ShardAttempt(shard: 1, attempt: 1)
    stage.say(.lease(shard, task: Data("x".utf8)))
    guard case .result = try stage.next() else {
      Issue.record("no result came")
      return
    }
    #expect(try stage.welcome(again: true).held == [shard])
    guard case .result(let offered, let payload, _) = try stage.next(), offered == shard, payload == Data("xx".utf8)
    else {
      Issue.record("the result was not offered again")
      return
    }
    // Drained, it waits for the answer that it is owed.
    stage.daemon.drain()
    stage.say(.acknowledgement(shard, .recorded))
    #expect(try stage.next() == .goodbye)
    #expect(try stage.end() == .drained)
  }
}
