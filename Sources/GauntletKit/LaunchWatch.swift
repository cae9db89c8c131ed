import Coordination
import Foundation
import Launching
import Planning

/// Looks on while a coordinator that was just launched begins, so that one that fails at once is told of at once.
struct LaunchWatch {
  /// How long a coordinator may take to listen, once it runs.
  private static let startSeconds = 15.0
  /// How long a job may wait in the queue before nothing more is expected of it at present.
  private static let queueSeconds = 5.0

  let folder: RunFolder
  /// How the coordinator's job or process is.
  let state: () -> LaunchedState

  /// - Returns: a line for the user; nil where there is nothing to say.
  /// - Throws: `LaunchError.coordinatorEnded`.
  func look() throws -> String? {
    let start = ContinuousClock.now
    while true {
      if let address = CoordinatorEndpoint(in: folder)?.address { return "the coordinator listens at \(address)" }
      if CoordinatorEndpoint(in: folder) != nil { return "the run is done" }
      if let failure = CoordinatorFailure(in: folder) { throw LaunchError.coordinatorEnded(failure.description) }
      let waited = ContinuousClock.now - start
      switch state() {
      case .waiting where waited > .seconds(Self.queueSeconds): return "the coordinator is waiting in the queue"
      case .ended where CoordinatorEndpoint(in: folder) == nil && CoordinatorFailure(in: folder) == nil:
        throw LaunchError.coordinatorEnded("the run's coordinator exited immediately; see \(folder.logs)")
      case .unknown: return nil
      case .waiting, .running, .ended: break
      }
      if waited > .seconds(Self.startSeconds) { return "the coordinator is not listening yet; see \(folder.logs)" }
      usleep(100_000)
    }
  }
}
