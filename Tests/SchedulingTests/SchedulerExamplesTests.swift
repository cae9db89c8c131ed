import Scheduling
import Shards
import TestSupport
import Testing

/// One thing that a scheduler does, each.
@Suite struct SchedulerExamplesTests {
  private static let leaseSeconds = 10.0

  private static func scheduler(shards: Int, maximumFailures: Int = 2) -> Scheduler {
    Scheduler(
      blocks: [ShardBlock(count: shards)], leaseSeconds: leaseSeconds, maximumFailures: maximumFailures, doubtSeconds: 0
    )
  }

  private static func lease(_ shard: Int64, _ attempt: Int, _ worker: String) -> ShardLease {
    ShardLease(shard: shard, attempt: attempt, worker: worker)
  }

  @Test("A worker gets as many shards as it has credits, and the next when one is acknowledged")
  func creditsAndRecords() {
    var scheduler = Self.scheduler(shards: 3)
    #expect(
      scheduler.handle(.joined(worker: "a", credits: 2, held: []), at: 0)
        == [.lease(Self.lease(0, 1, "a")), .lease(Self.lease(1, 1, "a"))])
    let first = Self.lease(0, 1, "a")
    #expect(scheduler.handle(.resultReceived(first), at: 1) == [.store(first)])
    #expect(
      scheduler.handle(.stored(first), at: 1) == [.acknowledge(first, .recorded), .lease(Self.lease(2, 1, "a"))])
    #expect(scheduler.handle(.resultReceived(first), at: 1) == [.acknowledge(first, .duplicate)])
    for shard in [1, 2] as [Int64] {
      _ = scheduler.handle(.resultReceived(Self.lease(shard, 1, "a")), at: 2)
      let actions = scheduler.handle(.stored(Self.lease(shard, 1, "a")), at: 2)
      #expect(actions.contains(.finished) == (shard == 2))
    }
    let counts = scheduler.counts
    #expect([counts.pending, counts.leased, counts.storing, counts.recorded, counts.setAside] == [0, 0, 0, 3, 0])
  }

  @Test("A worker that left while its result was being stored, or a shard split for it, is owed that when it returns")
  func returnsWhileUnderWay() {
    var scheduler = Self.scheduler(shards: 2)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    let first = Self.lease(0, 1, "a")
    #expect(scheduler.handle(.resultReceived(first), at: 1) == [.store(first)])
    #expect(scheduler.handle(.left(worker: "a"), at: 1).isEmpty)
    #expect(scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 2).isEmpty, "its credit is taken")
    #expect(
      scheduler.handle(.stored(first), at: 3) == [.acknowledge(first, .recorded), .lease(Self.lease(1, 1, "a"))])

    scheduler = Scheduler(
      blocks: [ShardBlock(count: 2, images: 10)], pieceSizes: PieceSizes(seconds: 1, smallest: 5), leaseSeconds: 10,
      maximumFailures: 2)
    let split = Scheduler.Action.split(shard: 0, into: [5, 5], firstPiece: 2, worker: "a")
    #expect(scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0) == [split])
    _ = scheduler.handle(.left(worker: "a"), at: 1)
    #expect(scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 2).isEmpty, "it waits for its pieces")
    #expect(scheduler.handle(.split(0), at: 3) == [.lease(Self.lease(2, 1, "a"))])
  }

  @Test("A worker is seen with the shard that it has come furthest with, live or silent, at work or resting")
  func sight() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 4, images: 10, cost: 2)], leaseSeconds: Self.leaseSeconds, maximumFailures: 2,
      doubtSeconds: 0)
    #expect(scheduler.sight(of: "a") == nil && scheduler.standing(of: "a", at: 0) == nil)
    _ = scheduler.handle(.joined(worker: "a", credits: 3, held: []), at: 0)
    #expect(scheduler.sight(of: "a") == Scheduler.Sight(held: 3, shard: 0, progress: 0))
    #expect(scheduler.standing(of: "a", at: 0).map { $0 == (3, true, false) } == true)
    let held = (0..<3).map { ShardAttempt(shard: $0, attempt: 1) }
    _ = scheduler.handle(.heartbeat(worker: "a", held: held, passes: [0, 5, 15]), at: 1)
    #expect(scheduler.sight(of: "a") == Scheduler.Sight(held: 3, shard: 2, progress: 0.75))
    for shard in 0..<3 as Range<Int64> {
      _ = scheduler.handle(.failed(Self.lease(shard, 1, "a"), reason: "no"), at: 2)
    }
    #expect(scheduler.standing(of: "a", at: 2)?.isResting == true)
    _ = scheduler.handle(.tick, at: 100)
    #expect(scheduler.standing(of: "a", at: 100)?.isLive == false)
    _ = scheduler.handle(.left(worker: "a"), at: 101)
    #expect(scheduler.sight(of: "a") == nil)
  }

  @Test("Nothing to do is finished at once")
  func empty() {
    var scheduler = Self.scheduler(shards: 0)
    #expect(scheduler.handle(.tick, at: 0) == [.finished])
    #expect(scheduler.handle(.tick, at: 1).isEmpty)
    #expect(scheduler.nextDeadline == nil)
  }

  @Test("A silent worker's shard goes to another, and whichever result comes first is kept")
  func silence() {
    var scheduler = Self.scheduler(shards: 1, maximumFailures: 3)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    #expect(scheduler.nextDeadline == 10)
    _ = scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: 5)
    let actions = scheduler.handle(.tick, at: 10)
    #expect(actions.count == 2)
    #expect(actions.last == .lease(Self.lease(0, 2, "b")))
    let late = Self.lease(0, 1, "a")
    let answer = scheduler.handle(.resultReceived(late), at: 11)
    #expect(answer.contains(.revoke(Self.lease(0, 2, "b"))) && answer.contains(.store(late)))
    #expect(scheduler.handle(.resultReceived(Self.lease(0, 2, "b")), at: 11).count == 1)
    #expect(scheduler.handle(.stored(late), at: 12) == [.acknowledge(late, .recorded), .finished])
  }

  @Test("A heartbeat keeps a lease, and one that leaves it out gives it back")
  func heartbeats() {
    var scheduler = Self.scheduler(shards: 1)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    let held = [ShardAttempt(shard: 0, attempt: 1)]
    for time in stride(from: 4.0, to: 60, by: 4) {
      #expect(scheduler.handle(.heartbeat(worker: "a", held: held), at: time).isEmpty)
    }
    #expect(scheduler.handle(.heartbeat(worker: "a", held: []), at: 60).isEmpty)
    let actions = scheduler.handle(.heartbeat(worker: "a", held: []), at: 62)
    #expect(
      actions == [
        .ended(Self.lease(0, 1, "a"), .returned, reason: "the worker does not have it"),
        .revoke(Self.lease(0, 1, "a")), .lease(Self.lease(0, 2, "a")),
      ])
  }

  @Test("A shard that fails everywhere is tried on different workers and then set aside")
  func failures() {
    var scheduler = Self.scheduler(shards: 1)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    _ = scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: 0)
    let first = scheduler.handle(.failed(Self.lease(0, 1, "a"), reason: "no"), at: 1)
    #expect(first == [.ended(Self.lease(0, 1, "a"), .failed, reason: "no"), .lease(Self.lease(0, 2, "b"))])
    let second = scheduler.handle(.failed(Self.lease(0, 2, "b"), reason: "never"), at: 2)
    #expect(
      second == [
        .ended(Self.lease(0, 2, "b"), .failed, reason: "never"),
        .setAside(shard: 0, reason: "failed 2 times, most recently on b: never"), .finished,
      ])
    let late = Self.lease(0, 1, "a")
    #expect(scheduler.handle(.resultReceived(late), at: 3) == [.store(late)])
    #expect(scheduler.handle(.storeRefused(late, reason: "bad"), at: 3) == [.acknowledge(late, .refused), .finished])
    #expect(scheduler.handle(.resultReceived(late), at: 4) == [.store(late)])
    #expect(scheduler.handle(.stored(late), at: 4) == [.acknowledge(late, .recorded), .finished])
  }

  @Test("A worker alone gets a shard that it failed again; with another one about, it does not")
  func retriesAlone() {
    var scheduler = Self.scheduler(shards: 1, maximumFailures: 5)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    let again = scheduler.handle(.failed(Self.lease(0, 1, "a"), reason: "no"), at: 1)
    #expect(again.last == .lease(Self.lease(0, 2, "a")))
    _ = scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: 2)
    _ = scheduler.handle(.disconnected(worker: "b", undelivered: []), at: 2)
    let third = scheduler.handle(.failed(Self.lease(0, 2, "a"), reason: "no"), at: 3)
    #expect(third.last == .lease(Self.lease(0, 3, "a")))
    _ = scheduler.handle(.heartbeat(worker: "b", held: []), at: 4)
    let fourth = scheduler.handle(.failed(Self.lease(0, 3, "a"), reason: "no"), at: 4)
    #expect(fourth.last == .lease(Self.lease(0, 4, "b")))
  }

  @Test("After a restart a worker keeps what it holds and nobody else has, and forgets the rest")
  func restart() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 10)],
      touched: [
        SchedulerShard(id: 7, attempts: 2), SchedulerShard(id: 8, state: .recorded, attempts: 1),
        SchedulerShard(id: 9, attempts: 1),
        // Another ledger's, or told twice: passed over.
        SchedulerShard(id: 10, attempts: 1), SchedulerShard(id: -1), SchedulerShard(id: 8, state: .setAside),
      ], recorded: Array(0..<7) + [3, 10, -1], leaseSeconds: Self.leaseSeconds, maximumFailures: 2)
    #expect(scheduler.handle(.heartbeat(worker: "a", held: []), at: 0) == [.unknown(worker: "a")])
    let held = [(7, 3), (8, 1), (99, 1)].map { ShardAttempt(shard: Int64($0), attempt: $1) }
    #expect(
      scheduler.handle(.joined(worker: "a", credits: 2, held: held), at: 0)
        == [
          .adopted(Self.lease(7, 3, "a")), .revoke(Self.lease(8, 1, "a")), .revoke(Self.lease(99, 1, "a")),
          .lease(Self.lease(9, 2, "a")),
        ])
    #expect(
      scheduler.handle(.joined(worker: "b", credits: 2, held: [ShardAttempt(shard: 7, attempt: 2)]), at: 1)
        == [.revoke(Self.lease(7, 2, "b"))])
    let unknown = Self.lease(99, 1, "a")
    #expect(scheduler.handle(.resultReceived(unknown), at: 1) == [.acknowledge(unknown, .refused)])
    let left = scheduler.handle(.left(worker: "a"), at: 2)
    #expect(left.suffix(2) == [.lease(Self.lease(7, 4, "b")), .lease(Self.lease(9, 3, "b"))])
  }

  @Test("At the end a lease twice as old as usual goes to a second worker, and the first result counts")
  func stragglers() {
    var scheduler = Self.scheduler(shards: 2)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    _ = scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: 0)
    let quick = Self.lease(1, 1, "b")
    let slow = Self.lease(0, 1, "a")
    _ = scheduler.handle(.resultReceived(quick), at: 2)
    #expect(scheduler.handle(.stored(quick), at: 2) == [.acknowledge(quick, .recorded)])
    let held = [ShardAttempt(shard: 0, attempt: 1)]
    #expect(scheduler.handle(.heartbeat(worker: "a", held: held), at: 4).isEmpty)
    let second = Self.lease(0, 2, "b")
    #expect(scheduler.handle(.heartbeat(worker: "a", held: held), at: 4.5) == [.lease(second)])
    #expect(
      scheduler.handle(.resultReceived(second), at: 5) == [
        .ended(slow, .superseded, reason: "the result of attempt 2 on b came first"), .revoke(slow), .store(second),
      ])
    #expect(scheduler.handle(.stored(second), at: 5) == [.acknowledge(second, .recorded), .finished])
    #expect(scheduler.handle(.resultReceived(slow), at: 6) == [.acknowledge(slow, .duplicate)])
  }

  @Test("A worker keeps to the model that it has loaded, while that has shards")
  func affinity() {
    var scheduler = Scheduler(
      blocks: (0..<4).map { ShardBlock(count: 1, model: $0 % 2) }, leaseSeconds: Self.leaseSeconds,
      maximumFailures: 2)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    var order = [Int64(0)]
    for _ in 0..<3 {
      let lease = Self.lease(order[order.count - 1], 1, "a")
      _ = scheduler.handle(.resultReceived(lease), at: 1)
      for case .lease(let next) in scheduler.handle(.stored(lease), at: 1) { order.append(next.shard) }
    }
    #expect(order == [0, 2, 1, 3])
  }

  @Test("A worker that fails what others compute rests three times and is refused; a bad shard costs nobody a rest")
  func blame() {
    var scheduler = Self.scheduler(shards: 400, maximumFailures: 2)
    _ = scheduler.handle(.joined(worker: "good", credits: 1, held: []), at: 0)
    var queue: [ShardLease] = []
    var rests: [Double] = []
    var time = 0.0
    func take(_ actions: [Scheduler.Action]) -> Bool {
      var isRefused = false
      for action in actions {
        switch action {
        case .lease(let lease): queue.append(lease)
        case .rested(let worker, let until):
          #expect(worker == "bad")
          rests.append(until - time)
        case .refused(let worker, _):
          #expect(worker == "bad")
          isRefused = true
        default: break
        }
      }
      return isRefused
    }
    queue.append(Self.lease(0, 1, "good"))
    var isRefused = take(scheduler.handle(.joined(worker: "bad", credits: 1, held: []), at: 0))
    while !queue.isEmpty {
      let lease = queue.removeFirst()
      time += 1
      // Shard 0 is bad itself.
      if lease.worker == "bad" || lease.shard == 0 {
        isRefused = take(scheduler.handle(.failed(lease, reason: "no"), at: time)) || isRefused
      } else {
        isRefused = take(scheduler.handle(.resultReceived(lease), at: time)) || isRefused
        isRefused = take(scheduler.handle(.stored(lease), at: time)) || isRefused
      }
      for worker in ["good", "bad"] {
        let held = queue.filter { $0.worker == worker }.map { ShardAttempt(shard: $0.shard, attempt: $0.attempt) }
        isRefused = take(scheduler.handle(.heartbeat(worker: worker, held: held), at: time)) || isRefused
      }
    }
    #expect(rests == [10, 20, 40])
    #expect(isRefused)
    #expect(scheduler.counts.recorded == 399 && scheduler.counts.setAside == 1)
  }

  @Test("A worker whose link was cut lost all that it held for one reason, and goes on at once")
  func silenceIsOneReason() {
    var scheduler = Self.scheduler(shards: 5, maximumFailures: 3)
    _ = scheduler.handle(.joined(worker: "cut", credits: 4, held: []), at: 0)
    let leases = scheduler.handle(.joined(worker: "other", credits: 5, held: []), at: 5)
    #expect(leases == [.lease(Self.lease(4, 1, "other"))])
    _ = scheduler.handle(.tick, at: 10)
    for shard in 0..<3 {
      let lease = Self.lease(Int64(shard), 2, "other")
      _ = scheduler.handle(.resultReceived(lease), at: 11)
      let actions = scheduler.handle(.stored(lease), at: 11)
      #expect(!actions.contains { if case .rested = $0 { true } else { false } }, "\(actions)")
    }
  }

  @Test("Where no speed is known pieces are small; then they take as long as they should, on each worker")
  func pieces() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 4, images: 100, lastImages: 30)],
      pieceSizes: PieceSizes(seconds: 10, smallest: 10), leaseSeconds: 1_000, maximumFailures: 2)
    let ten = Array(repeating: 10, count: 10)
    #expect(
      scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
        == [.split(shard: 0, into: ten, firstPiece: 4, worker: "a")])
    #expect(scheduler.counts.pending == 13, "ten pieces and three shards")
    // Nothing is leased before the ledger has it, and nothing else is split for who waits.
    #expect(scheduler.handle(.heartbeat(worker: "a", held: []), at: 0).isEmpty)
    #expect(scheduler.handle(.split(0), at: 0) == [.lease(Self.lease(4, 1, "a"))])
    // A quarter of a second an image: forty in ten seconds. What was begun comes first.
    var time = 0.0
    func record(_ lease: ShardLease, _ seconds: Double) -> [Scheduler.Action] {
      time += seconds
      #expect(scheduler.handle(.resultReceived(lease, computeSeconds: seconds), at: time) == [.store(lease)])
      return scheduler.handle(.stored(lease), at: time).filter { $0 != .acknowledge(lease, .recorded) }
    }
    for piece in 4..<13 {
      #expect(record(Self.lease(Int64(piece), 1, "a"), 2.5) == [.lease(Self.lease(Int64(piece) + 1, 1, "a"))])
    }
    #expect(
      record(Self.lease(13, 1, "a"), 2.5) == [.split(shard: 1, into: [50, 50], firstPiece: 14, worker: "a")])
    #expect(scheduler.handle(.split(1), at: time) == [.lease(Self.lease(14, 1, "a"))])
    // Another worker begins with what is known of the model, and takes what was begun.
    #expect(
      scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: time) == [.lease(Self.lease(15, 1, "b"))])
    // It is five times as quick: a hundred images are ten seconds for it.
    #expect(record(Self.lease(15, 1, "b"), 2.5) == [.lease(Self.lease(2, 1, "b"))])
    // The last shard is small enough for anyone.
    #expect(record(Self.lease(14, 1, "a"), 12.5) == [.lease(Self.lease(3, 1, "a"))])
    let whole = Self.lease(0, 1, "a")
    #expect(
      scheduler.handle(.resultReceived(whole), at: time) == [.acknowledge(whole, .duplicate)], "of what was split")
    #expect(record(Self.lease(2, 1, "b"), 5).isEmpty)
    #expect(record(Self.lease(3, 1, "a"), 5) == [.finished])
    #expect(scheduler.counts.recorded == 14)
  }

  @Test("Where an image costs hundreds pieces have fewer; what clean images take is known beside it")
  func paceByCost() {
    var scheduler = Scheduler(
      blocks: [
        ShardBlock(count: 2, images: 100), ShardBlock(count: 2, benchmark: 1, images: 100, cost: 100),
        ShardBlock(count: 1, benchmark: 2, images: 100),
      ],
      pieceSizes: PieceSizes(seconds: 10, smallest: 10), leaseSeconds: 1000, maximumFailures: 2)
    var time = 0.0
    /// Computes whatever is leased until a shard is split, or nothing is left.
    func compute(_ actions: [Scheduler.Action]) -> [Scheduler.Action] {
      var actions = actions
      while case .lease(let lease)? = actions.first(where: { if case .lease = $0 { true } else { false } }) {
        leased.append(lease.shard)
        // A tenth of a second, of attacked images two seconds.
        let isAttacked = (2...3).contains(lease.shard) || lease.shard >= 15
        let images = lease.shard < 5 ? 100.0 : lease.shard < 15 ? 10 : lease.shard < 115 ? 1 : 5
        time += images * (isAttacked ? 2 : 0.1)
        _ = scheduler.handle(.resultReceived(lease, computeSeconds: images * (isAttacked ? 2 : 0.1)), at: time)
        actions = scheduler.handle(.stored(lease, isWhole: true), at: time)
      }
      return actions
    }
    func split(_ actions: [Scheduler.Action]) -> [Int]? {
      actions.lazy.compactMap { if case .split(_, let images, _, _) = $0 { images } else { nil } }.first
    }
    var leased: [Int64] = []
    var actions = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    #expect(split(actions) == Array(repeating: 10, count: 10), "nothing is known")
    actions = compute(scheduler.handle(.split(0), at: 0))
    #expect(leased.last == 1, "a hundred images in ten seconds")
    // A hundred times as long, as far as is known.
    #expect(split(actions) == Array(repeating: 1, count: 100))
    actions = compute(scheduler.handle(.split(2), at: time))
    // It is five times as quick.
    #expect(split(actions) == Array(repeating: 5, count: 20))
    actions = compute(scheduler.handle(.split(3), at: time))
    #expect(leased.last == 4, "clean images take what they took")
    #expect(actions.last == .finished)
  }

  @Test("Where nothing is known costly images go in pieces of four, fewer where pieces may be smaller")
  func costlyFirst() {
    for (smallest, expected) in [(50, 4), (3, 3), (1, 1)] {
      var scheduler = Scheduler(
        blocks: [ShardBlock(count: 1, images: 12, cost: 1000)],
        pieceSizes: PieceSizes(seconds: 10, smallest: smallest), leaseSeconds: 1000, maximumFailures: 2)
      #expect(
        scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
          == [.split(shard: 0, into: Array(repeating: expected, count: 12 / expected), firstPiece: 1, worker: "a")])
    }
  }

  @Test("What a hundred workers hold is kept for them when the coordinator begins again, and nothing is done twice")
  func reclaims() {
    let workers = (0..<100).map { "worker-\($0)" }
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 200)],
      touched: (0..<100).map {
        SchedulerShard(
          id: $0, attempts: 1, holder: ShardLease(shard: $0, attempt: 1, worker: workers[Int($0)]))
      }, leaseSeconds: Self.leaseSeconds, maximumFailures: 2)
    var handedOut: Set<Int64> = []
    // Worker 99 is gone; all others come back one by one, each with its result.
    for (index, worker) in workers.dropLast().enumerated() {
      let own = Self.lease(Int64(index), 1, worker)
      let actions =
        scheduler.handle(.joined(worker: worker, credits: 1, held: [ShardAttempt(shard: own.shard, attempt: 1)]), at: 1)
        + scheduler.handle(.resultReceived(own), at: 1) + scheduler.handle(.stored(own), at: 1)
      #expect(actions.contains(.adopted(own)) && actions.contains(.acknowledge(own, .recorded)))
      for case .lease(let lease) in actions {
        #expect(lease.shard >= 100, "\(lease) is somebody's")
        #expect(handedOut.insert(lease.shard).inserted)
      }
    }
    #expect(scheduler.counts.recorded == 99)
    _ = scheduler.handle(.left(worker: workers[0]), at: 2)
    let later = scheduler.handle(.joined(worker: "new", credits: 200, held: []), at: 6.5)
    #expect(later.contains(.lease(Self.lease(99, 2, "new"))), "the time of the one that is gone is over")
  }

  @Test("A coordinator that ended before a setting aside sets aside first")
  func exhausted() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 1)],
      touched: [SchedulerShard(id: 0, attempts: 2, failures: 2, failedWorkers: ["a", "b"])], leaseSeconds: 1,
      maximumFailures: 2, results: ["a": 1, "b": 1])
    #expect(
      scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
        == [.setAside(shard: 0, reason: "failed 2 times before the coordinator restarted"), .finished])
  }

  @Test("Shards that become free at once are dealt out in turn")
  func fairness() {
    var scheduler = Self.scheduler(shards: 6)
    _ = scheduler.handle(.joined(worker: "a", credits: 6, held: []), at: 0)
    _ = scheduler.handle(.joined(worker: "b", credits: 9, held: []), at: 0)
    _ = scheduler.handle(.joined(worker: "c", credits: 9, held: []), at: 0)
    var given: [String: Int] = [:]
    for case .lease(let lease) in scheduler.handle(.left(worker: "a"), at: 1) { given[lease.worker, default: 0] += 1 }
    #expect(given == ["b": 3, "c": 3])
  }

  @Test("A result of one that never said hello costs nobody anything; it is asked to say hello first")
  func strangersResult() {
    var scheduler = Self.scheduler(shards: 1)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    let bogus = Self.lease(0, 1, "stranger")
    #expect(scheduler.handle(.resultReceived(bogus), at: 1) == [.unknown(worker: "stranger")])
    let own = Self.lease(0, 1, "a")
    #expect(scheduler.handle(.resultReceived(own), at: 2) == [.store(own)])
  }

  @Test("A lease that could not be sent does not count and goes elsewhere")
  func undelivered() {
    var scheduler = Self.scheduler(shards: 1, maximumFailures: 1)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    _ = scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: 0)
    let actions = scheduler.handle(
      .disconnected(worker: "a", undelivered: [ShardAttempt(shard: 0, attempt: 1)]), at: 0)
    #expect(actions.last == .lease(Self.lease(0, 2, "b")))
    #expect(scheduler.counts.setAside == 0)
  }

  @Test(
    "A hundred thousand shards, half of them failing once on one worker, take seconds at most", .hangLimit
  )
  func scale() {
    var scheduler = Self.scheduler(shards: 100_000, maximumFailures: 3)
    let workers = (0..<20).map { "worker-\($0)" }
    var queue: [ShardLease] = []
    func take(_ actions: [Scheduler.Action]) {
      for case .lease(let lease) in actions { queue.append(lease) }
    }
    for worker in workers { take(scheduler.handle(.joined(worker: worker, credits: 8, held: []), at: 0)) }
    var position = 0
    var time = 0.0
    while position < queue.count {
      let lease = queue[position]
      position += 1
      time += 0.0001
      if lease.worker == "worker-0" {
        take(scheduler.handle(.failed(lease, reason: "a broken machine"), at: time))
      } else {
        take(scheduler.handle(.resultReceived(lease), at: time))
        take(scheduler.handle(.stored(lease), at: time))
      }
    }
    #expect(scheduler.counts.recorded == 100_000)
  }

  @Test("Three failures of one worker are not those of three: as long as another one lives, it is asked")
  func failuresOfOneWorker() {
    var scheduler = Self.scheduler(shards: 2, maximumFailures: 3)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    _ = scheduler.handle(.failed(Self.lease(0, 1, "a"), reason: "no"), at: 1)
    _ = scheduler.handle(.failed(Self.lease(1, 1, "a"), reason: "no"), at: 1)
    let third = Self.lease(0, 3, "a")
    // It has computed nothing, so it rests a while first.
    #expect(scheduler.handle(.failed(Self.lease(0, 2, "a"), reason: "no"), at: 1).leases.isEmpty)
    #expect(scheduler.handle(.heartbeat(worker: "a", held: []), at: 1.7).leases == [third])
    #expect(scheduler.isLastAttempt(third), "it is alone")
    let other = Self.lease(1, 2, "b")
    #expect(scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: 2) == [.lease(other)])
    let actions = scheduler.handle(.failed(third, reason: "no"), at: 3)
    #expect(!actions.contains { if case .setAside = $0 { true } else { false } }, "\(actions)")
    _ = scheduler.handle(.resultReceived(other), at: 4)
    // It has computed something and the other one has not: what that says counts no more.
    _ = scheduler.handle(.left(worker: "a"), at: 4)
    var next = scheduler.handle(.stored(other), at: 4)
    for attempt in 4...6 {
      let lease = Self.lease(0, attempt, "b")
      #expect(next.contains(.lease(lease)) && scheduler.isLastAttempt(lease) == (attempt == 6), "\(next)")
      next = scheduler.handle(.failed(lease, reason: "never"), at: 5)
    }
    #expect(next.contains(.setAside(shard: 0, reason: "failed 6 times, most recently on b: never")), "\(next)")
  }

  @Test("A worker that cannot read what shards need rests, tries one shard at a time, and costs no shard an attempt")
  func trouble() {
    var scheduler = Self.scheduler(shards: 9, maximumFailures: 1)
    _ = scheduler.handle(.joined(worker: "blind", credits: 4, held: []), at: 0)
    var rests: [Double] = []
    var held = (0..<4).map { Self.lease($0, 1, "blind") }
    var time = 0.0
    for _ in 0..<6 {
      var until = time
      for lease in held {
        let actions = scheduler.handle(.troubled(lease, reason: "no such file"), at: time)
        #expect(actions.contains(.ended(lease, .troubled, reason: "no such file")))
        for case .troubled("blind", let end, reason: "no such file") in actions {
          rests.append(end - time)
          until = end
        }
        #expect(!actions.contains { if case .lease = $0 { true } else { false } }, "it rests")
      }
      time = until
      let beat = scheduler.handle(.heartbeat(worker: "blind", held: []), at: time)
      held = beat.compactMap { if case .lease(let lease) = $0 { lease } else { nil } }
      #expect(held.count == 1)
    }
    #expect(rests == [0.625, 1.25, 2.5, 5, 10, 10])
    #expect(scheduler.counts.setAside == 0 && scheduler.counts.pending == 8)
    // It can read again: all that it may hold is given to it.
    _ = scheduler.handle(.resultReceived(held[0]), at: time)
    let actions = scheduler.handle(.stored(held[0]), at: time)
    #expect(actions.count { if case .lease = $0 { true } else { false } } == 4)
  }

  @Test("Where no worker can read what shards need, and none computes anything for long, the run is stalled")
  func stall() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 2)], leaseSeconds: Self.leaseSeconds, maximumFailures: 3, stallSeconds: 100)
    var held = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0).leases
    func course(_ times: StrideTo<Double>) -> [Double] {
      times.filter { time in
        var actions: [Scheduler.Action] = []
        for lease in held { actions += scheduler.handle(.troubled(lease, reason: "gone"), at: time) }
        actions += scheduler.handle(.heartbeat(worker: "a", held: []), at: time)
        held = actions.leases
        return actions.contains(.stalled(reason: "gone"))
      }
    }
    #expect(course(stride(from: 0, to: 50, by: 1)).isEmpty)
    // One that computes something puts it off.
    if held.isEmpty { held = scheduler.handle(.heartbeat(worker: "a", held: []), at: 60).leases }
    _ = scheduler.handle(.resultReceived(held[0]), at: 60)
    held = scheduler.handle(.stored(held[0]), at: 60).leases
    #expect(course(stride(from: 60, to: 400, by: 1)) == [160])
  }

  @Test("Who failed a shard is not blamed where the result of another lacks images, too")
  func unreadableImages() {
    var scheduler = Self.scheduler(shards: 8, maximumFailures: 3)
    _ = scheduler.handle(.joined(worker: "a", credits: 8, held: []), at: 0)
    _ = scheduler.handle(.joined(worker: "b", credits: 8, held: []), at: 0)
    for shard in 0..<8 as Range<Int64> {
      let again = scheduler.handle(.failed(Self.lease(shard, 1, "a"), reason: "no such file"), at: 1).leases
      #expect(again == [Self.lease(shard, 2, "b")])
      _ = scheduler.handle(.resultReceived(again[0]), at: 2)
      let actions = scheduler.handle(.stored(again[0], isWhole: false), at: 2)
      #expect(!actions.contains { if case .rested = $0 { true } else { false } }, "\(actions)")
    }
  }
}

extension [Scheduler.Action] {
  fileprivate var leases: [ShardLease] { compactMap { if case .lease(let lease) = $0 { lease } else { nil } } }
}
