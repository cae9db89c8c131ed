/// The shards that wait for a worker: those that nobody has failed by their group, the others by the set of workers
/// that have failed them, too; of each kind the lowest position first.
///
/// A shard is pushed and removed in constant time but for a heap's logarithm: an entry whose ticket is no longer its
/// shard's stays in its heap until it comes to the top. Shards that never left cost nothing but their ticket.
struct PendingShards: Sendable {
  private struct Entry: Comparable, Sendable {
    let index: Int
    let ticket: UInt64

    static func < (left: Entry, right: Entry) -> Bool { left.index < right.index }
  }

  /// The shards of one group that nobody has failed.
  private struct Fresh: Sendable {
    /// Those that were there from the beginning, in rising order; some have left since.
    var first: [Range<Int>] = []
    /// How many ranges of `first` are through.
    var passed = 0
    /// Those that came back.
    var returned = BinaryHeap<Entry>()
  }

  private struct BucketKey: Sendable, Hashable {
    let failedWorkers: Set<String>
    /// Its position in `groups`.
    let group: Int
  }

  private struct Bucket: Sendable {
    let key: BucketKey
    var entries: BinaryHeap<Entry>
  }

  /// A shard that may be taken.
  private struct Candidate {
    let index: Int
    let rank: Suspicion.Rank
  }

  /// The ticket of a shard that was there from the beginning and never left; 0 is that of one that does not wait.
  private static let firstTicket: UInt64 = 1

  /// How many shards wait.
  private(set) var count = 0

  private var tickets: [UInt64]
  private var lastTicket = firstTicket
  private var groups: [ShardGroup] = []
  private var groupPositions: [ShardGroup: Int] = [:]
  /// The positions of each model's groups.
  private var ofModel: [Int: [Int]] = [:]
  /// By the groups' positions.
  private var fresh: [Fresh] = []
  // An array and not a dictionary alone, because a dictionary's order differs from process to process.
  private var failed: [Bucket] = []
  private var positions: [BucketKey: Int] = [:]

  /// All shards of the blocks wait, and nobody has failed one.
  init(blocks: [ShardBlock]) {
    tickets = Array(repeating: Self.firstTicket, count: blocks.reduce(0) { $0 + $1.count })
    for block in blocks where block.count > 0 {
      fresh[position(of: block.group)].first.append(count..<count + block.count)
      count += block.count
    }
  }

  private mutating func position(of group: ShardGroup) -> Int {
    if let position = groupPositions[group] { return position }
    groupPositions[group] = groups.count
    ofModel[group.model, default: []].append(groups.count)
    groups.append(group)
    fresh.append(Fresh())
    return groups.count - 1
  }

  /// There are more shards; they do not wait yet.
  mutating func extend(by count: Int) { tickets.append(contentsOf: repeatElement(0, count: count)) }

  func contains(_ index: Int) -> Bool { tickets[index] != 0 }

  /// The shard waits; it does not yet.
  mutating func insert(_ index: Int, group: ShardGroup, failedWorkers: Set<String>) {
    lastTicket += 1
    tickets[index] = lastTicket
    count += 1
    let entry = Entry(index: index, ticket: lastTicket)
    let key = BucketKey(failedWorkers: failedWorkers, group: position(of: group))
    if failedWorkers.isEmpty {
      fresh[key.group].returned.insert(entry)
    } else if let position = positions[key] {
      failed[position].entries.insert(entry)
    } else {
      positions[key] = failed.count
      var entries = BinaryHeap<Entry>()
      entries.insert(entry)
      failed.append(Bucket(key: key, entries: entries))
    }
  }

  /// The shard does not wait any more; it did.
  mutating func remove(_ index: Int) {
    tickets[index] = 0
    count -= 1
  }

  /// Removes and returns the shard that `worker` is to compute next: one that others have failed, so that it is soon
  /// known whether shard or worker is to blame; else one of `model`; else the first that nobody has failed; else one
  /// that all `judges` have failed, nil where the worker's failing it once more would say nothing. What is suspected comes behind what is less so.
  mutating func take(
    for worker: String, judges: Set<String>?, model: Int?, suspicion: Suspicion = Suspicion()
  ) -> Int? {
    var best: Candidate?
    var last: Candidate?
    var position = 0
    while position < failed.count {
      guard let index = Self.first(of: &failed[position].entries, tickets) else {
        dropBucket(position)
        continue
      }
      let failedWorkers = failed[position].key.failedWorkers
      let found = Candidate(index: index, rank: suspicion.rank(of: groups[failed[position].key.group]))
      if !failedWorkers.contains(worker) {
        if best.map({ found.rank < $0.rank }) ?? true { best = found }
        if found.rank == .none { break }
      } else if let judges, last.map({ found.rank < $0.rank }) ?? true, judges.count <= failedWorkers.count,
        judges.isSubset(of: failedWorkers)
      {
        last = found
      }
      position += 1
    }
    if best?.rank != Suspicion.Rank.none, let fresh = firstFresh(model, suspicion),
      best.map({ fresh.rank < $0.rank }) ?? true
    {
      best = fresh
    }
    guard let index = (best ?? last)?.index else { return nil }
    remove(index)
    return index
  }

  private mutating func firstFresh(_ model: Int?, _ suspicion: Suspicion) -> Candidate? {
    if suspicion.isEmpty {
      let own = model.flatMap { ofModel[$0] }.flatMap { first(among: $0) }
      return (own ?? first(among: groups.indices)).map { Candidate(index: $0, rank: .none) }
    }
    let waiting = groups.indices.filter { first(among: CollectionOfOne($0)) != nil }
    guard let rank = waiting.map({ suspicion.rank(of: groups[$0]) }).min() else { return nil }
    let least = waiting.filter { suspicion.rank(of: groups[$0]) == rank }
    let own = model.flatMap { model in first(among: least.filter { groups[$0].model == model }) }
    return (own ?? first(among: least)).map { Candidate(index: $0, rank: rank) }
  }

  /// The first shard of these groups that nobody has failed: what came back, and pieces, before what was never given. They
  /// belong to ranges that were begun.
  private mutating func first(among positions: some Collection<Int>) -> Int? {
    positions.compactMap { firstReturned(of: $0) }.min() ?? positions.compactMap { firstUntouched(of: $0) }.min()
  }

  private mutating func firstReturned(of group: Int) -> Int? { Self.first(of: &fresh[group].returned, tickets) }

  private mutating func firstUntouched(of group: Int) -> Int? {
    while fresh[group].passed < fresh[group].first.count {
      let range = fresh[group].first[fresh[group].passed]
      // What has left is looked at once.
      guard let index = range.first(where: { tickets[$0] == Self.firstTicket }) else {
        fresh[group].passed += 1
        continue
      }
      fresh[group].first[fresh[group].passed] = index..<range.upperBound
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
    positions[failed[position].key] = nil
    let moved = failed.removeLast()
    guard position < failed.count else { return }
    failed[position] = moved
    positions[moved.key] = position
  }
}
