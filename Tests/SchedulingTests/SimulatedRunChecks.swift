import Scheduling
import Shards

/// What the scheduler may and must not do, step by step.
extension SimulatedRun {
  func isLive(_ worker: String) -> Bool {
    guard let seen = seen[worker] else { return false }
    return seen.isConnected && seen.heardAt + Self.leaseSeconds > time
  }

  /// It lives, and could read what the last shard needed.
  func isAble(_ worker: String) -> Bool { isLive(worker) && !troubled.contains(worker) }

  /// A worker whose word counts and that has not failed a shard, which too few have failed to do without.
  private func otherJudge(of shard: Int64, at time: Double) -> String? {
    let able = seen.filter {
      $0.value.isConnected && $0.value.heardAt + Self.leaseSeconds > time && !troubled.contains($0.key)
    }
    .keys.sorted()
    let hasTrusted = able.contains(where: isTrusted)
    let failed = failedWorkers[Int(shard)]
    guard failed.count(where: { !hasTrusted || isTrusted($0) }) < Self.maximumFailures else { return nil }
    return able.first { (!hasTrusted || isTrusted($0)) && !failed.contains($0) }
  }

  func held(by worker: String) -> Int {
    leases.values.count { $0.worker == worker } + copies.values.count { $0.worker == worker }
      + stores.values.count { $0.isHeld && $0.lease.worker == worker }
  }

  mutating func check(_ action: Scheduler.Action) {
    switch action {
    case .lease(let lease):
      checkLease(lease)
      if leases[lease.shard] == nil { leases[lease.shard] = lease } else { copies[lease.shard] = lease }
      lastModel[lease.worker] = models[Int(lease.shard)]
      checkCredits(lease.worker)
      journal.append(action)
      post(action, to: lease.worker)
    case .adopted(let lease):
      if leases[lease.shard] != nil || stores[lease.shard] != nil || ended.contains(lease.shard) {
        violate("adopts shard \(lease.shard), which does not wait")
      }
      if reserved.removeValue(forKey: lease.shard) != nil { tally["reclaimed", default: 0] += 1 }
      if isAlone(lease.shard) { aloneLeases.insert(lease) }
      leases[lease.shard] = lease
      lastModel[lease.worker] = models[Int(lease.shard)]
      checkCredits(lease.worker)
      journal.append(action)
    case .revoke(let lease):
      if reserved[lease.shard]?.worker == lease.worker { reserved[lease.shard] = nil }
      if leases[lease.shard] == lease || copies[lease.shard] == lease {
        violate("revokes a lease that goes on: \(lease)")
      }
      post(action, to: lease.worker)
    case .ended(let lease, let outcome, _):
      checkEnd(lease, outcome)
      journal.append(action)
    case .setAside(let shard, _):
      if failures[Int(shard)] < Self.maximumFailures {
        violate("sets shard \(shard) aside after \(failures[Int(shard)]) failures")
      }
      // Who has fallen silent since the scheduler looked last is there for it.
      let others = [time, lookedAt].compactMap { otherJudge(of: shard, at: $0) }
      if others.count == 2, let other = others.first {
        violate(
          "sets shard \(shard) aside after failures of \(failedWorkers[Int(shard)].sorted()), though there is \(other)")
      }
      if leases[shard] != nil || !ended.insert(shard).inserted { violate("sets shard \(shard) aside out of turn") }
      journal.append(action)
    case .setAsideImage(let lease, _):
      tally["image set aside", default: 0] += 1
      if images[Int(lease.shard)] != 1 || losses[Int(lease.shard)] < Self.maximumFailures {
        violate("sets aside the images of shard \(lease.shard), lost \(losses[Int(lease.shard)]) times")
      }
      if leases[lease.shard] != nil || stores[lease.shard] != nil || ended.contains(lease.shard) {
        violate("sets aside the image of shard \(lease.shard) out of turn")
      }
      stores[lease.shard] = (lease, false)
    case .split(let shard, let sizes, let firstPiece, let worker):
      checkSplit(shard, sizes, firstPiece, worker)
      journal.append(action)
    case .store(let lease):
      if isSplit(lease.shard) { violate("stores shard \(lease.shard), which is split") }
      if rows[Int(lease.shard)].isRecorded { violate("stores shard \(lease.shard), which is recorded") }
      if stores[lease.shard] != nil { violate("stores shard \(lease.shard) twice at once") }
      let isHeld = leases[lease.shard] == lease
      if isHeld { leases[lease.shard] = nil }
      reserved[lease.shard] = nil
      if leases[lease.shard] != nil { violate("stores shard \(lease.shard) while another holds it") }
      stores[lease.shard] = (lease, isHeld)
    case .acknowledge(let lease, let outcome):
      checkAcknowledgement(lease, outcome)
      post(action, to: lease.worker)
    case .unknown(let worker):
      if seen[worker] != nil { violate("does not know \(worker)") }
      post(action, to: worker)
    case .rested(let worker, let until):
      if blame[worker, default: 0] < 3 { violate("rests \(worker), which is not to blame") }
      if until > time + 4 * Self.leaseSeconds { violate("rests \(worker) for too long") }
      blame[worker] = 0
      restsUntil[worker] = max(until, restsUntil[worker] ?? 0)
      blamedUntil[worker] = until
      tally["rested", default: 0] += 1
    case .troubled(let worker, let until, _):
      if restsUntil[worker] ?? 0 > time { violate("rests \(worker), which rests") }
      if until > time + Self.leaseSeconds { violate("rests \(worker) for too long") }
      restsUntil[worker] = until
      troubled.insert(worker)
      tally["troubled", default: 0] += 1
    case .distrusted(let worker, let until, _):
      if until > time + 32 * Self.leaseSeconds { violate("rests \(worker) for too long") }
      restsUntil[worker] = max(until, restsUntil[worker] ?? 0)
      tally["distrusted", default: 0] += 1
    case .stalled: violate("is stalled")
    case .refused(let worker, _):
      troubled.remove(worker)
      avoided[worker] = nil
      if refused.insert(worker).inserted, blame[worker, default: 0] < 3 { violate("refuses \(worker) without blame") }
      seen[worker] = nil
      post(action, to: worker)
    case .finished:
      if natures.indices.contains(where: { !ended.contains(Int64($0)) }) || !stores.isEmpty {
        violate("is not finished")
      }
      isFinished = true
    }
  }

