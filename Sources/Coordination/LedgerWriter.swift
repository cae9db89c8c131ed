import Foundation
import Planning
import Scheduling
import Shards
import Synchronization

/// Makes results durable and enters the journal, many entries to one commit, on a thread of its own.
///
/// Everything goes through one queue in order, so the ledger tells the story as it happened. A result is reported as
/// stored only after the commit that records it.
final class LedgerWriter: Sendable {
  /// What is to be done.
  enum Task: Sendable {
    case enter(LedgerEntry)
    case store(ShardLease, ShardDefinition, payload: Data, computeNanoseconds: UInt64)
  }

  /// What was done.
  enum Completion: Sendable {
    case stored(ShardLease, StoredPart?)
    case refused(ShardLease, reason: String)
    case split(Int64)
    case broken(any Error)
  }

  private struct State {
    var tasks: [Task] = []
    var completions: [Completion] = []
    var isBusy = false
    var isBroken = false
  }

  /// Tasks of one commit; more would only make their workers wait longer.
  private static let largestCommit = 512

  private let ledger: Ledger
  private let source: any WorkSource
  /// Parts that lack images which could not be read, by shards that are computed anew for them.
  private let former: [Int64: StoredPart]
  private let surroundings: CoordinatorSurroundings
  private let state = Mutex(State())

  /// Begins; the line is woken when there are completions, and when the queue has run empty.
  init(
    ledger: Ledger, source: any WorkSource, former: [Int64: StoredPart] = [:], surroundings: CoordinatorSurroundings
  ) {
    self.ledger = ledger
    self.former = former
    self.source = source
    self.surroundings = surroundings
    surroundings.executor.begin { [self] in
      guard let batch = takeBatch() else { return false }
      perform(batch)
      return true
    }
  }

  /// Puts tasks at the end of the queue.
  func add(_ tasks: [Task]) {
    guard !tasks.isEmpty else { return }
    state.withLock { $0.tasks += tasks }
    surroundings.executor.workArrived()
  }

  /// What was done since the last call.
  func takeCompletions() -> [Completion] {
    state.withLock { state in
      defer { state.completions = [] }
      return state.completions
    }
  }

  /// Nothing is queued, in work, or done and not taken.
  var isIdle: Bool { state.withLock { $0.tasks.isEmpty && !$0.isBusy && $0.completions.isEmpty } }

  /// Does what is queued, then ends.
  func end() { surroundings.executor.end() }

  private func takeBatch() -> [Task]? {
    state.withLock { state in
      if state.isBroken { state.tasks = [] }
      guard !state.tasks.isEmpty else { return nil }
      state.isBusy = true
      let batch = Array(state.tasks.prefix(Self.largestCommit))
      state.tasks.removeFirst(batch.count)
      return batch
    }
  }

  /// Where the run folder is gone, that is why something could not be written.
  private func cause(of error: any Error) -> any Error {
    do {
      try ledger.checkPlace()
      return error
    } catch let gone {
      return gone
    }
  }

  private func perform(_ batch: [Task]) {
    var entries: [LedgerEntry] = []
    var completions: [Completion] = []
    var replaced: [StoredPart] = []
    do {
      // A part is not written into a folder that is gone.
      try ledger.checkPlace()
      for task in batch {
        switch task {
        case .enter(let entry):
          entries.append(entry)
          if case .split(let shard, _) = entry { completions.append(.split(shard)) }
        case .store(let lease, let definition, let payload, let nanoseconds):
          do {
            let former = former[lease.shard]
            let part = try source.store(
              payload, for: definition, attempt: lease.attempt, worker: lease.worker, former: former)
            if let former, former.path != part?.path { replaced.append(former) }
            entries.append(
              .recorded(
                shard: lease.shard, attempt: lease.attempt, worker: lease.worker, part: part,
                computeNanoseconds: nanoseconds, time: surroundings.clock.date))
            completions.append(.stored(lease, part))
          } catch let refusal as InvalidResult {
            completions.append(.refused(lease, reason: refusal.reason))
          }
        }
      }
      try ledger.commit(entries)
      for part in replaced { source.remove(part) }
    } catch {
      // Nothing of this batch is in the ledger, so nothing of it may be acknowledged.
      completions = [.broken(cause(of: error))]
    }
    state.withLock { state in
      if case .broken = completions.first { state.isBroken = true }
      state.completions += completions
      state.isBusy = false
    }
    surroundings.line.wake()
  }
}
