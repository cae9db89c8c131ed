/// The shards that wait for a worker: those that nobody has failed by their model, the others by the set of workers
/// that have failed them; of each kind the lowest position first.
///
/// A shard is pushed and removed in constant time but for a heap's logarithm: an entry whose ticket is no longer its
/// shard's stays in its heap until it comes to the top. Shards that never left cost nothing but their ticket.
struct PendingShards: Sendable {
  private struct Entry: Comparable, Sendable {
    let index: Int
    let ticket: UInt64

    static func < (left: Entry, right: Entry) -> Bool { left.index < right.index }
  }

  /// The shards of one model that nobody has failed.
  private struct Fresh: Sendable {
    /// Those that were there from the beginning, in rising order; some have left since.
    var first: [Range<Int>] = []
    /// How many ranges of `first` are through.
    var passed = 0
    /// Those that came back.
    var returned = BinaryHeap<Entry>()
  }

  private struct Bucket: Sendable {
    let failedWorkers: Set<String>
    var entries: BinaryHeap<Entry>
  }

  /// The ticket of a shard that was there from the beginning and never left; 0 is that of one that does not wait.
  private static let firstTicket: UInt64 = 1

  /// How many shards wait.
  private(set) var count = 0

  private var tickets: [UInt64]
  private var lastTicket = firstTicket
  private var fresh: [Fresh]
  // An array and not a dictionary alone, because a dictionary's order differs from process to process.
  private var failed: [Bucket] = []
  private var positions: [Set<String>: Int] = [:]

  /// All shards of the blocks wait, and nobody has failed one.
  init(blocks: [ShardBlock]) {
    fresh = Array(repeating: Fresh(), count: (blocks.map(\.model).max() ?? 0) + 1)
    for block in blocks where block.count > 0 {
      fresh[block.model].first.append(count..<count + block.count)
      count += block.count
    }
    tickets = Array(repeating: Self.firstTicket, count: count)
  }

  /// There are more shards; they do not wait yet.
  mutating func extend(by count: Int) { tickets.append(contentsOf: repeatElement(0, count: count)) }

  func contains(_ index: Int) -> Bool { tickets[index] != 0 }

  /// The shard waits; it does not yet.
  mutating func insert(_ index: Int, model: Int, failedWorkers: Set<String>) {
    lastTicket += 1
    tickets[index] = lastTicket
    count += 1
    let entry = Entry(index: index, ticket: lastTicket)
    if failedWorkers.isEmpty {
      fresh[model].returned.insert(entry)
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
  /// that every live worker has failed. Those of the models `avoiding` come behind those of others.
  mutating func take(for worker: String, live: Set<String>, model: Int?, avoiding: Set<Int> = []) -> Int? {
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
    guard let index = firstFresh(model, avoiding) ?? last else { return nil }
    remove(index)
    return index
  }

  /// What came back, and pieces, before what was never given: they belong to ranges that were begun.
  private mutating func firstFresh(_ model: Int?, _ avoided: Set<Int>) -> Int? {
    if !avoided.isEmpty {
      let others = fresh.indices.filter { !avoided.contains($0) }
      if let index = firstFresh(others, model.flatMap { avoided.contains($0) ? nil : $0 }) { return index }
    }
    return firstFresh(fresh.indices, model)
  }

  private mutating func firstFresh(_ models: some Collection<Int>, _ preferred: Int?) -> Int? {
    if let preferred, let index = firstReturned(of: preferred) ?? firstUntouched(of: preferred) { return index }
    return models.compactMap { firstReturned(of: $0) }.min() ?? models.compactMap { firstUntouched(of: $0) }.min()
  }

  private mutating func firstReturned(of model: Int) -> Int? { Self.first(of: &fresh[model].returned, tickets) }

  private mutating func firstUntouched(of model: Int) -> Int? {
    while fresh[model].passed < fresh[model].first.count {
      let range = fresh[model].first[fresh[model].passed]
      // What has left is looked at once.
      guard let index = range.first(where: { tickets[$0] == Self.firstTicket }) else {
        fresh[model].passed += 1
        continue
      }
      fresh[model].first[fresh[model].passed] = index..<range.upperBound
      return index
    }
    return nil
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
