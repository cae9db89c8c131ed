import Coordination
import Foundation
import Launching
import Planning

extension Run {
  /// What was done to end a run.
  public enum Ending: Sendable, Equatable {
    /// The coordinator's process was asked to end, and its workers with it.
    case asked(process: Int32)
    /// The coordinator is a process of another machine or another user, which no batch system placed.
    case elsewhere(host: String, process: Int32)
    /// Jobs were ended by their engine's command.
    case cancelled(engine: String, jobs: [String])
    /// The engine does not say how jobs are.
    case unknown(engine: String, jobs: [String])
  }

  /// Ends the coordinator of a run and what was launched for it. Nothing that was recorded is lost; `resume` and `launch` go on.
  ///
  /// - Returns: what was done; nothing where nobody has the run.
  /// - Throws: `RunFolderError` where the folder holds no run.
  public static func cancel(_ path: String) throws -> [Ending] {
    let folder = RunFolder(path)
    try folder.requirePlan()
    var endings: [Ending] = []
    let coordinator = RunEnding.ask(in: folder)
    if case .asked(let process) = coordinator { endings.append(.asked(process: process)) }
    let jobs = LaunchRecord(in: folder).jobs
    // The workers that this machine started end with their coordinator.
    for name in LaunchEngines.names where name != LocalEngine.name {
      let own = jobs.filter { $0.engine == name }
      guard !own.isEmpty, let kind = LaunchEngines.named(name) else { continue }
      let engine = try kind.init(
        LaunchOrder(name: "", folder: path, settings: ClusterSettings(), executable: OwnExecutable.path))
      var states: [LaunchedState: [LaunchRecord.Job]] = [:]
      for job in own { states[engine.state(of: job), default: []].append(job) }
      let lasting = (states[.waiting] ?? []) + (states[.running] ?? [])
      if !lasting.isEmpty {
        engine.cancel(lasting)
        endings.append(.cancelled(engine: name, jobs: lasting.map(\.id)))
      }
      if let unknown = states[.unknown] { endings.append(.unknown(engine: name, jobs: unknown.map(\.id))) }
    }
    if case .elsewhere(let host, let process) = coordinator,
      !endings.contains(where: { if case .cancelled = $0 { true } else { false } })
    {
      endings.append(.elsewhere(host: host, process: process))
    }
    return endings
  }
}
