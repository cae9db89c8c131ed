import Durable
import Foundation
import Planning

/// Why a run's last coordinator ended before its work, as it left it in the run folder for workers, `status` and `launch`.
/// The next one that listens takes it away.
public struct CoordinatorFailure: Sendable, Codable, Equatable, CustomStringConvertible {
  /// One sentence.
  public let reason: String
  /// The machine that it ran on.
  public let host: String
  /// When it ended, in seconds since 1970.
  public let time: Double

  /// A failure on this machine.
  public init(reason: String, time: Double) {
    self.reason = reason
    self.time = time
    host = ProcessInfo.processInfo.hostName
  }

  /// What a run folder says; nil where it says nothing.
  public init?(in folder: RunFolder) {
    guard let data = FileManager.default.contents(atPath: folder.coordinatorFailure),
      let failure = try? JSONDecoder().decode(CoordinatorFailure.self, from: data)
    else { return nil }
    self = failure
  }

  /// Leaves it in the run folder, which is not made anew where it is gone.
  public func write(to folder: RunFolder) throws {
    try DurableFile.write(try JSONEncoder().encode(self), to: folder.coordinatorFailure)
  }

  /// Leaves word in a run's folder why its coordinator ends, as far as that can be written. Not where the folder is gone,
  /// and another one may be in its place, nor where another process has the run.
  public static func leave(_ error: any Error, for run: PlannedRun) {
    switch error as? CoordinationError {
    case .locked?, .owned?: return
    default: break
    }
    leave("\(error)", in: run.folder, run.ledger)
  }

  static func leave(_ reason: String, in folder: RunFolder, _ ledger: Ledger) {
    guard (try? ledger.checkPlace()) != nil else { return }
    try? CoordinatorFailure(reason: reason, time: Date().timeIntervalSince1970).write(to: folder)
  }

  /// Takes away what an earlier coordinator left.
  public static func clear(in folder: RunFolder) { unlink(folder.coordinatorFailure) }

  /// What was found.
  public var description: String { "the run's coordinator on \(host) ended: \(reason)" }
}