  mutating func checkLease(_ lease: ShardLease) {
    if leases[lease.shard] != nil {
      checkCopy(lease)
    } else if stores[lease.shard] != nil || ended.contains(lease.shard) {
      violate("leases shard \(lease.shard), which does not wait")
    }
    if let holder = reserved[lease.shard] { violate("leases shard \(lease.shard), which \(holder.worker) may hold") }
    if restsUntil[lease.worker] ?? 0 > time { violate("leases to \(lease.worker), which rests") }
    if !isLive(lease.worker) { violate("leases to \(lease.worker), which is not there") }
    let failed = failedWorkers[Int(lease.shard)]
    let others = Array(leases.values) + copies.values
    if others.contains(where: { $0.worker == lease.worker && (isAlone(lease.shard) || aloneLeases.contains($0)) }) {
      violate("leases \(lease) beside others of its worker")
    }
    if isAlone(lease.shard) {
      aloneLeases.insert(lease)
      return
    }
    if leases[lease.shard] == nil, failed.isEmpty, let model = lastModel[lease.worker],
      model != models[Int(lease.shard)], avoided[lease.worker]?.contains(model) != true,
      let other = natures.indices.first(where: {
        models[$0] == model && waits($0) && failedWorkers[$0].isEmpty && !isAlone(Int64($0))
      })
    {
      violate("\(lease.worker) changes its model, though shard \(other) of model \(model) waits")
    }
    let able = seen.keys.filter(isAble)
    let judges = able.contains(where: isTrusted) ? able.filter(isTrusted) : able
    if failed.contains(lease.worker), let other = judges.first(where: { !failed.contains($0) }) {
      violate("leases shard \(lease.shard) to \(lease.worker), which failed it, though there is \(other)")
    }
  }

