import Shards

/// Whose failures count, and how much a worker is given. Everyone with a key can say that he is a worker, under as many names
/// as he likes. So a worker has to show what it can: one that has computed nothing gets few shards at once; where it fails
/// several it rests, longer each time, and tries one; and what it says against a shard counts only where no worker is about
/// that has computed something, and only after a while.
extension Scheduler {
  /// Shards that a worker which has computed nothing holds at most, and how many more each result of its own allows.
  static let firstAllowance = 16
  static let allowanceOfResult = 2
  /// How many failures make a worker that has computed nothing rest.
  static let failuresBeforeDistrust = 3

  /// Whether it has computed something.
  func isTrusted(_ worker: String) -> Bool { results[worker, default: 0] > 0 }

  /// Whether a worker that has computed something, and can read what shards need, is there beside this one.
  func hasTrusted(besides worker: String? = nil) -> Bool {
    trustedWorkers.count > (worker.map { trustedWorkers.contains($0) } == true ? 1 : 0)
  }

  /// The worker lives, and can read what shards need, or no more.
  mutating func setAble(_ name: String, _ isAble: Bool) {
    if isAble {
      ableWorkers.insert(name)
      if isTrusted(name) { trustedWorkers.insert(name) }
    } else {
      ableWorkers.remove(name)
      trustedWorkers.remove(name)
    }
  }

  /// Whose word counts: those that have computed something, where there are such, otherwise all.
  var judges: Set<String> { trustedWorkers.isEmpty ? ableWorkers : trustedWorkers }

  func hasCredit(_ name: String) -> Bool {
    guard let worker = workers[name], worker.holdsAlone == nil else { return false }
    return worker.leases.count + worker.storing.count < allowance(of: name, worker)
  }

  /// How many shards a worker may hold, those included whose result is being stored.
  private func allowance(of name: String, _ worker: Worker) -> Int {
    if worker.troubles > 0 || worker.distrust >= Self.failuresBeforeDistrust { return 1 }
    return min(worker.credits, Self.firstAllowance + Self.allowanceOfResult * results[name, default: 0])
  }

  /// The worker computed a shard.
  mutating func trust(_ name: String) {
    results[name, default: 0] += 1
    if ableWorkers.contains(name) { trustedWorkers.insert(name) }
    workers[name]?.distrust = 0
    workers[name]?.overdue = 0
    offer(name)
  }

  /// The worker failed a shard; where it has computed nothing, that says as much of it as of the shard.
  mutating func distrust(_ name: String, reason: String, _ now: Double) {
    guard !isTrusted(name), let worker = workers[name] else { return }
    workers[name]?.distrust += 1
    let times = worker.distrust + 1 - Self.failuresBeforeDistrust
    guard times >= 0, worker.restsUntil <= now else { return }
    rest(name, worker, leaseSeconds * min(1, 1.0 / 16 * Double(1 << min(times, 10))), reason: reason, now: now)
    let since = stall?.since ?? now
    let due = stallSeconds.isFinite ? since + min(stallSeconds, doubtSeconds) : .infinity
    stall = Stall(since: since, due: min(stall?.due ?? due, due), reason: reason)
  }

  /// The worker gets nothing for so many seconds.
  mutating func rest(_ name: String, _ worker: Worker, _ seconds: Double, reason: String, now: Double) {
    workers[name]?.restsUntil = max(worker.restsUntil, now + seconds)
    restDeadlines.insert(Deadline(time: now + seconds, serial: worker.serial, key: name))
    actions.append(.distrusted(worker: name, until: now + seconds, reason: reason))
  }

  // MARK: Verdicts

  /// Whether the failures of a shard set it aside. Three failures of one worker are not those of three: as long as another one
  /// lives, and is not in trouble, it is asked; where none does, nobody can say more. Where a worker is about that has computed
  /// something, failures of those that have not do not count.
  ///
  /// - Parameter worker: one that would fail it once more.
  func isExhausted(_ index: Int, after worker: String? = nil) -> Bool {
    let lost = losses[index] ?? 0
    guard Int(shards[index].failures) + lost + (worker == nil ? 0 : 1) >= maximumFailures else { return false }
    var counts = failureCounts[index] ?? [:]
    var names = failedWorkers[index] ?? []
    if let worker {
      counts[worker, default: 0] += 1
      names.insert(worker)
    }
    if hasTrusted() {
      counts = counts.filter { isTrusted($0.key) }
      names = names.filter(isTrusted)
    }
    guard counts.values.reduce(lost, +) >= maximumFailures else { return false }
    let judges = judges
    return names.count >= maximumFailures
      || (!judges.isEmpty && judges.count <= names.count && judges.isSubset(of: names))
  }

  /// Whether enough workers failed the shard that have computed something.
  func isExhaustedByTrusted(_ index: Int) -> Bool {
    Int(shards[index].failures) >= maximumFailures
      && (failureCounts[index] ?? [:]).keys.count(where: isTrusted) >= maximumFailures
  }

  /// Whether a shard that would be set aside waits for a worker that has computed something, for a while.
  mutating func isDoubted(_ index: Int, _ now: Double) -> Bool {
    guard doubtSeconds > 0, !hasTrusted() else { return false }
    let since = doubts[index] ?? now
    doubts[index] = since
    return now < since + doubtSeconds
  }

  /// How often workers failed a shard under a former coordinator, which knew the number and the names.
  mutating func countFailures(_ count: Int, of workers: Set<String>, _ index: Int) {
    guard let first = workers.min() else { return }
    failureCounts[index] = Dictionary(uniqueKeysWithValues: workers.map { ($0, 1) })
    failureCounts[index]?[first] = max(1, count - workers.count + 1)
  }

  /// When the first doubt ends.
  var doubtsEnd: Double? { doubts.values.filter(\.isFinite).min().map { $0 + doubtSeconds } }

  /// Sets aside what waited long enough for a worker that has computed something, and drops the doubt where one has come.
  mutating func endDoubts(_ now: Double) {
    guard let end = doubtsEnd, end <= now else { return }
    let isAsked = hasTrusted()
    for (index, since) in doubts.sorted(by: { $0.key < $1.key }) where since.isFinite && since + doubtSeconds <= now {
      if isAsked {
        doubts[index] = nil
      } else if !isWaiting(index) || !isExhausted(index) {
        // Its next failure is the last.
        doubts[index] = -.infinity
      } else {
        stopWaiting(index)
        setAside(index, reason: "failed \(shards[index].failures) times, on workers that have computed nothing else")
      }
    }
  }
}
