import Tensors

/// One image's classes by falling logit, of equal ones the lower class first.
public struct ClassRanking: Sendable {
  private let logits: [Float]

  /// The ranking of logits, one a class; nil where there is none, or one that is scored is NaN or infinite (no result).
  ///
  /// - Parameters:
  ///   - logits: one a class of the network.
  ///   - classes: the classes that the benchmark scores, such as the 200 of ImageNet-A; nil for all. What comes out
  ///     counts within this list.
  public init?(_ logits: some Sequence<Float>, classes: [Int]? = nil) {
    let all = Array(logits)
    guard let classes else {
      self.init(scored: all)
      return
    }
    guard classes.allSatisfy(all.indices.contains) else { return nil }
    self.init(scored: classes.map { all[$0] })
  }

  private init?(scored: [Float]) {
    guard !scored.isEmpty, scored.allSatisfy(\.isFinite) else { return nil }
    logits = scored
  }

  /// The class with the largest logit.
  public var best: Int {
    var best = 0
    for (index, value) in logits.enumerated() where value > logits[best] { best = index }
    return best
  }

  /// How many classes come before a class: 0 for the best one.
  public func rank(of wanted: Int) -> Int {
    let value = logits[wanted]
    return logits.enumerated().count { $1 > value || ($1 == value && $0 < wanted) }
  }

  /// The first `count` classes, fewer where there are fewer.
  public func first(_ count: Int) -> [Int] {
    var first: [Int] = []
    for (index, value) in logits.enumerated() {
      let place = first.firstIndex { logits[$0] < value } ?? first.count
      if place < count {
        first.insert(index, at: place)
        if first.count > count { first.removeLast() }
      }
    }
    return first
  }

  /// The largest softmax probability, in float64 from exponentials that are the same bits on every machine.
  public var confidence: Double {
    let largest = Double(logits[best])
    return 1 / logits.reduce(0.0) { $0 + ReproducibleMath.exponential(Double($1) - largest) }
  }
}