  func waits(_ shard: Int) -> Bool {
    let id = Int64(shard)
    return leases[id] == nil && stores[id] == nil && !ended.contains(id) && reserved[id] == nil && splitting[id] == nil
      && !splitting.values.contains { $0.pieces.contains(shard) }
  }

  /// Whether the shard was lost twice, itself or what it is a piece of: it is computed alone.
  func isAlone(_ shard: Int64) -> Bool { suspicion.indices.contains(Int(shard)) && suspicion[Int(shard)] >= 2 }

  func isSplit(_ shard: Int64) -> Bool {
    splitting[shard] != nil || (Int(shard) < rows.count && rows[Int(shard)].isSplit)
  }

  /// Only a shard that waits and that nobody was ever given, into pieces that are large enough and leave nothing out; for a
  /// worker that has no other.
  mutating func checkSplit(_ shard: Int64, _ sizes: [Int], _ firstPiece: Int64, _ worker: String) {
    tally["split", default: 0] += 1
    if !waits(Int(shard)) { violate("splits shard \(shard), which does not wait") }
    if losses[Int(shard)] > 0 {
      tally["halved", default: 0] += 1
      if sizes.count != 2 || sizes.reduce(0, +) != images[Int(shard)] || abs(sizes[0] - sizes[1]) > 1 {
        violate("halves shard \(shard) into \(sizes)")
      }
      return takePieces(of: shard, sizes, firstPiece, worker)
    }
    guard let pieceSizes else { return violate("splits shard \(shard)") }
    if Int(shard) >= plannedCount || rows[Int(shard)].attempts > 0 { violate("splits shard \(shard) again") }
    if sizes.count < 2 || sizes.reduce(0, +) != images[Int(shard)]
      || sizes.contains(where: {
        $0 < 1 || Double($0) * costs[Int(shard)] <= Double(pieceSizes.smallest) - costs[Int(shard)]
      })
    {
      violate("splits shard \(shard) of \(images[Int(shard)]) images into \(sizes)")
    }
    takePieces(of: shard, sizes, firstPiece, worker)
  }

  private mutating func takePieces(of shard: Int64, _ sizes: [Int], _ firstPiece: Int64, _ worker: String) {
    if Int(firstPiece) != natures.count { violate("numbers pieces from \(firstPiece)") }
    if splitting.values.contains(where: { $0.worker == worker }) { violate("splits two shards for \(worker)") }
    splitting[shard] = (worker, natures.count..<natures.count + sizes.count)
    var first = 0
    for size in sizes {
      let kills = natures[Int(shard)] == .kills && (first..<first + size).contains(killers[Int(shard)])
      natures.append(natures[Int(shard)] == .kills && !kills ? .sound : natures[Int(shard)])
      killers.append(killers[Int(shard)] - first)
      first += size
      losses.append(0)
      suspicion.append(suspicion[Int(shard)])
      models.append(models[Int(shard)])
      images.append(size)
      costs.append(costs[Int(shard)])
      failures.append(0)
      failedWorkers.append([])
    }
  }

  /// A shard goes to a second worker only when nothing waits that this one could do.
  mutating func checkCopy(_ lease: ShardLease) {
    tally["copied", default: 0] += 1
    if copies[lease.shard] != nil { violate("leases shard \(lease.shard) a third time") }
    if leases[lease.shard]?.worker == lease.worker { violate("leases shard \(lease.shard) to its own worker") }
    let failed = failedWorkers[Int(lease.shard)]
    if failed.contains(lease.worker) { violate("copies shard \(lease.shard) to \(lease.worker), which failed it") }
    if natures.indices.contains(where: { waits($0) && !isAlone(Int64($0)) }) {
      violate("copies shard \(lease.shard) while others wait")
    }
  }

