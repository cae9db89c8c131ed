/// The shards that wait for a worker: those that nobody has failed by their model, the others by the set of workers
/// that have failed them; the lowest position first.
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
  private let models: [Int]
  private var fresh: [BinaryHeap<Entry>]
  // An array and not a dictionary alone, because a dictionary's order differs from process to process.
  private var failed: [Bucket] = []
  private var positions: [Set<String>: Int] = [:]

  /// No shard waits; `models` has the model of each position, counted from 0 without large gaps.
  init(models: [Int]) {
    self.models = models
    tickets = Array(repeating: 0, count: models.count)
    fresh = Array(repeating: BinaryHeap(), count: (models.max() ?? 0) + 1)
  }

  func contains(_ index: Int) -> Bool { tickets[index] != 0 }

  /// The shard waits; it does not yet.
  mutating func insert(_ index: Int, failedWorkers: Set<String>) {
    lastTicket += 1
    tickets[index] = lastTicket
    count += 1
    let entry = Entry(index: index, ticket: lastTicket)
    if failedWorkers.isEmpty {
      fresh[models[index]].insert(entry)
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

  /// Removes and returns the shard that `worker` is to compute next: one that others have failed, so that it is soon
  /// known whether shard or worker is to blame; else one of `model`; else the first that nobody has failed; else one
  /// that every live worker has failed.
  mutating func take(for worker: String, live: Set<String>, model: Int?) -> Int? {
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
    guard let index = firstFresh(model) ?? last else { return nil }
    remove(index)
    return index
  }

  private mutating func firstFresh(_ model: Int?) -> Int? {
    if let model, let index = Self.first(of: &fresh[model], tickets) { return index }
    var least: Int?
    for model in fresh.indices {
      if let index = Self.first(of: &fresh[model], tickets), index < least ?? .max { least = index }
    }
    return least
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
