import Coordination
import GauntletKit

/// A run's progress while it is computed.
enum RunProgress {
  /// Shows how far the run is until the body ends; SIGTERM and SIGINT drain it meanwhile.
  static func show(
    drain: @escaping @Sendable () -> Void, _ body: (@escaping @Sendable (LedgerStatus) -> Void) throws -> Void
  ) throws {
    let line = ProgressLine("evaluating")
    let signals = TerminationSignals(drain: drain)
    defer {
      line.finish()
      withExtendedLifetime(signals) {}
    }
    try body { show($0, on: line) }
  }

  /// Says what was taken up again.
  static func tell(_ takenUp: RunCoordinator.TakenUp?) {
    guard let takenUp else { return }
    Terminal.complain(
      "retrying \(takenUp.shards) shards that were set aside, and \(takenUp.images) images that could not be read")
  }

  /// Says where the live page is.
  static func tell(_ live: LiveAddress) {
    if let url = live.url { Terminal.complain("live page: \(url)") }
  }

  private static func show(_ status: LedgerStatus, on line: ProgressLine) {
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
