import Coordination
import Foundation
import Planning
import Synchronization

/// Shows a run's progress from its ledger while the coordinator works, and reports it in the run folder.
final class RunProgress: Sendable {
  /// Seconds between reports in the run folder, which may lie on a file system of the network.
  private static let reportSeconds = 5.0

  private let line = ProgressLine("evaluating")
  private let stopped = Mutex(false)
  private let ended = DispatchSemaphore(value: 0)
  private let wake = DispatchSemaphore(value: 0)

  init(run: PlannedRun) {
    Thread.detachNewThread { [self] in
      var reported = -Double.infinity
      while true {
        let isLast = stopped.withLock { $0 }
        let now = Date().timeIntervalSince1970
        if let status = try? run.ledger.status(now: now, cost: run.plan.cost(of:)) {
          show(status)
          if isLast || now - reported >= Self.reportSeconds, (try? run.ledger.checkPlace()) != nil {
            // Whoever misses it reads an older one; a full disk, or a folder that is gone, ends the coordinator elsewhere.
            try? StatusReport(runID: run.plan.runID, time: now, status: status).write(to: run.folder)
            reported = now
          }
        }
        if isLast { break }
        _ = wake.wait(timeout: .now() + .milliseconds(500))
      }
      ended.signal()
    }
  }

  func stop() {
    stopped.withLock { $0 = true }
    wake.signal()
    ended.wait()
    line.finish()
  }

  private func show(_ status: LedgerStatus) {
    guard status.total.images > 0 else { return }
    var remark = "\(status.total.recordedImages) of \(status.total.images) images"
    if let rate = status.imagesPerSecond { remark += String(format: ", %.0f/s", rate) }
    if let left = status.secondsLeft, left > 0 { remark += ", " + Terminal.duration(left) + " left" }
    if status.total.setAside > 0 { remark += ", \(status.total.setAside) shards set aside" }
    if status.total.failedImages > 0 { remark += ", \(status.total.failedImages) images set aside" }
    if let trouble = status.troubles.first, status.imagesPerSecond == nil || trouble.time > status.lastRecord ?? 0 {
      remark += ", " + trouble.reason.prefix(120)
    }
    line.report(fraction: Double(status.total.recordedImages) / Double(status.total.images), remark: remark)
  }
}
