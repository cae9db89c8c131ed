import Scheduling
import Shards
import Testing

/// What workers cannot read costs no shard an attempt, and keeps nobody from what can be read.
@Suite struct SchedulerTroubleTests {
  private static func lease(_ shard: Int64, _ attempt: Int, _ worker: String) -> ShardLease {
    ShardLease(shard: shard, attempt: attempt, worker: worker)
  }

  /// Lets one worker compute for so many seconds what it can read. Gives when it recorded what, its longest row of troubles,
  /// and when the run was said to be stalled.
  private static func course(
    _ scheduler: inout Scheduler, credits: Int, seconds: Int, canRead: (Int64) -> Bool
  ) -> (recorded: [Int64], longestRow: Int, stalls: [Int]) {
    var held = scheduler.handle(.joined(worker: "a", credits: credits, held: []), at: 0).leases
    var (recorded, row, longestRow, stalls): ([Int64], Int, Int, [Int]) = ([], 0, 0, [])
    for second in 0..<seconds {
      var actions: [Scheduler.Action] = []
      for lease in held {
        if canRead(lease.shard) {
          actions += scheduler.handle(.resultReceived(lease), at: Double(second))
          actions += scheduler.handle(.stored(lease), at: Double(second))
          recorded.append(lease.shard)
          row = 0
        } else {
          actions += scheduler.handle(.troubled(lease, reason: "gone"), at: Double(second))
          row += 1
          longestRow = max(row, longestRow)
        }
      }
      actions += scheduler.handle(.heartbeat(worker: "a", held: []), at: Double(second))
      held = actions.leases
      if actions.contains(.stalled(reason: "gone")) { stalls.append(second) }
    }
    return (recorded, longestRow, stalls)
  }

  @Test("A benchmark whose data are gone keeps nobody from the others; the run is stalled once only it is left")
  func oneBenchmark() {
    var scheduler = Scheduler(
      blocks: (0..<5).map { ShardBlock(count: 20, benchmark: $0) }, leaseSeconds: 10, maximumFailures: 3,
      stallSeconds: 100)
    let found = Self.course(&scheduler, credits: 4, seconds: 1_000) { !(20..<60).contains($0) }
    #expect(found.recorded.sorted() == Array(0..<20) + Array(60..<100))
    #expect(scheduler.counts.pending + scheduler.counts.leased == 40 && scheduler.counts.setAside == 0)
    #expect(found.stalls.count == 1)
  }

  @Test("A checkpoint that is gone keeps nobody from other models, though it has many benchmarks")
  func oneModel() {
    var scheduler = Scheduler(
      blocks: (0..<60).map { ShardBlock(count: 3, model: $0 % 3, benchmark: $0 / 3) }, leaseSeconds: 10,
      maximumFailures: 3, stallSeconds: 100)
    let found = Self.course(&scheduler, credits: 1, seconds: 1_000) { $0 / 3 % 3 != 0 }
    #expect(found.recorded.count == 120 && found.stalls.count == 1)
    // What was tried last comes last, so that it is soon known whether model or data are away.
    var fresh = Scheduler(
      blocks: (0..<60).map { ShardBlock(count: 3, model: $0 % 3, benchmark: $0 / 3) }, leaseSeconds: 10,
      maximumFailures: 3, stallSeconds: 100)
    let early = Self.course(&fresh, credits: 1, seconds: 100) { $0 / 3 % 3 != 0 }
    #expect(early.longestRow <= 2, "\(early)")
  }

