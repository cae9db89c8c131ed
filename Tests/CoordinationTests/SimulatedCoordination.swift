import CFaultyDisk
import Coordination
import Foundation
import Messaging
import Planning
import Shards

/// The world around a coordinator's loop, by a seed: the time, the connections, the workers and the moments at which the
/// ledger's writer works. Nothing waits and there are no threads: while the loop waits for a message the time goes on.
///
/// Messages come late, twice, in another order or not at all; workers die, come, fall silent, connect anew; somebody with
/// another key takes their names.
final class SimulatedCoordination: WorkerLine, CoordinatorClock, WriterExecutor, @unchecked Sendable {
  /// The process that the coordinator runs in is no more.
  struct Down: Error {}

  static let leaseSeconds = 20.0
  private static let heartbeatSeconds = 5.0
  private static let workerKey = try? CurveKeyPair.generate().publicKey
  private static let otherKey = try? CurveKeyPair.generate().publicKey

  private enum Happening {
    case arrives(WireMessage, from: PeerID, CurvePublicKey, epoch: Int)
    case told(WireMessage, PeerID)
    case computed(ShardAttempt, by: Int)
    case beat(Int)
    case writes(epoch: Int)
    case fault
    case ends(epoch: Int)
  }

  private struct Event {
    let time: Double
    let serial: Int
    let happening: Happening
  }

  /// A result that a coordinator said is recorded.
  struct Acknowledged: Equatable {
    let worker: String
    let attempt: Int
  }

  private var random: SeededRandom
  private var events: [Event] = []
  private var serial = 0
  private var inbox: [RouterEndpoint.Received] = []
  private var isWoken = false
  private var turn: (@Sendable () -> Bool)?
  private var isWriting = false
  private var epoch = 0
  private var connections: UInt32 = 0
  private var workers: [SimulatedWorker] = []
  private var byPeer: [PeerID: Int] = [:]
  /// The connection by which each worker joined this coordinator, and when it was heard there.
  private var joined: [String: (peer: PeerID, heardAt: Double)] = [:]
  /// Who says another's name, by connection.
  private var intruders: [PeerID: String] = [:]
  private let lanes: WorkerLanes
  private let result: (ShardDefinition, _ failing: Int?) -> Data

  private(set) var now = 1_000.0
  var date: Double { 1.75e9 + now }
  /// Nothing goes wrong any more.
  var isHarmless = false
  /// The disk has failed this coordinator.
  private(set) var hasFailed = false
  /// The coordinator is asked to end.
  private(set) var isDraining = false
  private(set) var violations: [String] = []
  /// What every shard is that was ever handed out.
  private(set) var leased: [Int64: ShardDefinition] = [:]
  private(set) var acknowledged: [Int64: Acknowledged] = [:]
  private(set) var happened = 0
  /// Told of each message that the coordinator takes, so that two runs can be compared.
  private(set) var trace: UInt64 = 0

  /// - Parameter result: what a worker sends of a shard; one of its images may be unreadable.
  init(seed: UInt64, lanes: WorkerLanes, result: @escaping (ShardDefinition, _ failing: Int?) -> Data) {
    random = SeededRandom(seed: seed)
    (self.lanes, self.result) = (lanes, result)
    for _ in 0..<3 { addWorker(.native) }
    for model in lanes.models { for _ in 0..<2 { addWorker(.python(model: model)) } }
    add(.fault, after: 5)
  }

  func violate(_ what: String) { violations.append(what) }

  /// What is handed out, as its ledger knows it.
  func note(_ definition: ShardDefinition) {
    if let known = leased[definition.id], known != definition {
      violate("shard \(definition.id) was \(known) when it was leased, and is leased as \(definition)")
    }
    leased[definition.id] = definition
  }

  /// The results of shards are taken up: others may be recorded in their place.
  func forgetAcknowledgements(of shards: Set<Int64>) { for shard in shards { acknowledged[shard] = nil } }

  // MARK: The coordinator's life

