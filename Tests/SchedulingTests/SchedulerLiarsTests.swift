import Scheduling
import Shards
import Testing

/// A key gives a worker's rights and no more: those who hold, fail or claim what they like keep nobody from anything for long.
@Suite struct SchedulerLiarsTests {
  private static func lease(_ shard: Int64, _ attempt: Int, _ worker: String) -> ShardLease {
    ShardLease(shard: shard, attempt: attempt, worker: worker)
  }

  /// Computes what is leased to a worker at once, and goes on with what it gets for it. Gives how many it computed.
  private static func compute(
    _ scheduler: inout Scheduler, _ worker: String, _ actions: [Scheduler.Action], at time: Double
  ) -> Int {
    var waiting = actions.leases.filter { $0.worker == worker }
    var count = 0
    while let lease = waiting.popLast() {
      _ = scheduler.handle(.resultReceived(lease), at: time)
      waiting += scheduler.handle(.stored(lease), at: time).leases.filter { $0.worker == worker }
      count += 1
    }
    return count
  }

  @Test("One hello does not take every shard: who has computed nothing gets few, and more with each result")
  func credits() {
    var scheduler = Scheduler(blocks: [ShardBlock(count: 1_000)], leaseSeconds: 10, maximumFailures: 3)
    let first = scheduler.handle(.joined(worker: "a", credits: 65_536, held: []), at: 0).leases
    #expect(first.count == 16)
    _ = scheduler.handle(.resultReceived(first[0]), at: 1)
    #expect(scheduler.handle(.stored(first[0]), at: 1).leases.count == 3)
    // Nor does who says that it holds them.
    let held = (100..<900).map { ShardAttempt(shard: $0, attempt: 1) }
    let claimed = scheduler.handle(.joined(worker: "b", credits: 65_536, held: held), at: 1)
    #expect(claimed.count { if case .adopted = $0 { true } else { false } } == 16)
  }

  /// When a worker that says each second that it holds its shard, and how far it is, loses it.
  private static func end(
    of scheduler: inout Scheduler, from first: Int = 1, by seconds: Int, passes: (Int) -> UInt64
  ) -> Int? {
    let held = [ShardAttempt(shard: 0, attempt: 1)]
    return (first..<seconds).first { second in
      scheduler.handle(.heartbeat(worker: "a", held: held, passes: [passes(second)]), at: Double(second))
        .contains(.revoke(lease(0, 1, "a")))
    }
  }

  @Test("A heartbeat alone holds no shard for ever, and one that tells of progress does not either")
  func leasesEnd() {
    func scheduler(_ cost: Double = 1_000) -> Scheduler {
      var scheduler = Scheduler(
        blocks: [ShardBlock(count: 2, images: 10, cost: cost)], leaseSeconds: 10, maximumFailures: 3)
      _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
      return scheduler
    }
    var idle = scheduler()
    #expect(Self.end(of: &idle, by: 1_000) { _ in 0 } == 80)
    // What is named again after that is not given again.
    let again = idle.handle(.heartbeat(worker: "a", held: [ShardAttempt(shard: 0, attempt: 1)]), at: 81)
    #expect(again == [.revoke(Self.lease(0, 1, "a"))])
    var honest = scheduler()
    #expect(Self.end(of: &honest, by: 600) { UInt64(10 * $0) } == nil, "a long attack that goes on")
    var stuck = scheduler()
    #expect(Self.end(of: &stuck, by: 1_000) { UInt64(min($0, 100)) } == 180, "it came no further after 100 s")
    var liar = scheduler()
    #expect(Self.end(of: &liar, by: 10_000) { UInt64($0) } == 640, "of a kind that nobody has computed")
    var small = scheduler(1)
    #expect(Self.end(of: &small, by: 1_000) { UInt64($0) } ?? 999 <= 110, "more passes than there are say nothing")
  }

