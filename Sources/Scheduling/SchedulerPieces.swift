/// How a scheduler suits shards to the speed of whoever computes them.
public struct PieceSizes: Sendable, Equatable {
  /// How long a shard should take, in seconds.
  public var seconds: Double
  /// Images that a piece has at least.
  public var smallest: Int

  /// Pieces that take about `seconds` and have `smallest` images at least, 1 if less.
  public init(seconds: Double, smallest: Int) {
    self.seconds = seconds
    self.smallest = max(1, smallest)
  }
}

/// Shards are planned as large as they may be. One that nobody was ever given and that would take its worker too long is
/// replaced by pieces, which are shards of their own with the next numbers; nothing is leased of them before the ledger
/// has them. Where no speed is known yet pieces are as small as they may be, so that it soon is.
extension Scheduler {
  /// A shard that is being replaced.
  struct Split: Sendable {
    let worker: String
    let pieces: Range<Int>
  }

  /// What somebody computes at.
  struct Pace: Sendable {
    private(set) var secondsPerImage: Double?

    /// A moving average: a shard that loads its model first is soon outweighed.
    mutating func note(_ seconds: Double, images: Int) {
      guard seconds.isFinite, seconds >= 0, images > 0 else { return }
      let pace = seconds / Double(images)
      secondsPerImage = secondsPerImage.map { $0 + (pace - $0) / 4 } ?? pace
    }
  }

  /// The images of each piece that a shard is to be replaced by for a worker; nil where it is to be given as it is.
  func pieces(of index: Int, for worker: Worker) -> [Int]? {
    let shard = shards[index]
    let images = Int(shard.images)
    guard let pieceSizes, shard.attempts == 0, shard.isPlanned, images >= 2 * pieceSizes.smallest else { return nil }
    let model = Int(shard.model)
    let own = worker.model == model ? worker.pace.secondsPerImage : nil
    var wanted = pieceSizes.smallest
    if let pace = own ?? paces[model]?.secondsPerImage {
      // Not so small that it is no number.
      wanted = max(wanted, Int(min(Double(images), pieceSizes.seconds / max(pace, 1e-12))))
    }
    let count = images / wanted
    guard count > 1 else { return nil }
    return (0..<count).map { images / count + ($0 < images % count ? 1 : 0) }
  }

  /// Asks for the shard, which does not wait any more, to be replaced. The worker waits for its pieces.
  mutating func split(_ index: Int, into images: [Int], for worker: String) {
    let pieces = shards.count..<shards.count + images.count
    for count in images {
      shards.append(Shard(shards[index].group, images: count, isPlanned: false))
    }
    pending.extend(by: images.count)
    splits[index] = Split(worker: worker, pieces: pieces)
    waitingPieces += images.count
    workers[worker]?.awaits = index
    workers[worker]?.isOpen = false
    actions.append(.split(shard: Int64(index), into: images, firstPiece: Int64(pieces.lowerBound), worker: worker))
  }

  /// The ledger has the pieces: the worker that waits for them gets what it has credit for, the rest waits.
  mutating func finishSplit(_ shard: Int64, _ now: Double) {
    guard let index = index(of: shard), let split = splits.removeValue(forKey: index) else { return }
    shards[index].state = .split
    splitCount += 1
    waitingPieces -= split.pieces.count
    let isAwaited = workers[split.worker]?.awaits == index
    endUnderWay(index, of: split.worker)
    let model = Int(shards[index].model)
    for piece in split.pieces {
      // One that has another model loaded may find shards of that again.
      if isAwaited, let worker = workers[split.worker], worker.hasCredit, worker.restsUntil <= now,
        worker.heardAt + leaseSeconds > now, liveWorkers.contains(split.worker), worker.model ?? model == model
      {
        give(piece, to: split.worker, now)
      } else {
        requeue(piece)
      }
    }
    if isAwaited { offer(split.worker) }
  }

  /// Whether a shard is replaced by pieces, or is just being: nothing that is said of it counts.
  func isSplit(_ index: Int) -> Bool { shards[index].state == .split || splits[index] != nil }
}
