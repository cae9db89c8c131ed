import Foundation
import Messaging
import Synchronization

/// The coordinator's end of its connections.
package protocol WorkerLine: Sendable {
  /// Waits for a message for at most `timeout`; nil when the time is over, or the wait was ended.
  func receive(timeout: Duration) throws -> RouterEndpoint.Received?
  /// Hands a message over. Never waits.
  func send(_ message: WireMessage, to peer: PeerID) throws -> SendOutcome
  /// Ends the wait of ``receive(timeout:)``. May be called from any thread.
  func wake()
}

extension RouterEndpoint: WorkerLine {
  package func receive(timeout: Duration) throws -> Received? { try receive(timeout: .some(timeout)) }
  package func wake() { waker.wake() }
}

/// The time.
package protocol CoordinatorClock: Sendable {
  /// Seconds of a clock that never goes back.
  var now: Double { get }
  /// Seconds since 1970, as people tell the time.
  var date: Double { get }
}

struct SystemClock: CoordinatorClock {
  private let start = ContinuousClock.now
  var now: Double { (ContinuousClock.now - start).inSeconds }
  var date: Double { Date().timeIntervalSince1970 }
}

/// Where the ledger's writer works.
package protocol WriterExecutor: Sendable {
  /// Told once what there is to do: `turn` does what is next, and gives false where that is nothing.
  func begin(_ turn: @escaping @Sendable () -> Bool)
  /// There is something to do. May be called from any thread.
  func workArrived()
  /// Returns once everything is done; there will be nothing more.
  func end()
}

/// A thread of its own.
final class ThreadExecutor: WriterExecutor {
  private let work = DispatchSemaphore(value: 0)
  private let ended = DispatchSemaphore(value: 0)
  private let isEnding = Atomic(false)

  func begin(_ turn: @escaping @Sendable () -> Bool) {
    let thread = Thread { [self] in
      while true {
        work.wait()
        // Before the last turns, which find what was there when the end was asked for.
        let isLast = isEnding.load(ordering: .acquiring)
        while turn() {}
        if isLast { break }
      }
      ended.signal()
    }
    thread.stackSize = 4 << 20
    thread.start()
  }

  func workArrived() { work.signal() }

  func end() {
    isEnding.store(true, ordering: .releasing)
    work.signal()
    ended.wait()
  }
}

/// What a coordinator's loop has of the world beside its ledger and its run folder. A simulation has another one.
package struct CoordinatorSurroundings: Sendable {
  let line: any WorkerLine
  let clock: any CoordinatorClock
  let executor: any WriterExecutor

  package init(line: any WorkerLine, clock: any CoordinatorClock, executor: any WriterExecutor) {
    self.line = line
    self.clock = clock
    self.executor = executor
  }

  /// Connections, the machine's clock and a thread.
  package init(line: any WorkerLine) { self.init(line: line, clock: SystemClock(), executor: ThreadExecutor()) }
}
