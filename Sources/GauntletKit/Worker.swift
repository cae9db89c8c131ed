import Coordination
import Foundation
import Launching
import Logging
import Messaging
import Planning
import Working

/// Computes shards for a coordinator until the run is done.
public final class Worker: Sendable {
  /// Whom a worker works for.
  public enum Place: Sendable, Equatable {
    /// The coordinator of a run whose folder this machine sees; address and keys are read from there.
    case run(folder: String)
    /// A coordinator at an address, `tcp://HOST:PORT` or `ipc://PATH`; `keys` is the bundle's file.
    case coordinator(address: String, keys: String)
  }

  /// The Python process that started this one and computes in its stead.
  public struct PythonHost: Sendable {
    /// The model of the run that it computes; nil: the only one that Python computes.
    public let model: String?
    /// What computes, in words, for the archive.
    public let summary: String
    /// A pipe's end to write questions to.
    public let questions: Int32
    /// A pipe's end to read answers from.
    public let answers: Int32
    /// A memory file that both map.
    public let memory: Int32

    /// A host; the descriptors are open and nobody else's.
    public init(model: String?, summary: String, questions: Int32, answers: Int32, memory: Int32) {
      (self.model, self.summary) = (model, summary)
      (self.questions, self.answers, self.memory) = (questions, answers, memory)
    }
  }

  private let daemon: WorkerDaemon
  private let times: StreamTimes
  private let logger: Logger

  /// Waits until the coordinator of the place can be reached.
  ///
  /// - Parameters:
  ///   - patience: seconds to wait for a coordinator that is not there yet, or does not answer.
  ///   - python: computes in this program's stead, the one model that it has.
  ///   - logger: told what is waited for and what is done.
  /// - Returns: nil where the run is done.
  /// - Throws: `CoordinationError` where none comes, or an error of the keys.
  public static func join(
    _ place: Place, computation: Computation = Computation(), patience: Int = 600, python: PythonHost? = nil,
    logger: Logger
  ) throws -> Worker? {
    guard let found = try FoundPlace(place, patience: patience, logger) else { return nil }
    return try Worker(found, computation, patience: patience, python: python, logger)
  }

  private init(
    _ place: FoundPlace, _ computation: Computation, patience: Int, python: PythonHost?, _ logger: Logger
  ) throws {
    (self.logger, times) = (logger, StreamTimes())
    let exchange = python.map {
      PythonExchange(
        questions: $0.questions, answers: $0.answers, memory: $0.memory, batch: computation.batch, summary: $0.summary)
    }
    daemon = try WorkerDaemon(
      connect: place.address, security: place.security,
      configuration: WorkerConfiguration(
        streams: computation.streams, prefetch: computation.streams, version: Release.version, runID: place.runID,
        patience: .seconds(patience), kind: python.map { .python(model: $0.model) } ?? .native, locate: place.locate,
        remark: place.remark),
      computer: ShardEvaluator(
        batch: computation.batch, memory: WorkerMemory.ofModels(of: computation.memory), version: Release.version,
        times: times, answerer: exchange), times: times, logger: logger)
    // Without it nothing can be computed here.
    exchange?.start { [daemon] in daemon.drain() }
  }

  /// Works until it is dismissed or drained. Call it once.
  ///
  /// - Throws: what ends a worker, as that its coordinator does not answer.
  public func perform() throws {
    let outcome = try daemon.run()
    if let summary = times.summary { logger.info("compute threads", metadata: ["times": "\(summary)"]) }
    logger.info("done", metadata: ["outcome": "\(outcome)"])
  }

  /// Asks `perform` to end early: the shards at hand are finished, the others handed back. May be called from any thread.
  public func drain() { daemon.drain() }

  /// From now on this process ends within a second of its parent's end.
  public static func dieWithParent() { ParentWatch.dieWithParent() }
}

/// A coordinator that was found.
private struct FoundPlace {
  let address: String
  let security: ClientSecurity
  var runID: String?
  /// Looks where the coordinator is now.
  var locate: (@Sendable () -> Whereabouts?)?
  /// What the run folder says about reaching it.
  var remark: (@Sendable () -> String?)?

  /// nil where the run is done.
  init?(_ place: Worker.Place, patience: Int, _ logger: Logger) throws {
    switch place {
    case .coordinator(let address, let keys):
      (self.address, security) = (address, try KeyBundle.read(from: keys).clientSecurity)
    case .run(let path):
      let folder = RunFolder(path)
      let endpoint = try CoordinatorEndpoint.wait(in: folder, seconds: patience) {
        logger.info("waiting", metadata: ["reason": "\($0)"])
      }
      guard let address = endpoint.address else { return nil }
      (self.address, security) = (address, try KeyStore(folder: folder.keys).clientSecurity())
      runID = endpoint.runID
      locate = {
        guard let now = CoordinatorEndpoint(in: folder), now.runID == endpoint.runID else { return nil }
        return now.address.map { .listening($0) } ?? .done
      }
      remark = {
        guard let now = CoordinatorEndpoint(in: folder) else { return CoordinatorFailure(in: folder)?.description }
        return now.unreachable()
      }
    }
  }
}
