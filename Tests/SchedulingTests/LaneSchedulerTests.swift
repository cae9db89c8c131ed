import Scheduling
import Shards
import TestSupport
import Testing

/// Workers of several kinds at one numbering of shards.
@Suite struct LaneSchedulerTests {
  /// Models 0 and 2 are of lane 0, model 1 of lane 1, model 3 of lane 2.
  private static let laneOfModel = [0, 1, 0, 2]
  private static let blocks = [
    ShardBlock(count: 3, model: 0, images: 10), ShardBlock(count: 2, model: 1, images: 10, lastImages: 4),
    ShardBlock(count: 2, model: 2, images: 10), ShardBlock(count: 3, model: 1, benchmark: 1, images: 10),
    ShardBlock(count: 1, model: 3, images: 10),
  ]

  private static func scheduler(
    blocks: [ShardBlock] = blocks, pieces: [ShardBlock] = [], touched: [SchedulerShard] = [], recorded: [Int64] = [],
    splitting: Bool = false, onBroken: (@Sendable (String) -> Void)? = nil
  ) -> LaneScheduler {
    var made = LaneScheduler(
      laneOfModel: laneOfModel, blocks: blocks, pieces: pieces, touched: touched, recorded: recorded
    ) {
      Scheduler(
        blocks: $0, pieces: $1, touched: $2, recorded: $3,
        pieceSizes: splitting ? PieceSizes(seconds: 1, smallest: 4) : nil, leaseSeconds: 10, maximumFailures: 2,
        doubtSeconds: 0)
    }
    if let onBroken { made.onBrokenInvariant(onBroken) }
    return made
  }

  private static func leased(_ actions: [Scheduler.Action]) -> [ShardLease] {
    actions.compactMap { if case .lease(let lease) = $0 { lease } else { nil } }
  }

  @Test("A worker is given shards of its lane alone, under the numbers that all lanes share")
  func ownLane() {
    var scheduler = Self.scheduler()
    for (worker, lane, expected) in [("own", 0, [0, 1, 2, 5, 6]), ("python", 1, [3, 4, 7, 8, 9]), ("other", 2, [10])] {
      scheduler.enrol(worker, lane: lane)
      let actions = scheduler.handle(.joined(worker: worker, credits: 20, held: []), at: 0)
      #expect(Self.leased(actions).map(\.shard) == expected.map(Int64.init))
    }
  }

  @Test("What a worker says of another lane's shards is revoked or refused, and changes nothing there")
  func otherLane() {
    var scheduler = Self.scheduler()
    scheduler.enrol("own", lane: 0)
    scheduler.enrol("liar", lane: 1)
    _ = scheduler.handle(.joined(worker: "own", credits: 1, held: []), at: 0)
    let claimed = ShardAttempt(shard: 0, attempt: 1)
    let lease = ShardLease(claimed, worker: "liar")
    let joined = scheduler.handle(.joined(worker: "liar", credits: 0, held: [claimed]), at: 1)
    #expect(joined.contains(.revoke(lease)))
    #expect(scheduler.handle(.resultReceived(lease), at: 1) == [.acknowledge(lease, .refused)])
    #expect(scheduler.handle(.failed(lease, reason: "a lie"), at: 1).isEmpty)
    #expect(scheduler.holds(ShardLease(claimed, worker: "own")) && !scheduler.holds(lease))
  }

  @Test("Finished is said once, when every lane is; a lane without workers is named")
  func finished() {
    var scheduler = Self.scheduler(blocks: [ShardBlock(count: 1, model: 0), ShardBlock(count: 1, model: 1)])
    _ = scheduler.handle(.tick, at: 0)
    #expect(scheduler.lanesWithoutWorkers == [0, 1])
    for (worker, lane, shard) in [("a", 0, 0), ("b", 1, 1)] {
      scheduler.enrol(worker, lane: lane)
      _ = scheduler.handle(.joined(worker: worker, credits: 1, held: []), at: 1)
      let lease = ShardLease(shard: Int64(shard), attempt: 1, worker: worker)
      #expect(scheduler.handle(.resultReceived(lease), at: 2) == [.store(lease)])
      let actions = scheduler.handle(.stored(lease), at: 2)
      #expect(actions.contains(.finished) == (worker == "b"))
      #expect(scheduler.lanesWithoutWorkers == (worker == "a" ? [1] : []))
    }
    #expect(!scheduler.handle(.tick, at: 3).contains(.finished))
  }

  @Test("A lane whose workers fail on its shards does not set aside another's")
  func failures() {
    var scheduler = Self.scheduler(blocks: [ShardBlock(count: 1, model: 0), ShardBlock(count: 1, model: 1)])
    for (worker, lane) in [("a", 0), ("b", 1)] {
      scheduler.enrol(worker, lane: lane)
      _ = scheduler.handle(.joined(worker: worker, credits: 1, held: []), at: 0)
    }
    var actions: [Scheduler.Action] = []
    // Whoever fails alone is the last that could have computed it.
    for attempt in 1...3 {
      actions += scheduler.handle(
        .failed(ShardLease(shard: 1, attempt: attempt, worker: "b"), reason: "broken"), at: Double(attempt))
    }
    let setAside = actions.compactMap { if case .setAside(let shard, _) = $0 { shard } else { nil } }
    #expect(setAside == [1])
    #expect(scheduler.counts.leased == 1)
  }