  /// A coordinator begins; all connect to it.
  func beginCoordinator() {
    epoch += 1
    now += random.chance(0.2) ? 3 * Self.leaseSeconds * random.unit() : 2 * random.unit()
    inbox.removeAll()
    isWoken = false
    isWriting = false
    isDraining = false
    hasFailed = false
    joined.removeAll()
    for index in workers.indices where workers[index].lives { connect(index) }
    if !isHarmless, random.chance(0.1) { add(.ends(epoch: epoch), after: 40 * random.unit()) }
  }

  // MARK: Time

  private func add(_ happening: Happening, after seconds: Double) {
    serial += 1
    let event = Event(time: now + seconds, serial: serial, happening: happening)
    // Few are waiting, most of them for soon.
    var place = events.count
    while place > 0, events[place - 1].time < event.time { place -= 1 }
    events.insert(event, at: place)
  }

  private func happen(_ happening: Happening) {
    happened += 1
    switch happening {
    case .arrives(let message, let peer, let key, let sent):
      if sent != epoch, random.chance(0.5) { return }
      let current = sent == epoch ? peer : byPeer[peer].map { workers[$0].peer } ?? peer
      inbox.append(RouterEndpoint.Received(peer: current, key: key, message: .success(message)))
    case .told(let message, let peer): tell(message, peer)
    case .computed(let shard, let worker): finish(shard, worker)
    case .beat(let worker): beat(worker)
    case .writes(let begun): if begun == epoch { write() }
    case .fault:
      if !isHarmless { fault() }
      add(.fault, after: 10 * random.unit())
    case .ends(let begun): if begun == epoch { isDraining = true }
    }
  }

  private func write() {
    isWriting = false
    if turn?() == true { workArrived() }
  }

  // MARK: WriterExecutor

  func begin(_ turn: @escaping @Sendable () -> Bool) { self.turn = turn }

  func workArrived() {
    guard !isWriting else { return }
    isWriting = true
    add(.writes(epoch: epoch), after: 0.001 + (random.chance(0.1) ? 3 : 0.05) * random.unit())
  }

  func end() {
    if gauntlet_disk_is_off() == 0 { while turn?() == true {} }
    turn = nil
  }

  // MARK: WorkerLine

  func wake() { isWoken = true }

  func receive(timeout: Duration) throws -> RouterEndpoint.Received? {
    let (seconds, attoseconds) = timeout.components
    let end = now + Double(seconds) + Double(attoseconds) * 1e-18
    while true {
      if gauntlet_disk_is_off() != 0 { throw Down() }
      if !isHarmless, gauntlet_disk_is_armed() == 0 {
        // What goes on after an error ends soon, too.
        hasFailed = true
        gauntlet_disk_arm(GAUNTLET_KILL, 1 + random.next(below: 60))
      }
      if !inbox.isEmpty { return take() }
      if isWoken {
        isWoken = false
        return nil
      }
      guard let next = events.last, next.time <= end else {
        now = max(now, end)
        return nil
      }
      events.removeLast()
      now = max(now, next.time)
      happen(next.happening)
    }
  }

  private func take() -> RouterEndpoint.Received {
    let received = inbox.removeFirst()
    trace = (trace &* 0x100_0000_01B3) ^ (now.bitPattern &+ UInt64(inbox.count))
    if let worker = byPeer[received.peer] { noteArrival(received, of: workers[worker].name) }
    return received
  }

  private func noteArrival(_ received: RouterEndpoint.Received, of name: String) {
    switch received.message {
    case .success(.hello): joined[name] = (received.peer, now)
    case .success(.goodbye) where joined[name]?.peer == received.peer: joined[name] = nil
    default: if joined[name]?.peer == received.peer { joined[name]?.heardAt = now }
    }
  }

  func send(_ message: WireMessage, to peer: PeerID) throws -> SendOutcome {
    // Nobody hears who is no more.
    if gauntlet_disk_is_off() != 0 { return .sent }
    if let name = intruders[peer] { return answerIntruder(message, name) }
    if case .rejection = message, let worker = byPeer[peer] { joined[workers[worker].name] = nil }
    if case .acknowledgement(let shard, .recorded) = message, let worker = byPeer[peer] {
      acknowledge(shard, of: workers[worker].name)
    }
    guard let worker = byPeer[peer], workers[worker].lives, workers[worker].peer == peer else {
      return random.chance(0.5) ? .unreachable : .sent
    }
    if case .lease(let shard, _) = message { checkLane(of: shard.shard, workers[worker]) }
    for _ in 0..<copies() { add(.told(message, peer), after: latency()) }
    return .sent
  }

