import Coordination
import Planning

/// A run at a moment, as a live page shows it.
public struct LiveMoment: Sendable {
  /// What the run does.
  public enum Phase: String, Sendable, CaseIterable {
    /// Its coordinator has just begun.
    case starting
    /// Workers compute.
    case running
    /// No worker is connected.
    case paused
    /// It was told to end, and records what workers have finished.
    case ending
    /// Every shard is recorded or set aside.
    case done
    /// It ended before its work.
    case stopped
  }

  /// When, in seconds since 1970.
  public let time: Double
  /// What the run does.
  public let phase: Phase
  /// Why it ended before its work; nil where it did not.
  public let reason: String?
  /// What the ledger says; nil before it was asked.
  public let status: LedgerStatus?
  /// What the workers do; nil before anybody looked.
  public let workers: WorkersSight?
  /// What was counted so far.
  public let interim: InterimTally.Counts
  /// Whether what former coordinators recorded is still being counted.
  public let isCounting: Bool
  /// How quick the run was.
  public let rates: [LiveRates.Rate]

  /// A run at a moment.
  public init(
    time: Double, phase: Phase, reason: String? = nil, status: LedgerStatus?, workers: WorkersSight?,
    interim: InterimTally.Counts = InterimTally.Counts(), isCounting: Bool = false, rates: [LiveRates.Rate] = []
  ) {
    (self.time, self.phase, self.reason, self.status, self.workers) = (time, phase, reason, status, workers)
    (self.interim, self.isCounting, self.rates) = (interim, isCounting, rates)
  }
}

/// What a live page is made of.
public struct LiveSource: Sendable {
  let plan: Plan
  let version: String
  let tally: InterimTally
  let definition: @Sendable (Int64) -> ShardDefinition?
  let moment: @Sendable () -> LiveMoment

  /// The page of a run.
  ///
  /// - Parameters:
  ///   - version: the program's.
  ///   - tally: who judges answers, for the sizes of sets of images.
  ///   - definition: what the shard of a number is.
  ///   - moment: the run now. Asked at most every two seconds, and only while somebody watches.
  public init(
    plan: Plan, version: String, tally: InterimTally, definition: @escaping @Sendable (Int64) -> ShardDefinition?,
    moment: @escaping @Sendable () -> LiveMoment
  ) {
    (self.plan, self.version, self.tally) = (plan, version, tally)
    (self.definition, self.moment) = (definition, moment)
  }
}

/// How quick a run was since its coordinator began, in steps of one length, at most 240: where there would be more, each two
/// become one.
public struct LiveRates: Sendable {
  /// Images a second of one step.
  public struct Rate: Sendable, Equatable {
    /// When the step ended, in seconds since 1970.
    public let time: Double
    /// Images recorded a second.
    public let imagesPerSecond: Double
  }

  private static let most = 240
  private var points: [(time: Double, images: Int)] = []
  private var step = 2.0

  /// None yet.
  public init() {}

  /// So many images are recorded by now.
  ///
  /// - Parameter time: in seconds since 1970; one before the last is passed over.
  public mutating func note(_ images: Int, at time: Double) {
    if let last = points.last, time < last.time + step { return }
    points.append((time, images))
    guard points.count > Self.most else { return }
    points = points.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    step *= 2
  }

  /// The steps so far. Images that were taken up again make no rate below zero.
  public var rates: [Rate] {
    zip(points, points.dropFirst()).map { one, next in
      Rate(time: next.time, imagesPerSecond: max(0, Double(next.images - one.images)) / (next.time - one.time))
    }
  }
}
