import Coordination
import Durable
import Foundation
import Monitoring
import Planning
import Synchronization

/// What a run's live page shows, while the run is coordinated.
final class LiveRun: Sendable {
  private struct State {
    var status: LedgerStatus?
    var rates = LiveRates()
    var hasSeenWorkers = false
    var end: (phase: LiveMoment.Phase, reason: String?)?
  }

  /// How long a run is said to start before it is said to wait for workers, in seconds.
  private static let startSeconds = 20.0

  let tally: InterimTally
  private let recount: InterimRecount
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  init(of run: Run) {
    tally = InterimTally(plan: run.plan)
    recount = InterimRecount(tally, ledger: run.planned.ledger, folder: run.folder)
  }

  deinit { recount.stop() }

  /// Takes in how far the run is.
  func note(_ status: LedgerStatus) {
    state.withLock { state in
      state.status = status
      state.rates.note(status.total.recordedImages, at: Date().timeIntervalSince1970)
    }
  }

  /// The run's coordinator has ended; nil: every shard is recorded or set aside.
  func end(_ error: (any Error)?) {
    recount.stop()
    state.withLock { $0.end = error.map { (.stopped, $0.sentence) } ?? (.done, nil) }
  }

  /// What the page is made of.
  func source(of run: Run, _ coordinator: Coordinator) -> LiveSource {
    tally.begin()
    let ledger = run.planned.ledger
    return LiveSource(plan: run.plan, version: Release.version, tally: tally) {
      ledger.definition(of: $0)
    } moment: { [self] in
      // Once somebody looks.
      recount.begin()
      let workers = coordinator.workers()
      return state.withLock { state in
        let (phase, reason) = Self.phase(&state, workers, isEnding: coordinator.isEnding, ContinuousClock.now - start)
        return LiveMoment(
          time: Date().timeIntervalSince1970, phase: phase, reason: reason, status: state.status,
          workers: state.end == nil ? workers : nil,
          interim: tally.counts, isCounting: !recount.hasEnded, rates: state.rates.rates)
      }
    }
  }

  private static func phase(
    _ state: inout State, _ workers: WorkersSight?, isEnding: Bool, _ time: Duration
  ) -> (LiveMoment.Phase, String?) {
    if let end = state.end { return end }
    let present = (workers?.total ?? 0) - (workers?.counts[.silent] ?? 0)
    if present > 0 { state.hasSeenWorkers = true }
    guard let status = state.status else { return (.starting, nil) }
    if isEnding || status.isComplete { return (.ending, nil) }
    if present > 0 { return (.running, nil) }
    return (state.hasSeenWorkers || time.inSeconds > startSeconds ? .paused : .starting, nil)
  }
}

/// Where a run's live page is, as its folder says.
public struct LiveAddress: Sendable, Codable, Equatable {
  /// What to open in a browser, its token included; nil once the run's coordinator has ended.
  public let url: String?
  /// The machine that serves it.
  public let host: String
  let runID: String
  let port: Int
  /// Kept for the run's next coordinator, so that pages that are open come back by themselves.
  let token: String?

  /// What a run folder says.
  init?(in folder: RunFolder) {
    guard let data = FileManager.default.contents(atPath: folder.live),
      let address = try? JSONDecoder().decode(LiveAddress.self, from: data)
    else { return nil }
    self = address
  }

  init(url: String?, runID: String, port: Int, token: String?) {
    (self.url, self.runID, self.port, self.token) = (url, runID, port, token)
    host = ProcessInfo.processInfo.hostName
  }

  /// The address at a server's place.
  init(at place: MonitoringServer.Place, port: Int, token: String?, runID: String) {
    let url = "http://\(place.reachableHost):\(port)/" + (token.map { "?token=\($0)" } ?? "")
    self.init(url: url, runID: runID, port: port, token: token)
  }

  /// Says it in the run folder, to the folder's owner alone.
  func write(to folder: RunFolder) throws { try DurableFile.write(try JSONEncoder().encode(self), to: folder.live) }

  /// The coordinator has ended; where it was, and the token, stay for the next one.
  var ended: LiveAddress { LiveAddress(url: nil, runID: runID, port: port, token: token) }

  /// Whether a browser on this machine cannot reach it, because it is another machine's own.
  public var isOfOtherMachine: Bool {
    host != ProcessInfo.processInfo.hostName && (url.map { $0.contains("//127.") || $0.contains("//[::1]") } ?? false)
  }

  /// In words, for a user.
  public var words: String? {
    url.map { url in
      isOfOtherMachine ? "\(url) of \(host), here after ssh -L \(port):127.0.0.1:\(port) \(host)" : url
    }
  }
}