  @Test("Where others have shown how long a shard takes, none is held for many times as long")
  func boundedByOthers() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 3, images: 10, cost: 1_000)], leaseSeconds: 10, maximumFailures: 3)
    _ = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    _ = scheduler.handle(.joined(worker: "b", credits: 1, held: []), at: 0)
    let other = Self.lease(1, 1, "b")
    let held = [ShardAttempt(shard: 1, attempt: 1)]
    _ = scheduler.handle(.heartbeat(worker: "b", held: held), at: 9)
    _ = scheduler.handle(.heartbeat(worker: "a", held: [ShardAttempt(shard: 0, attempt: 1)], passes: [1]), at: 9)
    _ = scheduler.handle(.resultReceived(other, computeSeconds: 12), at: 12)
    _ = scheduler.handle(.stored(other), at: 12)
    // Eight times twelve seconds.
    let end = Self.end(of: &scheduler, from: 13, by: 1_000) { UInt64($0) }
    #expect(end.map { (96...107).contains($0) } == true, "\(end ?? 0)")
  }

  @Test("What takes longer each time it is tried comes to its end on somebody: patience doubles")
  func patienceDoubles() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 1, images: 1, cost: 1_000)], leaseSeconds: 10, maximumFailures: 99)
    var time = 0.0
    var ends: [Double] = []
    var actions = scheduler.handle(.joined(worker: "a", credits: 1, held: []), at: 0)
    for _ in 0..<4 {
      while actions.leases.isEmpty {
        time += 1
        actions = scheduler.handle(.heartbeat(worker: "a", held: []), at: time)
      }
      let lease = actions.leases[0]
      let start = time
      repeat {
        time += 1
        actions = scheduler.handle(.heartbeat(worker: "a", held: [lease.handingOver]), at: time)
      } while !actions.contains(.revoke(lease)) && time < 1e6
      ends.append(time - start)
    }
    #expect(zip(ends, ends.dropFirst()).allSatisfy { $1 >= 2 * $0 }, "\(ends)")
  }

  @Test("Under many names one key fails no shard, as long as a worker is about that computes")
  func failersUnderManyNames() {
    var scheduler = Scheduler(blocks: [ShardBlock(count: 100)], leaseSeconds: 10, maximumFailures: 3)
    var recorded = 0
    recorded += Self.compute(
      &scheduler, "honest", Array(scheduler.handle(.joined(worker: "honest", credits: 1, held: []), at: 0).prefix(0)),
      at: 0)
    let own = Self.lease(0, 1, "honest")
    for name in 0..<50 {
      let liar = "q\(name)"
      let actions = scheduler.handle(.joined(worker: liar, credits: 65_536, held: []), at: 1)
      for lease in actions.leases {
        let said = scheduler.handle(.failed(lease, reason: "no"), at: 1)
        #expect(!said.hasSettingAside, "\(said)")
      }
    }
    // The honest one has computed nothing so far.
    _ = scheduler.handle(.resultReceived(own), at: 2)
    recorded = 1 + Self.compute(&scheduler, "honest", scheduler.handle(.stored(own), at: 2), at: 2)
    // Those that the liars hold after a rest, they fail again.
    for second in 3..<400 where scheduler.counts.recorded < 100 {
      var actions = scheduler.handle(.heartbeat(worker: "honest", held: []), at: Double(second))
      for name in 0..<50 { actions += scheduler.handle(.heartbeat(worker: "q\(name)", held: []), at: Double(second)) }
      for lease in actions.leases where lease.worker != "honest" {
        actions += scheduler.handle(.failed(lease, reason: "no"), at: Double(second))
      }
      #expect(!actions.hasSettingAside)
      recorded += Self.compute(&scheduler, "honest", actions, at: Double(second))
    }
    #expect(scheduler.counts.recorded == 100 && recorded == 100)
  }

  @Test("Where nobody has computed anything a shard that all failed waits a while, and is then set aside")
  func doubt() {
    func course(until joins: Double?) -> (setAside: Double?, recorded: Int) {
      var scheduler = Scheduler(
        blocks: [ShardBlock(count: 2)], leaseSeconds: 10, maximumFailures: 3, stallSeconds: 1_000, doubtSeconds: 30)
      var setAside: Double?
      for step in 0..<200 {
        let time = Double(step) / 2
        var actions: [Scheduler.Action] = []
        for name in ["a", "b", "c"] {
          actions += scheduler.handle(.joined(worker: name, credits: 1, held: []), at: time)
        }
        if let joins, time >= joins {
          let own = scheduler.handle(.joined(worker: "able", credits: 4, held: []), at: time)
          _ = Self.compute(&scheduler, "able", own, at: time)
        }
        if actions.hasSettingAside { setAside = setAside ?? time }
        var leases = actions.leases.filter { $0.worker != "able" }
        while let lease = leases.popLast() {
          let said = scheduler.handle(.failed(lease, reason: "no"), at: time)
          if said.hasSettingAside { setAside = setAside ?? time }
          leases += said.leases.filter { $0.worker != "able" }
          _ = Self.compute(&scheduler, "able", said, at: time)
        }
      }
      return (setAside, scheduler.counts.recorded)
    }
    let alone = course(until: nil)
    #expect(alone.setAside.map { (30...45).contains($0) } == true, "\(alone)")
    let helped = course(until: 10)
    #expect(helped.setAside == nil && helped.recorded == 2, "\(helped)")
  }

  @Test("Where all that workers do is fail, the run ends and says why, and nothing is set aside for it")
  func allFail() {
    var scheduler = Scheduler(
      blocks: [ShardBlock(count: 1_000)], leaseSeconds: 10, maximumFailures: 3, stallSeconds: 100, doubtSeconds: 20)
    var leases = scheduler.handle(.joined(worker: "a", credits: 2, held: []), at: 0).leases
    var stalls: [Double] = []
    for step in 0..<200 {
      let time = Double(step) / 2
      var actions = scheduler.handle(.heartbeat(worker: "a", held: []), at: time)
      for lease in leases + actions.leases { actions += scheduler.handle(.failed(lease, reason: "no GPU"), at: time) }
      leases = []
      if actions.contains(.stalled(reason: "no GPU")) { stalls.append(time) }
    }
    #expect(stalls.count == 1 && stalls[0] <= 40, "\(stalls)")
    #expect(scheduler.counts.setAside == 0)
  }

  @Test("Honest workers are at least 0.8 times as quick beside those who hoard and those who fail under many names")
  func throughput() {
    func seconds(_ hoarders: Int, _ failers: Int, shards: Int) -> Double {
      var cluster = SimulatedCluster(
        seed: 3,
        settings: .init(workers: 8, shards: shards, models: 1, isHarmless: true, hoarders: hoarders, failers: failers))
      cluster.run()
      #expect(cluster.checker.violation == nil, "\(cluster.checker.violation ?? "")")
      #expect(cluster.checker.setAsideShards.isEmpty && cluster.checker.imagesSetAside == 0)
      return cluster.time
    }
    for shards in [200, 2_000] {
      let alone = seconds(0, 0, shards: shards)
      for (hoarders, failers) in [(1, 0), (0, 1), (2, 2)] {
        let time = seconds(hoarders, failers, shards: shards)
        #expect(alone >= 0.8 * time, "\(shards) shards: \(alone) s alone, \(time) s beside \(hoarders) and \(failers)")
      }
    }
  }
}

