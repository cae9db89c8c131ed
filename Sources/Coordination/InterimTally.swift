import Benchmarks
import Durable
import Foundation
import Planning
import Records
import Synchronization

/// Counts right answers and lists images that failed while results come, for whoever watches a run. What it says is provisional:
/// the archive's figures are worked out of the parts.
public final class InterimTally: Sendable {
  /// What was counted of one model under one condition, by the benchmark's sets.
  public struct Cell: Sendable, Hashable {
    /// Position of the model in the plan.
    public let model: Int
    /// Position of the benchmark in the plan.
    public let benchmark: Int
    /// Position of the condition in the benchmark's grid.
    public let condition: Int

    /// A place of the plan.
    public init(model: Int, benchmark: Int, condition: Int) {
      (self.model, self.benchmark, self.condition) = (model, benchmark, condition)
    }
  }

  /// An image without a result.
  public struct Failure: Sendable, Equatable {
    /// Where.
    public let cell: Cell
    /// Why; it names the file.
    public let reason: String

    /// An image's failure.
    public init(cell: Cell, reason: String) { (self.cell, self.reason) = (cell, reason) }
  }

  /// What was counted up to a moment.
  public struct Counts: Sendable {
    /// By cells and sets; nothing of benchmarks that are not decided by right and wrong.
    public var cells: [Cell: [AnswerJudge.Count]] = [:]
    /// The newest images without a result, newest first.
    public var failures: [Failure] = []
    /// Shards of which this is.
    public var shards = 0

    /// Nothing yet.
    public init() {}
  }

  private struct State {
    var counts = Counts()
    /// A bit a shard: whether it was counted.
    var isCounted: [UInt64] = []

    /// Whether the shard was counted; it is from now on.
    mutating func take(_ shard: Int64) -> Bool {
      let (word, bit) = (Int(shard >> 6), UInt64(1) << UInt64(shard & 63))
      if isCounted.count <= word {
        isCounted.append(contentsOf: repeatElement(0, count: word + 1 - isCounted.count))
      }
      let isNew = isCounted[word] & bit == 0
      isCounted[word] |= bit
      if isNew { counts.shards += 1 }
      return isNew
    }

    func has(_ shard: Int64) -> Bool {
      let word = Int(shard >> 6)
      return isCounted.indices.contains(word) && isCounted[word] >> UInt64(shard & 63) & 1 == 1
    }
  }

  /// Images without a result that are kept.
  private static let mostFailures = 50
  private static let reasonBytes = 400

  private let plan: Plan
  private let isOn = Atomic(false)
  private let state = Mutex(State())
  /// Worked out when first needed, by benchmark and number of outputs.
  private let judges = Mutex<[[Int]: AnswerJudge?]>([:])

  /// Nothing yet of a plan. Nothing is counted before ``begin()``.
  public init(plan: Plan) { self.plan = plan }

  /// From now on results are counted.
  public func begin() { isOn.store(true, ordering: .releasing) }

  /// Who judges a model's answers on a benchmark; nil where it is not decided by right and wrong.
  public func judge(model: Int, benchmark: Int) -> AnswerJudge? {
    guard plan.manifest.models.indices.contains(model), plan.manifest.benchmarks.indices.contains(benchmark) else {
      return nil
    }
    let classes = plan.manifest.models[model].classCount
    return judges.withLock { known in
      if let found = known[[benchmark, classes]] { return found }
      let judge = AnswerJudge(
        of: plan.manifest.benchmarks[benchmark], listing: plan.listings[benchmark], classCount: classes)
      known[[benchmark, classes]] = .some(judge)
      return judge
    }
  }

  /// What was counted so far.
  public var counts: Counts { state.withLock { $0.counts } }

  /// Whether a shard was counted.
  package func has(_ shard: Int64) -> Bool { state.withLock { $0.has(shard) } }

  /// Counts a shard's result, once. Numbers of shards are those of the ledger, so that they are few.
  package func add(_ observations: [Observation], failures: [ImageFailure], of shard: ShardDefinition) {
    guard isOn.load(ordering: .acquiring), shard.id >= 0 else { return }
    let cell = Cell(model: shard.model, benchmark: shard.benchmark, condition: shard.condition)
    var counted: [AnswerJudge.Count]?
    if let judge = judge(model: shard.model, benchmark: shard.benchmark), let logits = observations["logits"],
      let classes = logits.count(images: shard.imageCount)
    {
      counted = judge.counts(firstImage: shard.firstImage, logits: logits.values, classCount: classes)
    }
    let new = failures.prefix(Self.mostFailures).map {
      Failure(cell: cell, reason: $0.reason.plain(atMost: Self.reasonBytes))
    }
    state.withLock { state in
      guard state.take(shard.id) else { return }
      if let counted {
        let former = state.counts.cells[cell]
        state.counts.cells[cell] = former.map { zip($0, counted).map { $0 + $1 } } ?? counted
      }
      if !new.isEmpty {
        state.counts.failures = Array((new + state.counts.failures).prefix(Self.mostFailures))
      }
    }
  }
}
