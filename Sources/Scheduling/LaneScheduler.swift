import Shards

/// Schedulers of workers that cannot compute each other's shards: a lane for each kind of worker.
///
/// A worker is of one lane and a shard of one lane, so what is true of one scheduler and its workers, such as how many failed a
/// shard, is true of each lane. Shards have one numbering over all lanes, which ledger and workers know; each lane numbers its
/// own from 0.
public struct LaneScheduler: Sendable {
  private var lanes: [Scheduler]
  private var numbers: LaneNumbers
  /// The lanes of workers that said hello.
  private var laneOfWorker: [String: Int] = [:]
  /// Why nobody of a lane can compute anything.
  private var stalls: [Int: String] = [:]
  private var wasFinished = false
  private var wasStalled = false

  /// Schedulers of shards that are numbered from 0 through all blocks, then through the pieces.
  ///
  /// - Parameters:
  ///   - laneOfModel: the lane of each model, by its position in the plan; models beyond it are of lane 0.
  ///   - pieces: shards that took the place of planned ones before.
  ///   - touched: what became of shards that were handed out before.
  ///   - recorded: more shards whose result is in the ledger, by number.
  ///   - make: makes a lane's scheduler of its part of these.
  public init(
    laneOfModel: [Int], blocks: [ShardBlock], pieces: [ShardBlock], touched: [SchedulerShard], recorded: [Int64],
    make: (
      _ blocks: [ShardBlock], _ pieces: [ShardBlock], _ touched: [SchedulerShard], _ recorded: [Int64]
    ) -> Scheduler
  ) {
    func lane(_ block: ShardBlock) -> Int {
      laneOfModel.indices.contains(block.model) ? max(0, laneOfModel[block.model]) : 0
    }
    let count = 1 + max(0, laneOfModel.max() ?? 0)
    var numbers = LaneNumbers(lanes: count, planned: blocks.map { (lane($0), $0.count) })
    for piece in pieces { numbers.append(piece.count, to: lane(piece)) }
    var parts = Array(repeating: (touched: [SchedulerShard](), recorded: [Int64]()), count: count)
    for shard in touched {
      guard let place = numbers.place(of: shard.id) else { continue }
      parts[place.lane].touched.append(shard.numbered(place.number))
    }
    for id in recorded {
      guard let place = numbers.place(of: id) else { continue }
      parts[place.lane].recorded.append(place.number)
    }
    self.numbers = numbers
    lanes = parts.enumerated().map { position, part in
      make(
        blocks.filter { lane($0) == position }, pieces.filter { lane($0) == position }, part.touched, part.recorded)
    }
  }

  /// A worker is of a lane from now on, whatever it was before. One that never was of any is taken for one of lane 0, and for
  /// one of the lane of whatever shard it says something of.
  public mutating func enrol(_ worker: String, lane: Int) {
    guard lanes.indices.contains(lane) else { return }
    laneOfWorker[worker] = lane
  }

  /// Whether a result of the shard would be kept: it must be checked before it is told of.
  public func wants(_ shard: Int64) -> Bool {
    guard lanes.count > 1 else { return lanes[0].wants(shard) }
    return numbers.place(of: shard).map { lanes[$0.lane].wants($0.number) } ?? false
  }

  /// Whether its worker has the shard.
  public func holds(_ lease: ShardLease) -> Bool {
    guard lanes.count > 1 else { return lanes[0].holds(lease) }
    return numbers.place(of: lease.shard).map { lanes[$0.lane].holds(lease.numbered($0.number)) } ?? false
  }

  /// Whether the shard is set aside if this handing over fails: the worker is to give what it can then.
  public func isLastAttempt(_ lease: ShardLease) -> Bool {
    guard lanes.count > 1 else { return lanes[0].isLastAttempt(lease) }
    return numbers.place(of: lease.shard).map { lanes[$0.lane].isLastAttempt(lease.numbered($0.number)) } ?? false
  }