  /// A worker is given what it can compute.
  private func checkLane(of shard: Int64, _ worker: SimulatedWorker) {
    guard let model = leased[shard]?.model else { return }
    let lane = lanes.ofModel.indices.contains(model) ? lanes.ofModel[model] : 0
    if (try? lanes.lane(of: worker.kind)) != lane { violate("\(worker.name) of another lane is given shard \(shard)") }
  }

  private func acknowledge(_ shard: ShardAttempt, of worker: String) {
    let new = Acknowledged(worker: worker, attempt: shard.attempt)
    if let known = acknowledged[shard.shard], known != new {
      violate("shard \(shard.shard) is recorded of \(known) and of \(new)")
    }
    acknowledged[shard.shard] = new
  }

  private func answerIntruder(_ message: WireMessage, _ name: String) -> SendOutcome {
    if case .welcome = message, let heard = joined[name]?.heardAt, now < heard + Self.leaseSeconds {
      violate("\(name), heard \(now - heard) s ago, lost its name to another key")
    }
    return .sent
  }

  // MARK: Messages

  private func copies() -> Int {
    if isHarmless { return 1 }
    let chance = random.unit()
    return chance < 0.03 ? 0 : chance < 0.08 ? 2 : 1
  }

  private func latency() -> Double {
    0.001 + 0.02 * random.unit() + (!isHarmless && random.chance(0.03) ? 8 * random.unit() : 0)
  }

  private func say(_ message: WireMessage, _ worker: Int) {
    guard let key = Self.workerKey, workers[worker].cutUntil <= now else { return }
    for _ in 0..<copies() { add(.arrives(message, from: workers[worker].peer, key, epoch: epoch), after: latency()) }
  }

  private func connect(_ worker: Int) {
    connections += 1
    workers[worker].peer = PeerID(number: connections)
    byPeer[workers[worker].peer] = worker
  }

  // MARK: Workers

  private func addWorker(_ kind: WorkerKind) {
    workers.append(
      SimulatedWorker(
        name: "w\(workers.count)", kind: kind, credits: 2 + random.next(below: 3),
        pace: 0.2 + 2 * random.unit() * random.unit()))
    connect(workers.count - 1)
    greet(workers.count - 1)
    add(.beat(workers.count - 1), after: Self.heartbeatSeconds * random.unit())
  }

  private func greet(_ worker: Int) {
    let this = workers[worker]
    say(
      .hello(
        .init(
          workerID: this.name, host: "h", credits: this.credits, version: "1", instructionSet: "", runID: "",
          held: this.held.map(\.shard), kind: this.kind)), worker)
  }

  private func offer(_ worker: Int, sentBefore: Double) {
    for place in workers[worker].held.indices {
      let held = workers[worker].held[place]
      guard let message = held.finished, held.sentAt < sentBefore else { continue }
      workers[worker].held[place].sentAt = now
      say(message, worker)
    }
  }

  private func beat(_ worker: Int) {
    guard workers[worker].lives else { return }
    add(.beat(worker), after: Self.heartbeatSeconds)
    guard workers[worker].isWelcome else { return greet(worker) }
    let held = workers[worker].held.map(\.shard)
    say(
      .heartbeat(
        held: held,
        passes: held.map { $0 == workers[worker].atWork ? UInt64((now - workers[worker].beganAt) * 100) : 0 }), worker)
    offer(worker, sentBefore: now - 3 * Self.heartbeatSeconds)
  }

  private func tell(_ message: WireMessage, _ peer: PeerID) {
    guard let worker = byPeer[peer], workers[worker].lives, workers[worker].peer == peer,
      workers[worker].cutUntil <= now
    else { return }
    switch message {
    case .welcome:
      let isUnasked = workers[worker].isWelcome
      workers[worker].isWelcome = !isUnasked
      guard isUnasked else { return }
      greet(worker)
      offer(worker, sentBefore: .infinity)
    case .lease(let shard, let task):
      guard !workers[worker].held.contains(where: { $0.shard == shard }), let definition = ShardDefinition(task: task)
      else { return }
      workers[worker].held.append(.init(shard: shard, definition: definition))
      work(worker)
    case .acknowledgement(let shard, _), .revocation(let shard):
      workers[worker].forget(shard)
      work(worker)
    case .rejection:
      workers[worker].lives = false
      addWorker(workers[worker].kind)
    default: break
    }
  }

