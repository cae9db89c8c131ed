import Coordination
import Durable
import Foundation
import Synchronization

/// Tells how far a run is while it is coordinated, and keeps the run folder's report of that for other machines.
final class StatusKeeper: Sendable {
  /// Seconds between reports in the run folder, which may lie on a file system of the network.
  private static let reportSeconds = 5.0
  /// Seconds from one look to the next: the first, but twenty times as long as a look takes, of a ledger that is large, and the
  /// second at most.
  private static let restSeconds = 0.5...2.0

  private let stopped = Mutex(false)
  private let ended = DispatchSemaphore(value: 0)
  private let wake = DispatchSemaphore(value: 0)

  init(of run: Run, onStatus: @escaping @Sendable (LedgerStatus) -> Void) {
    Thread.detachNewThread { [self] in
      var reported = -Double.infinity
      while true {
        let isLast = stopped.withLock { $0 }
        let now = Date().timeIntervalSince1970
        let begin = ContinuousClock.now
        if let status = try? run.planned.ledger.status(now: now, cost: run.plan.cost(of:)) {
          onStatus(status)
          if isLast || now - reported >= Self.reportSeconds, (try? run.planned.ledger.checkPlace()) != nil {
            // Whoever misses it reads an older one; a full disk, or a folder that is gone, ends the coordinator elsewhere.
            try? StatusReport(runID: run.plan.runID, time: now, status: status).write(to: run.folder)
            reported = now
          }
        }
        if isLast { break }
        let rest = min(
          Self.restSeconds.upperBound, max(Self.restSeconds.lowerBound, 20 * (ContinuousClock.now - begin).inSeconds))
        _ = wake.wait(timeout: .now() + rest)
      }
      ended.signal()
    }
  }

  /// Tells and reports a last time, and returns once nothing more is told.
  func stop() {
    stopped.withLock { $0 = true }
    wake.signal()
    ended.wait()
  }
}
