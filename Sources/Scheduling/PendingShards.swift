/// The shards that wait for a worker, by the set of workers that have failed them, the lowest position first.
///
/// A shard is pushed and removed in constant time but for a heap's logarithm: an entry whose ticket is no longer its
/// shard's stays in its heap until it comes to the top.
struct PendingShards: Sendable {
  private struct Entry: Comparable, Sendable {
    let index: Int
    let ticket: UInt64

    static func < (left: Entry, right: Entry) -> Bool { left.index < right.index }
  }

  private struct Bucket: Sendable {
    let failedWorkers: Set<String>
    var entries: BinaryHeap<Entry>
  }

  /// How many shards wait.
  private(set) var count = 0

  private var tickets: [UInt64]
  private var lastTicket: UInt64 = 0
  private var fresh = BinaryHeap<Entry>()
  // An array and not a dictionary alone, because a dictionary's order differs from process to process.
  private var failed: [Bucket] = []
  private var positions: [Set<String>: Int] = [:]

  /// No shard waits; positions are below `capacity`.
  init(capacity: Int) { tickets = Array(repeating: 0, count: capacity) }

  func contains(_ index: Int) -> Bool { tickets[index] != 0 }

  /// The shard waits; it does not yet.
  mutating func insert(_ index: Int, failedWorkers: Set<String>) {
    lastTicket += 1
    tickets[index] = lastTicket
    count += 1
    let entry = Entry(index: index, ticket: lastTicket)
    if failedWorkers.isEmpty {
      fresh.insert(entry)
    } else if let position = positions[failedWorkers] {
      failed[position].entries.insert(entry)
    } else {
      positions[failedWorkers] = failed.count
      var entries = BinaryHeap<Entry>()
      entries.insert(entry)
      failed.append(Bucket(failedWorkers: failedWorkers, entries: entries))
    }
  }

  /// The shard does not wait any more; it did.
  mutating func remove(_ index: Int) {
    tickets[index] = 0
    count -= 1
  }

  /// Removes and returns the shard that `worker` is to compute next: one that nobody has failed, else one that
  /// others have, else one that every live worker has.
  mutating func take(for worker: String, live: Set<String>) -> Int? {
    if let index = Self.first(of: &fresh, tickets) {
      remove(index)
      return index
    }
    var last: Int?
    var position = 0
    while position < failed.count {
      guard let index = Self.first(of: &failed[position].entries, tickets) else {
        dropBucket(position)
        continue
      }
      let failedWorkers = failed[position].failedWorkers
      if !failedWorkers.contains(worker) {
        remove(index)
        return index
      }
      if last == nil, live.count <= failedWorkers.count, live.isSubset(of: failedWorkers) { last = index }
      position += 1
    }
    if let last { remove(last) }
    return last
  }

  private static func first(of entries: inout BinaryHeap<Entry>, _ tickets: [UInt64]) -> Int? {
    while let entry = entries.first {
      if tickets[entry.index] == entry.ticket { return entry.index }
      entries.removeFirst()
    }
    return nil
  }

  private mutating func dropBucket(_ position: Int) {
    positions[failed[position].failedWorkers] = nil
    let moved = failed.removeLast()
    guard position < failed.count else { return }
    failed[position] = moved
    positions[moved.failedWorkers] = position
  }
}