  private func work(_ worker: Int) {
    guard workers[worker].atWork == nil, let next = workers[worker].held.first(where: { $0.finished == nil }) else {
      return
    }
    workers[worker].atWork = next.shard
    workers[worker].beganAt = now
    add(
      .computed(next.shard, by: worker),
      after: workers[worker].pace * Double(next.definition.imageCount) * (0.8 + 0.4 * random.unit()))
  }

  private func finish(_ shard: ShardAttempt, _ worker: Int) {
    guard workers[worker].lives, workers[worker].atWork == shard else { return }
    workers[worker].atWork = nil
    defer { work(worker) }
    guard let place = workers[worker].held.firstIndex(where: { $0.shard == shard }) else { return }
    let definition = workers[worker].held[place].definition
    if !isHarmless, random.chance(0.01) {
      workers[worker].forget(shard)
      return say(.failure(shard, reason: "not today", kind: .computation), worker)
    }
    let failing = !isHarmless && random.chance(0.05) ? random.next(below: definition.imageCount) : nil
    let message = WireMessage.result(shard, payload: result(definition, failing), computeNanoseconds: 1_000)
    workers[worker].held[place].finished = message
    workers[worker].held[place].sentAt = now
    say(message, worker)
  }

  // MARK: Faults

  private func fault() {
    let worker = random.next(below: workers.count)
    guard workers[worker].lives else { return }
    switch random.next(below: 8) {
    case 0:
      workers[worker].lives = false
      addWorker(workers[worker].kind)
    case 1:
      say(.goodbye, worker)
      workers[worker].lives = false
      addWorker(workers[worker].kind)
    case 2: workers[worker].cutUntil = now + 2 * Self.leaseSeconds * random.unit()
    case 3, 4: connect(worker)
    case 5:
      guard let key = Self.otherKey else { return }
      connections += 1
      let peer = PeerID(number: connections)
      intruders[peer] = workers[worker].name
      let hello = WireMessage.Hello(
        workerID: workers[worker].name, host: "h", credits: 4, version: "1", instructionSet: "")
      add(.arrives(.hello(hello), from: peer, key, epoch: epoch), after: latency())
    default: break
    }
  }
}

/// A worker's side of the conversation, as `WorkerDaemon` holds it.
private struct SimulatedWorker {
  struct Held {
    let shard: ShardAttempt
    let definition: ShardDefinition
    var finished: WireMessage?
    var sentAt = 0.0
  }

  let name: String
  /// What it computes.
  let kind: WorkerKind
  let credits: Int
  /// Seconds that an image takes.
  let pace: Double
  var peer = PeerID(number: 0)
  var lives = true
  /// Nothing comes in or goes out before.
  var cutUntil = 0.0
  var isWelcome = false
  var held: [Held] = []
  var atWork: ShardAttempt?
  var beganAt = 0.0

  mutating func forget(_ shard: ShardAttempt) { held.removeAll { $0.shard == shard } }
}

extension ShardDefinition {
  /// A task that says no more than what the shard is.
  var task: Data {
    Data(
      [id, Int64(model), Int64(benchmark), Int64(condition), Int64(firstImage), Int64(imageCount)].flatMap { number in
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
      })
  }

  init?(task: Data) {
    let bytes = [UInt8](task)
    guard bytes.count == 48 else { return nil }
    let numbers = (0..<6).map { place in
      (0..<8).reduce(Int64(0)) { $0 | Int64(bytes[8 * place + $1]) << (8 * $1) }
    }
    self.init(
      id: numbers[0], model: Int(numbers[1]), benchmark: Int(numbers[2]), condition: Int(numbers[3]),
      firstImage: Int(numbers[4]), imageCount: Int(numbers[5]))
  }
}