  /// When ``Scheduler/Event/tick`` is due at the latest; nil while nothing can expire. It may be early, never late.
  public var nextDeadline: Double? { lanes.compactMap(\.nextDeadline).min() }

  /// How many shards stand where, over all lanes.
  public var counts: Scheduler.Counts {
    let all = lanes.map(\.counts)
    return Scheduler.Counts(
      pending: all.reduce(0) { $0 + $1.pending }, leased: all.reduce(0) { $0 + $1.leased },
      storing: all.reduce(0) { $0 + $1.storing }, recorded: all.reduce(0) { $0 + $1.recorded },
      setAside: all.reduce(0) { $0 + $1.setAside })
  }

  /// Lanes that have shards to do and no worker that lives.
  public var lanesWithoutWorkers: [Int] {
    lanes.indices.filter { !lanes[$0].isFinished && !lanes[$0].hasLiveWorkers }
  }

  /// Lanes of which all is done, while others have something left: their workers are of no use any more.
  public var idleLanes: Set<Int> {
    guard lanes.count > 1 else { return [] }
    let done = lanes.indices.filter { lanes[$0].isFinished }
    return done.count < lanes.count ? Set(done) : []
  }

  /// The lane of a worker.
  public func lane(of worker: String) -> Int { laneOfWorker[worker] ?? 0 }

  /// How many shards a worker has, whether it was heard within a lease's time, and whether it gets nothing for a while; nil of
  /// one that has not joined or has left.
  public func standing(of name: String, at now: Double) -> (held: Int, isLive: Bool, isResting: Bool)? {
    lanes[lane(of: name)].standing(of: name, at: now)
  }

  /// What a worker does now; nil of one that has not joined or has left. In proportion to the shards that it has.
  public func sight(of name: String) -> Scheduler.Sight? {
    guard lanes.count > 1 else { return lanes[0].sight(of: name) }
    let lane = lane(of: name)
    return lanes[lane].sight(of: name).map { sight in
      Scheduler.Sight(
        held: sight.held, shard: sight.shard.map { numbers.number(of: $0, in: lane) }, progress: sight.progress)
    }
  }

  /// Told of what should hold after an event and does not, for simulations.
  package mutating func onBrokenInvariant(_ tell: @escaping @Sendable (String) -> Void) {
    for lane in lanes.indices { lanes[lane].onBrokenInvariant = tell }
  }

  /// Takes in what happened and says what is to be done.
  ///
  /// - Parameter now: seconds, never before the last event's.
  public mutating func handle(_ event: Scheduler.Event, at now: Double) -> [Scheduler.Action] {
    // Its numbers are those of all. Nearly every run has one lane, and a shard costs little else here.
    guard lanes.count > 1 else { return lanes[0].handle(event, at: now) }
    var actions: [Scheduler.Action] = []
    for (lane, event) in routed(event, answering: &actions) {
      for action in lanes[lane].handle(event, at: now) {
        if let action = renumbered(action, of: lane) { actions.append(action) }
      }
    }
    if case .left(let worker) = event { laneOfWorker[worker] = nil }
    sum(into: &actions)
    return actions
  }

  /// All lanes together are finished once each is, and stalled once none can go on of those that have workers.
  private mutating func sum(into actions: inout [Scheduler.Action]) {
    let isFinished = lanes.allSatisfy(\.isFinished)
    if isFinished, !wasFinished { actions.append(.finished) }
    wasFinished = isFinished
    let reason = stalls.min { $0.key < $1.key }?.value
    let isStalled =
      reason != nil
      && lanes.indices.allSatisfy { stalls[$0] != nil || lanes[$0].isFinished || !lanes[$0].hasLiveWorkers }
    if isStalled, !wasStalled, let reason { actions.append(.stalled(reason: reason)) }
    wasStalled = isStalled
  }
}

// MARK: - Numbers