  mutating func checkCredits(_ worker: String) {
    guard let credits = seen[worker]?.credits else { return violate("gives a shard to a stranger") }
    if held(by: worker) > credits { violate("\(worker) holds \(held(by: worker)) of \(credits)") }
  }

  mutating func checkEnd(_ lease: ShardLease, _ outcome: AttemptOutcome) {
    if case .storeRefused(lease, _) = current {
      if outcome != .failed { violate("a refused result ends as \(outcome)") }
    } else {
      if copies[lease.shard] == lease {
        copies[lease.shard] = nil
      } else if leases[lease.shard] == lease {
        leases[lease.shard] = copies.removeValue(forKey: lease.shard)
      } else {
        violate("ends a lease that is none: \(lease)")
      }
      if outcome == .superseded, case .resultReceived(let first, _) = current, first.shard == lease.shard,
        leases[lease.shard] == first
      {
        tally["first result counted", default: 0] += 1
      }
    }
    switch outcome {
    case .failed, .lost:
      failures[Int(lease.shard)] += 1
      if outcome == .lost {
        losses[Int(lease.shard)] += 1
        suspicion[Int(lease.shard)] += 1
        losers.insert(lease.worker)
      }
      failedWorkers[Int(lease.shard)].insert(lease.worker)
    case .troubled: avoided[lease.worker, default: []].insert(models[Int(lease.shard)])
    case .returned, .superseded: break
    case .recorded, .interrupted, .withdrawn: violate("ends an attempt as \(outcome)")
    }
    if outcome == .failed, case .failed = current { troubled.remove(lease.worker) }
  }

  mutating func checkAcknowledgement(_ lease: ShardLease, _ outcome: Acknowledgement) {
    switch (outcome, current) {
    case (.recorded, .stored(lease, let isWhole)):
      troubled.remove(lease.worker)
      losers.remove(lease.worker)
      avoided[lease.worker]?.remove(models[Int(lease.shard)])
      stores[lease.shard] = nil
      ended.insert(lease.shard)
      blame[lease.worker] = 0
      for worker in failedWorkers[Int(lease.shard)]
      where isWhole && worker != lease.worker && blamedUntil[worker] ?? 0 <= time {
        blame[worker, default: 0] += 1
      }
      if !rows[Int(lease.shard)].isRecorded { violate("acknowledges what is not on disk: \(lease)") }
    case (.refused, .storeRefused(lease, _)):
      stores[lease.shard] = nil
    case (.duplicate, .resultReceived(lease, _)):
      if isSplit(lease.shard) { break }
      if stores[lease.shard] == nil, !rows[Int(lease.shard)].isRecorded {
        violate("calls the first result of shard \(lease.shard) a duplicate")
      }
    default: violate("acknowledges \(outcome) out of turn: \(lease)")
    }
  }

  /// Whether a worker may be given one shard only: it is in trouble, has computed nothing, or lost what it had.
  private func hasLittle(_ worker: String) -> Bool {
    troubled.contains(worker) || !isTrusted(worker) || losers.contains(worker)
  }

  /// No shard waits that somebody who has not failed it could compute.
  mutating func checkNothingWaits() {
    for worker in seen.keys
    where isLive(worker) && restsUntil[worker] ?? 0 <= time
      && held(by: worker) < (hasLittle(worker) ? 1 : seen[worker]?.credits ?? 0)
      && !splitting.values.contains(where: { $0.worker == worker })
      && !(Array(leases.values) + copies.values).contains(where: { $0.worker == worker && aloneLeases.contains($0) })
    {
      for shard in natures.indices {
        if waits(shard), !isAlone(Int64(shard)), !failedWorkers[shard].contains(worker) {
          violate("shard \(shard) waits though \(worker) has credit")
        }
      }
    }
  }
}
