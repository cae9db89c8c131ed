import Durable
import Foundation
import Messaging
import Shards
import Synchronization

/// Threads that compute one shard each at a time, from one queue.
package final class ComputeStreams: Sendable {
  /// A shard's output and how long it took.
  package struct Output: Sendable {
    package let payload: Data
    package let nanoseconds: UInt64
  }

  /// Why there is none.
  package struct Failure: Error {
    package let reason: String
    package let kind: WireMessage.FailureKind
  }

  private struct State {
    var waiting: [(ShardAttempt, Data)] = []
    /// Of shards that are being computed.
    var passes: [ShardAttempt: PassCounter] = [:]
    var finished: [(ShardAttempt, Result<Output, Failure>)] = []
    var isEnding = false
  }

  private let computer: any ShardComputer
  private let notify: @Sendable () -> Void
  private let state = Mutex(State())
  private let work = DispatchSemaphore(value: 0)
  private let count: Int
  private let times: StreamTimes

  /// Starts the threads; `notify` is called when there is something finished.
  package init(
    count: Int, computer: any ShardComputer, times: StreamTimes, notify: @escaping @Sendable () -> Void
  ) {
    self.computer = computer
    self.times = times
    self.notify = notify
    self.count = count
    for _ in 0..<count {
      let thread = Thread { [self] in loop() }
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  package func add(_ shard: ShardAttempt, _ task: Data) {
    state.withLock { $0.waiting.append((shard, task)) }
    work.signal()
  }

  /// Takes a shard out of the queue; one that is being computed goes on, for nothing.
  func remove(_ shard: ShardAttempt) {
    state.withLock { $0.waiting.removeAll { $0.0 == shard } }
  }

  /// How many passes each shard has taken so far.
  func passes(of shards: [ShardAttempt]) -> [UInt64] {
    state.withLock { state in shards.map { state.passes[$0]?.value ?? 0 } }
  }

  /// Empties the queue.
  func removeWaiting() -> [ShardAttempt] {
    state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting.map(\.0)
    }
  }

  package func takeFinished() -> [(ShardAttempt, Result<Output, Failure>)] {
    state.withLock { state in
      defer { state.finished = [] }
      return state.finished
    }
  }

  /// Lets the threads end after the shards that they have; does not wait for them.
  package func end() {
    state.withLock { state in
      state.isEnding = true
      state.waiting = []
    }
    for _ in 0..<count { work.signal() }
  }

  private func take() -> (ShardAttempt, Data)? {
    state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
  }

  private func loop() {
    // The wait for the first shard is not counted: there may be no work yet.
    var idleSince: ContinuousClock.Instant?
    while true {
      work.wait()
      guard !state.withLock(\.isEnding) else { return }
      // A shard that was taken back leaves its signal behind.
      guard let (shard, task) = take() else { continue }
      let start = ContinuousClock.now
      if let idleSince { times.add(start - idleSince, to: .waitingForShards) }
      defer { idleSince = ContinuousClock.now }
      let result: Result<Output, Failure>
      let passes = PassCounter()
      state.withLock { $0.passes[shard] = passes }
      do {
        let payload = try computer.compute(task: task, counting: passes)
        let time = (ContinuousClock.now - start).components
        result = .success(
          Output(
            payload: payload,
            nanoseconds: UInt64(max(0, time.seconds)) &* 1_000_000_000
              &+ UInt64(max(0, time.attoseconds / 1_000_000_000))))
      } catch {
        result = .failure(
          Failure(reason: error.sentence, kind: error is WorkerTrouble ? .surroundings : .computation))
      }
      state.withLock { state in
        state.passes[shard] = nil
        state.finished.append((shard, result))
      }
      notify()
    }
  }
}