extension LaneScheduler {
  /// Which lanes are told what of an event, in their numbers. What a worker says of another lane's shards is answered here.
  private func routed(
    _ event: Scheduler.Event, answering actions: inout [Scheduler.Action]
  ) -> [(lane: Int, event: Scheduler.Event)] {
    switch event {
    case .tick: return lanes.indices.map { ($0, .tick) }
    case .joined(let worker, let credits, let held):
      let (lane, own) = (lane(of: worker), own(held, of: worker, answering: &actions))
      return [(lane, .joined(worker: worker, credits: credits, held: own.map(\.1)))]
    case .heartbeat(let worker, let held, let passes):
      let (lane, own) = (lane(of: worker), own(held, of: worker, answering: &actions))
      let counted = passes.count == held.count ? own.map { passes[$0.0] } : []
      return [(lane, .heartbeat(worker: worker, held: own.map(\.1), passes: counted))]
    case .disconnected(let worker, let undelivered):
      return [
        (lane(of: worker), .disconnected(worker: worker, undelivered: own(undelivered, of: worker).map(\.1)))
      ]
    case .left(let worker): return [(lane(of: worker), .left(worker: worker))]
    case .split(let shard): return numbers.place(of: shard).map { [($0.lane, .split($0.number))] } ?? []
    case .resultReceived(let lease, let seconds):
      return place(of: lease, answering: &actions).map {
        [($0.lane, .resultReceived(lease.numbered($0.number), computeSeconds: seconds))]
      } ?? []
    case .failed(let lease, let reason):
      return place(of: lease).map { [($0.lane, .failed(lease.numbered($0.number), reason: reason))] } ?? []
    case .troubled(let lease, let reason):
      return place(of: lease).map { [($0.lane, .troubled(lease.numbered($0.number), reason: reason))] } ?? []
    case .stored(let lease, let isWhole):
      return numbers.place(of: lease.shard).map {
        [($0.lane, .stored(lease.numbered($0.number), isWhole: isWhole))]
      } ?? []
    case .storeRefused(let lease, let reason):
      return numbers.place(of: lease.shard).map {
        [($0.lane, .storeRefused(lease.numbered($0.number), reason: reason))]
      } ?? []
    }
  }

  /// The shards of the worker's own lane in that lane's numbers, with their places among all.
  private func own(_ held: [ShardAttempt], of worker: String) -> [(Int, ShardAttempt)] {
    let lane = lane(of: worker)
    return held.enumerated().compactMap { position, claim in
      guard let place = numbers.place(of: claim.shard), place.lane == lane else { return nil }
      return (position, ShardAttempt(shard: place.number, attempt: claim.attempt))
    }
  }

  /// The same; a worker is to forget the others.
  private func own(
    _ held: [ShardAttempt], of worker: String, answering actions: inout [Scheduler.Action]
  ) -> [(Int, ShardAttempt)] {
    let own = own(held, of: worker)
    guard own.count < held.count else { return own }
    let known = Set(own.map(\.0))
    for (position, claim) in held.enumerated() where !known.contains(position) {
      actions.append(.revoke(ShardLease(shard: claim.shard, attempt: claim.attempt, worker: worker)))
    }
    return own
  }

  /// Where the shard is, if it is of its worker's lane.
  private func place(of lease: ShardLease) -> LaneNumbers.Place? {
    numbers.place(of: lease.shard).flatMap { $0.lane == laneOfWorker[lease.worker] ?? $0.lane ? $0 : nil }
  }

  /// The same; a result of another lane's shard, or of none, is refused.
  private func place(of lease: ShardLease, answering actions: inout [Scheduler.Action]) -> LaneNumbers.Place? {
    let found = place(of: lease)
    if found == nil { actions.append(.acknowledge(lease, .refused)) }
    return found
  }