  @Test("Shards that others have failed are no exception")
  func failedByOthers() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 2, benchmark: 0), ShardBlock(count: 2, benchmark: 1)],
      touched: (0..<4).map { SchedulerShard(id: $0, attempts: 1, failures: 1, failedWorkers: ["b"]) },
      leaseSeconds: 10, maximumFailures: 3, stallSeconds: 100)
    let found = Self.course(&scheduler, credits: 1, seconds: 50) { $0 >= 2 }
    #expect(found.recorded == [2, 3])
  }

  @Test("A worker that computes for long what it was given after a trouble keeps the run from being stalled")
  func longShard() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 1, benchmark: 0), ShardBlock(count: 1, benchmark: 1, cost: 1_000)], leaseSeconds: 10,
      maximumFailures: 3, stallSeconds: 100)
    let first = Self.lease(0, 1, "a")
    #expect(scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0) == [.lease(first)])
    _ = scheduler.handle(.troubled(first, reason: "gone"), at: 0)
    let second = Self.lease(1, 1, "a")
    #expect(scheduler.handle(.heartbeat(worker: "a", held: []), at: 1).leases == [second])
    let held = [ShardAttempt(shard: 1, attempt: 1)]
    for time in stride(from: 2.0, to: 600, by: 2) {
      let actions = scheduler.handle(.heartbeat(worker: "a", held: held, passes: [UInt64(time)]), at: time)
      #expect(actions.isEmpty, "at \(time)")
    }
    #expect(scheduler.handle(.resultReceived(second), at: 600) == [.store(second)])
    for time in stride(from: 600.0, to: 800, by: 2) {
      #expect(!scheduler.handle(.heartbeat(worker: "a", held: held), at: time).contains(.stalled(reason: "gone")))
    }
  }

  @Test("Workers that try again and again, one of them always at it, are stalled all the same")
  func alwaysOneAtIt() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 9)], leaseSeconds: 10, maximumFailures: 3, stallSeconds: 100)
    var held: [String: ShardLease] = [:]
    var stalls: [Double] = []
    func take(_ actions: [Scheduler.Action], _ time: Double) {
      for lease in actions.leases { held[lease.worker] = lease }
      if actions.contains(.stalled(reason: "gone")) { stalls.append(time) }
    }
    let workers = ["a", "b", "c", "d"]
    for worker in workers { take(scheduler.handle(.joined(worker: worker, credits: 1, held: []), at: 0), 0) }
    // A trial takes four times as long as the rest after it.
    for time in stride(from: 1.0, to: 800, by: 1) {
      for (index, worker) in workers.enumerated() {
        if let lease = held[worker], Int(time) % 40 == index * 10 {
          held[worker] = nil
          take(scheduler.handle(.troubled(lease, reason: "gone"), at: time), time)
        }
        let own = held[worker].map { [ShardAttempt(shard: $0.shard, attempt: $0.attempt)] } ?? []
        take(scheduler.handle(.heartbeat(worker: worker, held: own), at: time), time)
      }
    }
    #expect(stalls.count == 1 && stalls.allSatisfy { $0 >= 300 && $0 < 400 }, "\(stalls)")
  }

  @Test("A shard that failed as often as is allowed is not set aside because the next worker cannot read its data")
  func troubleIsNoVerdict() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 2)],
      touched: [SchedulerShard(id: 0, attempts: 3, failures: 3, failedWorkers: ["a"])], leaseSeconds: 10,
      maximumFailures: 3)
    _ = scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: 0)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    let actions = scheduler.handle(.troubled(Self.lease(0, 4, "b"), reason: "gone"), at: 1)
    #expect(!actions.hasSettingAside, "\(actions)")
    // While the other one rests.
    _ = scheduler.handle(.resultReceived(Self.lease(1, 1, "a")), at: 1)
    let last = Self.lease(0, 5, "a")
    #expect(scheduler.handle(.stored(Self.lease(1, 1, "a")), at: 1).leases == [last])
    #expect(scheduler.isLastAttempt(last))
    #expect(scheduler.handle(.failed(last, reason: "no"), at: 3).hasSettingAside)
  }

  @Test("Who did not know that it had a shard for the last time is not the last to have it")
  func lastChance() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 2)],
      touched: [SchedulerShard(id: 0, attempts: 2, failures: 2, failedWorkers: ["a"])], leaseSeconds: 10,
      maximumFailures: 3, results: ["a": 1])
    _ = scheduler.handle(.joined(worker: "c", credits: 1, held: [ShardAttempt(shard: 1, attempt: 1)]), at: 0)
    let third = Self.lease(0, 3, "b")
    #expect(scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: 0).leases == [third])
    #expect(!scheduler.isLastAttempt(third), "there is another worker")
    _ = scheduler.handle(.left(worker: "c"), at: 1)
    #expect(!scheduler.isLastAttempt(third), "it was told so")
    let actions = scheduler.handle(.failed(third, reason: "no such file"), at: 2)
    #expect(!actions.hasSettingAside, "\(actions)")
    let other = Self.lease(1, 2, "b")
    #expect(actions.leases == [other])
    _ = scheduler.handle(.resultReceived(other), at: 3)
    let fourth = Self.lease(0, 4, "b")
    #expect(scheduler.handle(.stored(other), at: 3).leases == [fourth])
    #expect(scheduler.isLastAttempt(fourth))
    #expect(scheduler.handle(.failed(fourth, reason: "no"), at: 4).hasSettingAside)
  }

  @Test("Shards that were taken up go to others first, and who failed them before is not blamed")
  func takenUp() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 7)],
      touched: (0..<6).map { SchedulerShard(id: $0, attempts: 3, failures: 0, failedWorkers: ["a"]) },
      leaseSeconds: 10, maximumFailures: 3)
    let held = [ShardAttempt(shard: 6, attempt: 1)]
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: held), at: 0)
    let leases = scheduler.handle(.joined(worker: "b", credits: 6, held: []), at: 0).leases
    #expect(leases == (0..<6).map { Self.lease($0, 4, "b") })
    for lease in leases {
      _ = scheduler.handle(.resultReceived(lease), at: 1)
      #expect(scheduler.handle(.stored(lease), at: 1) == [.acknowledge(lease, .recorded)])
    }
  }

  @Test(
    "Who failed shards before they were taken up is not blamed because somebody else fails them now", arguments: [0, 1])
  func takenUpAndFailed(failuresSince: Int) {
    // Three shards that a failed before; c fails them now, or failed them before the coordinator began again.
    let failed: Set<String> = failuresSince == 0 ? ["a"] : ["a", "c"]
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 5)],
      touched: (0..<3).map { SchedulerShard(id: $0, attempts: 3, failures: failuresSince, failedWorkers: failed) },
      leaseSeconds: 10, maximumFailures: 3)
    for (worker, shard) in [("a", Int64(3)), ("b", 4)] {
      let held = [ShardAttempt(shard: shard, attempt: 1)]
      _ = scheduler.handle(.joined(worker: worker, credits: 1, held: held), at: 0)
    }
    let first = scheduler.handle(.joined(worker: "c", credits: 3, held: []), at: 0).leases
    for lease in first { _ = scheduler.handle(.failed(lease, reason: "no"), at: 1) }
    var (lease, found): (ShardLease?, [Scheduler.Action]) = (Self.lease(4, 1, "b"), [])
    while let current = lease {
      _ = scheduler.handle(.resultReceived(current), at: 2)
      let actions = scheduler.handle(.stored(current), at: 2)
      found += actions
      lease = actions.leases.first
    }
    #expect(scheduler.counts.recorded == 4)
    let rested = found.compactMap { if case .rested(let worker, _) = $0 { worker } else { nil } }
    // Those that failed since then are: c, where it did so under this coordinator.
    #expect(rested == (first.isEmpty ? [] : ["c"]) && first.isEmpty == (failuresSince == 1))
  }
}

extension [Scheduler.Action] {
  fileprivate var leases: [ShardLease] { compactMap { if case .lease(let lease) = $0 { lease } else { nil } } }
  fileprivate var hasSettingAside: Bool { contains { if case .setAside = $0 { true } else { false } } }
}