/// Pictures that end whoever decodes them.
@Suite struct SchedulerSuspectsTests {
  /// Lets workers compute what they are given, one that has the killer is lost, and a new one takes its place.
  private struct Course {
    var scheduler: Scheduler
    let killer: Int?
    var preemptions: Int
    /// The first image of each shard, by number.
    var firsts: [Int64: Range<Int>]
    var lost = 0
    var recorded: [Range<Int>] = []
    var imagesSetAside: [Int] = []
    var setAside: [Int64] = []

    init(images: Int, shards: Int, killer: Int?, preemptions: Int = 0) {
      scheduler = Scheduler(
        blocks: [ShardBlock(count: shards, images: images)], leaseSeconds: 10, maximumFailures: 3)
      (self.killer, self.preemptions) = (killer, preemptions)
      firsts = Dictionary(
        uniqueKeysWithValues: (0..<shards).map { (Int64($0), ($0 * images)..<(($0 + 1) * images)) })
    }

    mutating func run(workers count: Int, credits: Int) {
      var time = 0.0
      var made = 0
      var workers: [String: [ShardLease]] = [:]
      var isFinished = false
      func join() -> String {
        made += 1
        return "w\(made)"
      }
      while !isFinished, time < 10_000 {
        time += 1
        var actions: [Scheduler.Action] = []
        while workers.count < count {
          let name = join()
          workers[name] = []
          actions += scheduler.handle(.joined(worker: name, credits: credits, held: []), at: time)
        }
        for name in workers.keys.sorted() {
          let held = (workers[name] ?? []).map(\.handingOver)
          actions += scheduler.handle(.heartbeat(worker: name, held: held), at: time)
        }
        // A shard takes four seconds.
        for name in workers.keys.sorted() where Int(time) % 4 == 0 {
          guard let lease = workers[name]?.first, let images = firsts[lease.shard] else { continue }
          let isPreempted = preemptions > 0 && Int(time) % 12 == 0
          if isPreempted || killer.map(images.contains) == true {
            if isPreempted { preemptions -= 1 }
            workers[name] = nil
            lost += 1
          } else {
            workers[name]?.removeFirst()
            recorded.append(images)
            actions += scheduler.handle(.resultReceived(lease), at: time)
            actions += scheduler.handle(.stored(lease), at: time)
          }
        }
        while !actions.isEmpty {
          let done = actions
          actions = []
          for action in done {
            switch action {
            case .lease(let lease): workers[lease.worker]?.append(lease)
            case .revoke(let lease): workers[lease.worker]?.removeAll { $0 == lease }
            case .split(let shard, let sizes, let first, _):
              var start = firsts[shard]?.lowerBound ?? 0
              for (place, size) in sizes.enumerated() {
                firsts[first + Int64(place)] = start..<start + size
                start += size
              }
              actions += scheduler.handle(.split(shard), at: time)
            case .setAsideImage(let lease, _):
              imagesSetAside.append(firsts[lease.shard]?.lowerBound ?? -1)
              actions += scheduler.handle(.stored(lease), at: time)
            case .setAside(let shard, _): setAside.append(shard)
            case .finished: isFinished = true
            default: break
            }
          }
        }
      }
    }
  }

