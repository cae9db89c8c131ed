import Durable
import Foundation
import Planning

/// How something that was launched is.
public enum LaunchedState: Sendable {
  /// It waits in a queue.
  case waiting
  /// It runs.
  case running
  /// It has ended.
  case ended
  /// Nobody says.
  case unknown
}

/// What was launched for a run, kept in its folder as `launched.json`.
public struct LaunchRecord: Sendable, Codable, Equatable {
  /// One job or process.
  public struct Job: Sendable, Codable, Equatable {
    /// What it is for.
    public enum Role: String, Sendable, Codable {
      /// The run's coordinator.
      case coordinator
      /// Some of its workers.
      case workers
    }

    /// What it is for.
    public let role: Role
    /// The engine that it runs on.
    public let engine: String
    /// Slurm's job id, or a process id of `host`.
    public let id: String
    /// The machine of a process.
    public let host: String?
    /// How many workers.
    public let workers: Int
  }

  /// In the order of launching.
  public var jobs: [Job] = []

  /// What a run folder says; nothing where it says nothing.
  public init(in folder: RunFolder) {
    guard let data = FileManager.default.contents(atPath: folder.launched),
      let record = try? JSONDecoder().decode(LaunchRecord.self, from: data)
    else { return }
    self = record
  }

  /// Keeps the record.
  public func write(to folder: RunFolder) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try DurableFile.write(try encoder.encode(self), to: folder.launched)
  }
}
