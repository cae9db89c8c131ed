import Foundation
import Planning

/// Asks whoever has a run to end.
public enum RunEnding: Sendable, Equatable {
  /// A process of this machine was sent SIGTERM: what workers have finished is recorded, then it ends.
  case asked(process: Int32)
  /// A process that cannot be reached from here, or is another user's, has it.
  case elsewhere(host: String, process: Int32)
  /// Nobody has it.
  case nobody

  /// Asks the process that has the run in a folder.
  public static func ask(in folder: RunFolder) -> RunEnding {
    guard let owner = RunOwner.found(in: folder.path) else { return .nobody }
    guard let lives = owner.lives(seenBy: .ofThisProcess()) else {
      return .elsewhere(host: owner.host, process: owner.process)
    }
    guard lives else { return .nobody }
    guard kill(owner.process, SIGTERM) == 0 else {
      // It may have ended just now.
      return errno == ESRCH ? .nobody : .elsewhere(host: owner.host, process: owner.process)
    }
    return .asked(process: owner.process)
  }
}
