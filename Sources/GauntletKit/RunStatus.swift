import Coordination
import Foundation
import Planning

/// How far a run is, for whoever looks at its folder: the coordinator may run or not, on this machine or on another.
public struct RunStatus: Sendable {
  /// By cells, with rate and time left.
  public let status: LedgerStatus
  /// Whether a coordinator has it.
  public let presence: CoordinatorPresence
  /// Why the last coordinator ended before its work, where none has the run.
  public let failure: CoordinatorFailure?
  /// What makes these figures older than they look; nil where nothing does.
  public let remark: Remark?
  /// Where its live page is; nil where it has none.
  public let live: LiveAddress?
  /// When it was looked at, in seconds since 1970.
  public let time: Double

  /// Why figures may be old.
  public enum Remark: Sendable, Equatable {
    /// The coordinator runs on another machine and has not reported yet.
    case notReported(host: String)
    /// The coordinator on another machine has been silent for so many seconds.
    case silent(host: String, seconds: Double)
  }

  /// Looks at a run again and again; a ledger that was opened stays open.
  public struct Reader {
    /// What is to be done.
    public let plan: Plan
    private let folder: RunFolder
    private var opened: PlannedRun?

    /// A reader of the run in a folder.
    ///
    /// - Throws: `RunFolderError` where there is none.
    public init(_ folder: String) throws {
      self.folder = RunFolder(folder)
      plan = try Plan.read(from: self.folder)
    }

    private var live: LiveAddress? {
      LiveAddress(in: folder).flatMap { $0.runID == plan.runID && $0.url != nil ? $0 : nil }
    }

    /// How far it is now.
    public mutating func read() throws -> RunStatus {
      let now = Date().timeIntervalSince1970
      let endpoint = CoordinatorEndpoint(in: folder)
      let failure = endpoint == nil ? CoordinatorFailure(in: folder) : nil
      var remark: Remark?
      if let host = endpoint?.otherHost {
        if let report = StatusReport(in: folder), report.runID == plan.runID {
          // Clocks of two machines differ a little.
          let age = max(0, now - report.time)
          let isSilent = age > 60
          return RunStatus(
            status: isSilent ? report.status.withoutCoordinator() : report.status,
            presence: isSilent ? .silent : .running, failure: failure,
            remark: isSilent ? .silent(host: host, seconds: age) : nil, live: isSilent ? nil : live, time: now)
        }
        remark = .notReported(host: host)
      }
      let run = try opened ?? PlannedRun.open(folder, readOnly: true)
      opened = run
      let status = try run.ledger.status(now: now, cost: plan.cost(of:))
      let presence = CoordinatorPresence(of: folder)
      return RunStatus(
        status: presence == .running ? status : status.withoutCoordinator(), presence: presence, failure: failure,
        remark: remark, live: presence == .running ? live : nil, time: now)
    }
  }
}
