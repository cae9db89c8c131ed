import Durable
import Foundation
import Planning

/// A run's status as its coordinator leaves it in the run folder now and then: the ledger is read reliably on the
/// coordinator's machine alone, this file on every machine that sees the folder.
public struct StatusReport: Sendable, Codable, Equatable {
  /// The run.
  public let runID: String
  /// When it was true, in seconds since 1970.
  public let time: Double
  /// How far the run was.
  public let status: LedgerStatus

  /// A run's status at a time.
  public init(runID: String, time: Double, status: LedgerStatus) {
    self.runID = runID
    self.time = time
    self.status = status
  }

  /// The newest report in a run folder; nil where there is none that this program reads.
  public init?(in folder: RunFolder) {
    guard let data = FileManager.default.contents(atPath: folder.statusReport),
      let report = try? JSONDecoder().decode(StatusReport.self, from: data)
    else { return nil }
    self = report
  }

  /// Puts it in the place of the one before; a folder that is gone is not made anew.
  public func write(to folder: RunFolder) throws {
    try DurableFile.write(try JSONEncoder().encode(self), to: folder.statusReport)
  }
}
