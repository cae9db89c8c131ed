import Listening
import Logging
import NIOCore
import NIOPosix

/// The door's connections, on its thread.
final class DoorFloor {
  let limits: DoorLimits
  private let loop: any EventLoop
  private let backSocket: BackSocket
  private let admissions: Admissions
  private let authorized: AuthorizedKeys
  private let refusals: RefusalLog
  private let logger: Logger
  private var passages: [Int: Passage] = [:]
  /// Those that are not let in yet.
  private var crowd = Crowd()
  /// Those whose INITIATE is whole, in its order, and the one of them that ZeroMQ has.
  private var candidates = CircularBuffer<Passage>()
  private var candidate: Passage?
  private var lastNumber = 0
  private var keyVersion = 0
  private var idleCount = 0
  private var whenEmpty: EventLoopPromise<Void>?

  init(
    _ loop: any EventLoop, _ backSocket: BackSocket, limits: DoorLimits, admissions: Admissions,
    authorized: AuthorizedKeys, refusals: RefusalLog, logger: Logger
  ) {
    self.loop = loop
    self.backSocket = backSocket
    self.limits = limits
    self.admissions = admissions
    self.authorized = authorized
    self.refusals = refusals
    self.logger = logger
  }

  // MARK: Coming

  func arrive(_ client: any Channel) throws {
    if crowd.count >= limits.waiting {
      guard let number = crowd.mostExpendable(), let passage = passages[number] else {
        refusals.note(.crowdedOut, client.remoteAddress?.ipAddress ?? "")
        return client.close(promise: nil)
      }
      refuse(passage, .crowdedOut)
    }
    lastNumber += 1
    let passage = Passage(number: lastNumber, client: client, door: self)
    passages[passage.number] = passage
    crowd.insert(passage.number, from: Origin(client.remoteAddress), at: .now())
    try client.pipeline.syncOperations.addHandler(PassageEnd(passage, .client))
  }

  /// Connects a passage with ZeroMQ.
  func connect(_ passage: Passage) {
    guard case .welcoming = passage.stage else { return }
    switch backSocket.connect() {
    case .success(let descriptor): connect(passage, descriptor)
    case .failure(let error) where error.code == EAGAIN || error.code == EINTR:
      // ZeroMQ has not accepted those before it yet.
      loop.assumeIsolated().scheduleTask(in: .milliseconds(5)) { self.connect(passage) }
    case .failure: refuse(passage, .noMeans)
    }
  }

  private func connect(_ passage: Passage, _ descriptor: Int32) {
    let end = NIOLoopBound(passage, eventLoop: loop)
    Door.tune(ClientBootstrap(group: loop))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(PassageEnd(end.value, .backend))
        }
      }
      .withConnectedSocket(descriptor).assumeIsolated().whenComplete { outcome in
        switch outcome {
        case .success(let channel): passage.backendCame(channel)
        case .failure: self.refuse(passage, .noMeans)
        }
      }
  }

  func vouch(for passage: Passage) { crowd.vouch(for: passage.number) }

  // MARK: Deciding

  /// Has ZeroMQ ask the gatekeeper, one passage after the other.
  func decide(_ passage: Passage) {
    crowd.hold(passage.number)
    candidates.append(passage)
    decideNext()
  }

  private func decideNext() {
    while candidate == nil, let passage = candidates.popFirst() {
      guard case .deciding = passage.stage else { continue }
      guard passages.count - crowd.count < limits.admitted else {
        refuse(passage, .full)
        continue
      }
      candidate = passage
      admissions.ask(passage.number)
      passage.introduce()
    }
  }

  func isDeciding(_ passage: Passage) -> Bool { candidate === passage }

  /// ZeroMQ has answered a passage's INITIATE, or hung up.
  func learnDecision(_ passage: Passage, hungUp: Bool) {
    guard candidate === passage else { return }
    candidate = nil
    if let key = admissions.decision() {
      crowd.remove(passage.number)
      let bound = NIOLoopBound(passage, eventLoop: loop)
      let loop = loop
      let meter = Admissions.Meter { loop.execute { bound.value.resumeClient() } }
      admissions.open(passage.number, key, meter)
      passage.open(key, meter)
    } else {
      // It hangs up on an INITIATE that it cannot decrypt, and answers one whose key is not let in.
      refusals.note(hungUp ? .otherCoordinator : .unknownKey, passage.address)
      passage.part(from: .client)
    }
    decideNext()
  }

  // MARK: Going

  func refuse(_ passage: Passage, _ reason: Refusal) {
    if case .closed = passage.stage { return }
    refusals.note(reason, passage.address)
    passage.close()
  }

  func left(_ passage: Passage) {
    passages[passage.number] = nil
    crowd.remove(passage.number)
    if let key = passage.admittedKey { admissions.close(passage.number, key) }
    if candidate === passage {
      candidate = nil
      decideNext()
    }
    if passages.isEmpty { whenEmpty?.succeed() }
  }

  /// What time brings.
  func sweep() {
    let now = NIODeadline.now()
    for number in crowd.arrivals(before: now - limits.handshake) {
      if let passage = passages[number] { refuse(passage, .late) }
    }
    let keys = authorized.current
    if keys.version != keyVersion {
      keyVersion = keys.version
      revoke(allBut: keys.keys)
    }
    let idleCount = admissions.idleCount
    for passage in passages.values where passage.meter != nil {
      watch(passage, now, isIdle: idleCount != self.idleCount)
    }
    self.idleCount = idleCount
  }

  private func revoke(allBut keys: Set<CurvePublicKey>) {
    let revoked = passages.values.filter { $0.admittedKey.map { !keys.contains($0) } ?? false }
    guard !revoked.isEmpty else { return }
    logger.warning(
      "closed connections whose keys are no longer authorized",
      metadata: ["connections": "\(revoked.count)", "keys": "\(Set(revoked.compactMap(\.admittedKey)).count)"])
    for passage in revoked { passage.close() }
  }

  /// One that has handed over as much as may be, and nothing of it becomes a message.
  private func watch(_ passage: Passage, _ now: NIODeadline, isIdle: Bool) {
    let received = passage.meter?.receivedBytes ?? 0
    guard passage.isFull, isIdle, let stall = passage.stall, stall.received == received else {
      passage.stall = passage.isFull ? (received, now) : nil
      return
    }
    if now - stall.since >= limits.stall { refuse(passage, .endlessMessage) }
  }

  /// Closes the passages whose clients have what was sent to them, and the others when their time is over.
  func empty() -> EventLoopFuture<Void> {
    let promise = loop.makePromise(of: Void.self)
    if passages.isEmpty { promise.succeed() }
    whenEmpty = promise
    loop.assumeIsolated().scheduleTask(in: limits.parting) { promise.succeed() }
    return promise.futureResult
  }

  /// What was handed over and not received, of all.
  var unreceivedBytes: Int { passages.values.reduce(0) { $0 + $1.unreceivedBytes } }
}
