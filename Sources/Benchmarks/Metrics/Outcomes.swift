/// Which images of each condition were evaluated, and which of these answered right.
public struct Outcomes: Sendable {
  /// [condition][image]: a mask, all bits or none.
  let evaluated: [[Int32]]
  /// [condition][image]: a mask; only what was evaluated is right.
  let right: [[Int32]]

  init(evaluated: [[Int32]], right: [[Int32]]) {
    (self.evaluated, self.right) = (evaluated, right)
  }

  /// Outcomes of images, [condition][image]; nil for one that was not evaluated.
  public init(_ isRight: [[Bool?]]) {
    evaluated = isRight.map { $0.map { $0 == nil ? 0 : -1 } }
    right = isRight.map { $0.map { $0 == true ? -1 : 0 } }
  }

  var imageCount: Int { evaluated.first?.count ?? 0 }

  /// The outcomes of some conditions, in the order of their places; nothing of a place that there is none.
  public func of(conditions: [Int]) -> Outcomes {
    func chosen(_ all: [[Int32]]) -> [[Int32]] { conditions.map { all.indices.contains($0) ? all[$0] : [] } }
    return Outcomes(evaluated: chosen(evaluated), right: chosen(right))
  }

  /// An accuracy over the images that a resample holds `counts` times; NaN where it holds none that was evaluated.
  func accuracy(_ condition: Int, counts: [Int32]) -> Double {
    let all = Self.sum(counts, evaluated[condition])
    return all == 0 ? .nan : Double(Self.sum(counts, right[condition])) / Double(all)
  }

  /// The accuracy over all images, and Wilson's interval of it.
  func accuracy(_ condition: Int) -> (value: Double, interval: ConfidenceInterval) {
    let all = evaluated[condition].count { $0 != 0 }
    let part = right[condition].count { $0 != 0 }
    return (all == 0 ? .nan : Double(part) / Double(all), .wilson(part, of: all))
  }

  /// The sum of the counts that a mask leaves.
  static func sum(_ counts: [Int32], _ mask: [Int32]) -> Int32 {
    var sum: Int32 = 0
    for index in 0..<min(counts.count, mask.count) { sum &+= counts[index] & mask[index] }
    return sum
  }
}