  /// An action of a lane in the numbers of all; nil for what ``sum(into:)`` says for all lanes.
  private mutating func renumbered(_ action: Scheduler.Action, of lane: Int) -> Scheduler.Action? {
    func all(_ lease: ShardLease) -> ShardLease { lease.numbered(numbers.number(of: lease.shard, in: lane)) }
    switch action {
    case .lease(let lease): return .lease(all(lease))
    case .adopted(let lease): return .adopted(all(lease))
    case .revoke(let lease): return .revoke(all(lease))
    case .ended(let lease, let outcome, let reason): return .ended(all(lease), outcome, reason: reason)
    case .setAside(let shard, let reason):
      return .setAside(shard: numbers.number(of: shard, in: lane), reason: reason)
    case .setAsideImage(let lease, let reason): return .setAsideImage(all(lease), reason: reason)
    case .split(let shard, let images, _, let worker):
      let first = numbers.append(images.count, to: lane)
      return .split(
        shard: numbers.number(of: shard, in: lane), into: images, firstPiece: first, worker: worker)
    case .store(let lease): return .store(all(lease))
    case .acknowledge(let lease, let acknowledgement):
      if acknowledgement == .recorded { stalls[lane] = nil }
      return .acknowledge(all(lease), acknowledgement)
    case .unknown, .rested, .troubled, .distrusted, .refused: return action
    case .stalled(let reason):
      stalls[lane] = reason
      return nil
    case .finished: return nil
    }
  }
}

/// The numbers of shards in their lanes, and among all.
struct LaneNumbers: Sendable {
  /// A shard's lane, and its number there.
  struct Place: Sendable, Equatable {
    let lane: Int
    let number: Int64
  }

  /// Shards with consecutive numbers here and there.
  private struct Span: Sendable {
    let first: Int64
    let own: Int64
    var count: Int64
    let lane: Int
  }

  /// In the order of their numbers; neighbours of one lane are one.
  private var spans: [Span] = []
  /// Of each lane the positions of its spans.
  private var ofLane: [[Int]]
  private var counts: [Int64]
  private var total: Int64 = 0

  init(lanes: Int, planned: [(lane: Int, count: Int)]) {
    ofLane = Array(repeating: [], count: lanes)
    counts = Array(repeating: 0, count: lanes)
    for block in planned { append(block.count, to: block.lane) }
  }

  /// There are more shards of a lane; gives the first one's number among all.
  @discardableResult
  mutating func append(_ count: Int, to lane: Int) -> Int64 {
    let first = total
    guard count > 0 else { return first }
    if let last = spans.indices.last, spans[last].lane == lane {
      spans[last].count += Int64(count)
    } else {
      ofLane[lane].append(spans.count)
      spans.append(Span(first: first, own: counts[lane], count: Int64(count), lane: lane))
    }
    counts[lane] += Int64(count)
    total += Int64(count)
    return first
  }

  /// Where a shard is; nil where there is none of that number.
  func place(of id: Int64) -> Place? {
    guard id >= 0, id < total else { return nil }
    let span = spans[Self.last(spans.count) { spans[$0].first <= id }]
    return Place(lane: span.lane, number: span.own + id - span.first)
  }

  /// The number among all of a lane's shard, which is there.
  func number(of own: Int64, in lane: Int) -> Int64 {
    let positions = ofLane[lane]
    guard !positions.isEmpty else { return own }
    let span = spans[positions[Self.last(positions.count) { spans[positions[$0]].own <= own }]]
    return span.first + own - span.own
  }

  /// The last of positions that rise, of which the first is true of `isBefore`.
  private static func last(_ count: Int, where isBefore: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if isBefore(middle) { low = middle } else { high = middle }
    }
    return low
  }
}

extension ShardLease {
  fileprivate func numbered(_ number: Int64) -> ShardLease {
    ShardLease(shard: number, attempt: attempt, worker: worker)
  }
}

extension SchedulerShard {
  fileprivate func numbered(_ number: Int64) -> SchedulerShard {
    var shard = self
    shard.id = number
    shard.holder = holder.map { $0.numbered(number) }
    return shard
  }
}
