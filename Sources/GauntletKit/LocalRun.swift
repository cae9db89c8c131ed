import Coordination
import Durable
import Foundation
import Launching
import Logging
import Monitoring
import Synchronization

/// Computes a run on this machine: its coordinator in this process, its workers as processes of their own, so that a picture
/// that ends a worker ends nothing else.
public final class LocalRun: Sendable {
  /// How a run is computed here.
  public struct Options: Sendable {
    /// Worker processes.
    public var workers = 1
    /// How each computes; this process's allowance, shared out between them, otherwise.
    public var computation: Computation?
    /// Whether the shards that were set aside, and the images that could not be read, are taken up again.
    public var takesUpFailed = false
    /// Where the run's live page is served.
    public var live = LivePlace.nowhere
    /// The `gauntlet` that is started as worker.
    public var executable = OwnExecutable.path

    /// One worker with all that this process may use.
    public init() {}
  }

  /// Where a live page is served.
  public enum LivePlace: Sendable, Equatable {
    /// There is none.
    case nowhere
    /// At a free port of this machine; where there is none the run goes on without.
    case anywhere
    /// At a place that the user names.
    case at(MonitoringServer.Place)
  }

  private let run: Run
  private let options: Options
  private let logger: Logger
  private let coordinator: RunCoordinator

  /// Listens on a port of this machine; nothing is computed yet.
  ///
  /// - Throws: as `RunCoordinator.init`.
  public init(_ run: Run, options: Options = Options(), logger: Logger) throws {
    (self.run, self.options, self.logger) = (run, options, logger)
    var coordination = RunCoordinator.Options()
    coordination.takesUpFailed = options.takesUpFailed
    coordination.mayHaveWorkers = false
    coordinator = try RunCoordinator(run, options: coordination, logger: logger)
  }

  /// What was taken up again; nil where that was not asked for.
  public var takenUp: RunCoordinator.TakenUp? { coordinator.takenUp }

  /// Computes all that is left; returns at once where nothing is. Call it once.
  ///
  /// - Parameters:
  ///   - onLive: told where the live page is, once it is there.
  ///   - onStatus: told up to twice a second how far it is, from a thread of its own.
  /// - Throws: `RunEnd` where it ended before its work, or an error of ledger, disk or socket; nothing is lost.
  public func compute(
    onLive: (LiveAddress) -> Void = { _ in }, onStatus: @escaping @Sendable (LedgerStatus) -> Void = { _ in }
  ) throws {
    guard try !coordinator.isDone() else { return }
    try show(onLive)
    let givingUp = Mutex<String?>(nil)
    let computation = options.computation ?? Computation(workers: options.workers)
    let local = LocalWorkers(
      executable: options.executable,
      arguments: ["work", "--run", run.folder.path] + computation.arguments + ["--exit-with-parent"],
      logFolder: run.folder.logs, logger: logger
    ) { [coordinator] reason in
      givingUp.withLock { $0 = reason }
      coordinator.drain()
    }
    // What Python computes is for workers that people start themselves.
    try local.start(count: run.plan.hasOwnModels ? options.workers : 0)
    // Workers end by themselves when the run does; this ends them when it does not.
    defer { local.stop(grace: .seconds(20)) }
    do { try coordinator.perform(onStatus: onStatus) } catch {
      if error is RunEnd, let reason = givingUp.withLock({ $0 }) { throw RunEnd.workersGaveUp(reason) }
      throw error
    }
  }

  private func show(_ onLive: (LiveAddress) -> Void) throws {
    switch options.live {
    case .nowhere: return
    case .at(let place): onLive(try coordinator.show(at: place))
    case .anywhere:
      do { onLive(try coordinator.show()) } catch {
        logger.warning("the run continues without a live page", metadata: ["reason": "\(error.sentence)"])
      }
    }
  }

  /// Asks `compute` to end early: what workers have finished is recorded. May be called from any thread.
  public func drain() { coordinator.drain() }
}

/// This program's own file.
public enum OwnExecutable {
  /// Its path, for starting it again.
  public static let path: String = {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? Bundle.main.executablePath ?? CommandLine.arguments[0]
  }()
}