  @Test("A picture that ends its worker is found in halves, set aside by name, and costs no other image its result")
  func killer() {
    for (images, workers, credits) in [(64, 1, 1), (64, 4, 4), (250, 2, 4), (1, 3, 2)] {
      var course = Course(images: images, shards: 4, killer: images / 2)
      course.run(workers: workers, credits: credits)
      #expect(course.imagesSetAside == [images / 2], "\(images) images, \(workers) workers")
      #expect(course.setAside.isEmpty)
      #expect(Set(course.recorded.flatMap(Array.init)).count == 4 * images - 1)
      // Halves until it is alone, and three times alone; one that has computed nothing may be lost for nothing.
      let halves = (images - 1).nextPowerOfTwoExponent
      #expect(course.lost <= halves + 5, "\(course.lost) lost of \(images) images, \(workers) workers")
    }
  }

  @Test("Workers that are preempted again and again cost no image its result")
  func preempted() {
    for (images, shards) in [(16, 20), (1, 60)] {
      var course = Course(images: images, shards: shards, killer: nil, preemptions: 12)
      course.run(workers: 3, credits: 4)
      #expect(
        (9...12).contains(course.lost) && course.imagesSetAside.isEmpty && course.setAside.isEmpty, "\(course.lost)")
      #expect(Set(course.recorded.flatMap(Array.init)).count == images * shards)
    }
  }
}

extension Int {
  fileprivate var nextPowerOfTwoExponent: Int { self <= 0 ? 0 : Int.bitWidth - leadingZeroBitCount }
}

extension [Scheduler.Action] {
  fileprivate var leases: [ShardLease] { compactMap { if case .lease(let lease) = $0 { lease } else { nil } } }
  fileprivate var hasSettingAside: Bool { contains { if case .setAside = $0 { true } else { false } } }
}
