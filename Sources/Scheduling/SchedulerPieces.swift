/// How a scheduler suits shards to the speed of whoever computes them.
public struct PieceSizes: Sendable, Equatable {
  /// How long a shard should take, in seconds.
  public var seconds: Double
  /// Images that a piece has at least where an image costs as little as may be.
  public var smallest: Int
  /// Images that a piece has at least as long as no speed is known, however much they cost: a shard is cut for good, and
  /// hundreds of pieces of one image each would be too many where the network turns out to be quick.
  static let smallestAtFirst = 4

  /// Pieces that take about `seconds` and have `smallest` images at least, 1 if less.
  public init(seconds: Double, smallest: Int) {
    self.seconds = seconds
    self.smallest = max(1, smallest)
  }

  /// Images that a piece has at least where each costs so much.
  func smallest(cost: Float) -> Int { max(1, Int(Float(smallest) / cost)) }
}

/// Shards are planned as large as they may be. One that nobody was ever given and that would take its worker too long, or one
/// that was lost with its worker, is replaced by pieces, which are shards of their own with the next numbers; nothing is leased
/// of them before the ledger has them. Where no speed is known yet pieces are as small as they may be, so that it soon is.
///
/// Speeds are known by model and by what an image costs: an attacked image takes as long as hundreds. What such an image
/// takes that was never computed follows from the others of the model, until it is known itself: costs are upper bounds.
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

  /// What one model is computed at.
  struct Paces: Sendable {
    private var ofCost: [Float: Pace] = [:]
    /// Of an image that costs 1, whatever was computed.
    private var ofUnit = Pace()

    mutating func note(_ seconds: Double, images: Int, cost: Float) {
      ofCost[cost, default: Pace()].note(seconds, images: images)
      ofUnit.note(seconds / Double(cost), images: images)
    }

    /// Seconds of an image of a cost that was computed before.
    func known(_ cost: Float) -> Double? { ofCost[cost]?.secondsPerImage }

    /// Seconds of an image of any cost, as others were computed.
    func likely(_ cost: Float) -> Double? { ofUnit.secondsPerImage.map { $0 * Double(cost) } }
  }

  /// The images of each piece that a shard is to be replaced by for a worker; nil where it is to be given as it is.
  func pieces(of index: Int, for worker: Worker) -> [Int]? {
    if let halves = halves(of: index) { return halves }
    let shard = shards[index]
    let images = Int(shard.images)
    guard let pieceSizes, shard.attempts == 0, shard.isPlanned else { return nil }
    var wanted = pieceSizes.smallest(cost: shard.cost)
    guard images >= 2 * wanted else { return nil }
    let (own, all) = (worker.model == Int(shard.model) ? worker.paces : nil, paces[Int(shard.model)])
    if let pace = own?.known(shard.cost) ?? all?.known(shard.cost) ?? own?.likely(shard.cost) ?? all?.likely(shard.cost)
    {
      // Not so small that it is no number.
      wanted = max(wanted, Int(min(Double(images), pieceSizes.seconds / max(pace, 1e-12))))
    } else {
      wanted = max(wanted, min(pieceSizes.smallest, PieceSizes.smallestAtFirst))
    }
    let count = images / wanted
    guard count > 1 else { return nil }
    return (0..<count).map { images / count + ($0 < images % count ? 1 : 0) }
  }

  /// Asks for the shard, which does not wait any more, to be replaced. The worker waits for its pieces.
  mutating func split(_ index: Int, into images: [Int], for worker: String) {
    let pieces = shards.count..<shards.count + images.count
    for count in images {
      shards.append(Shard(shards[index].group, images: count, cost: shards[index].cost, isPlanned: false))
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
    for piece in split.pieces { inherit(piece, from: index) }
    (failedWorkers[index], silences[index]) = (nil, nil)
    forgetTrials(of: index)
    let model = Int(shards[index].model)
    for piece in split.pieces {
      // One that has another model loaded may find shards of that again.
      if isAwaited, !isToBeAlone(piece),
        let worker = workers[split.worker], hasCredit(split.worker), worker.restsUntil <= now,
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