  @Test(
    "Over any course of events each lane keeps to its workers, and pieces have numbers of their own", arguments: 0..<40)
  func courses(seed: UInt64) {
    var course = Course(seed: seed)
    course.run()
    #expect(course.broken.isEmpty, "seed \(seed): \(course.broken.prefix(3))")
    #expect(course.recordedImages == course.images, "seed \(seed): every image once")
  }

  /// Workers of three lanes that join, compute, fail and leave, under coordinators that begin again.
  private struct Course {
    var random: SeededRandom
    var scheduler: LaneScheduler
    var time = 0.0
    var broken: [String] = []
    /// The model and the images of each shard.
    var shards: [(model: Int, images: Int)] = []
    let planned: Int
    var replaced: Set<Int64> = []
    var recorded: Set<Int64> = []
    var held: [ShardLease] = []
    var workers: [String: Int] = [:]

    init(seed: UInt64) {
      random = SeededRandom(seed: seed)
      for block in LaneSchedulerTests.blocks {
        for index in 0..<block.count {
          shards.append((block.model, index == block.count - 1 ? block.lastImages : block.images))
        }
      }
      planned = shards.count
      scheduler = LaneSchedulerTests.scheduler(splitting: true)
    }

    var images: Int { shards.prefix(planned).reduce(0) { $0 + $1.images } }
    var recordedImages: Int { recorded.reduce(0) { $0 + shards[Int($1)].images } }

    mutating func run() {
      tell(.tick)
      for step in 0..<2_000 where recordedImages < images {
        time += 0.5
        switch random.below(step < 400 ? 12 : 3) {
        case 0: join()
        case 1, 2, 3, 4: compute()
        case 5: restart()
        case 6: leave()
        case 7: drop()
        default: tell(.tick)
        }
      }
    }

    private mutating func join() {
      let lane = random.below(3)
      let name = "w\(lane)-\(random.below(2))"
      workers[name] = lane
      scheduler.enrol(name, lane: lane)
      tell(
        .joined(worker: name, credits: 2, held: held.filter { $0.worker == name }.map(\.handingOver)))
    }

    private mutating func compute() {
      guard !held.isEmpty else { return }
      let lease = held.remove(at: random.below(held.count))
      tell(.resultReceived(lease, computeSeconds: 3))
    }

    private mutating func leave() {
      guard let name = workers.keys.sorted().dropFirst(random.below(max(1, workers.count))).first else { return }
      workers[name] = nil
      held.removeAll { $0.worker == name }
      tell(.left(worker: name))
    }

    private mutating func drop() {
      guard let lease = held.randomElement(using: &random) else { return }
      held.removeAll { $0 == lease }
      tell(.troubled(lease, reason: "no data"))
    }

    private mutating func restart() {
      scheduler = LaneSchedulerTests.scheduler(
        pieces: shards.dropFirst(planned).map { ShardBlock(count: 1, model: $0.model, images: $0.images) },
        touched: replaced.sorted().map { SchedulerShard(id: $0, state: .split) }, recorded: recorded.sorted(),
        splitting: true)
      held = []
      workers = [:]
      tell(.tick)
    }

    private mutating func tell(_ event: Scheduler.Event) {
      var events = [event]
      while let event = events.popLast() {
        for action in scheduler.handle(event, at: time) {
          switch action {
          case .lease(let lease), .adopted(let lease): take(lease)
          case .revoke(let lease): held.removeAll { $0 == lease }
          case .store(let lease):
            if !recorded.insert(lease.shard).inserted { broken.append("\(lease.shard) is recorded twice") }
            events.append(.stored(lease))
          case .split(let shard, let images, let first, _):
            split(shard, images, first)
            events.append(.split(shard))
          default: break
          }
        }
      }
    }

    private mutating func take(_ lease: ShardLease) {
      guard shards.indices.contains(Int(lease.shard)) else { return broken.append("there is no shard \(lease.shard)") }
      let lane = LaneSchedulerTests.laneOfModel[shards[Int(lease.shard)].model]
      if workers[lease.worker] != lane { broken.append("\(lease.shard) of lane \(lane) is \(lease.worker)'s") }
      held.append(lease)
    }

    private mutating func split(_ shard: Int64, _ images: [Int], _ first: Int64) {
      if first != shards.count { broken.append("pieces begin at \(first), not at \(shards.count)") }
      if images.reduce(0, +) != shards[Int(shard)].images { broken.append("the pieces of \(shard) are not its images") }
      shards += images.map { (shards[Int(shard)].model, $0) }
      replaced.insert(shard)
    }
  }
}
