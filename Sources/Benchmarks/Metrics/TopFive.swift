/// The five best classes of one image, which is all that flip rate and top-5 distance look at.
public struct TopFive: Sendable, Equatable {
  /// How many there are.
  public static let count = 5
  /// Classes that can be kept: those below this number.
  public static let classLimit = Int(UInt16.max)
  /// Stands for a class that is not there.
  private static let none = UInt16.max

  /// The classes by falling logit in the first five places.
  private var classes = SIMD8<UInt16>(repeating: none)

  /// The five best classes of logits, fewer where there are fewer classes; nil where they are no result (`ClassRanking`)
  /// or the network has more than `classLimit` classes.
  public init?(_ logits: some Collection<Float>) {
    guard logits.count <= Self.classLimit, let ranking = ClassRanking(logits) else { return nil }
    for (place, index) in ranking.first(Self.count).enumerated() { classes[place] = UInt16(index) }
  }

  /// What `stored` gave; nil for no result.
  init?(stored: some Collection<UInt16>) {
    guard stored.count == Self.count, stored.first != Self.none else { return nil }
    for (place, value) in stored.enumerated() { classes[place] = value }
  }

  /// The five places.
  var stored: [UInt16] { (0..<Self.count).map { classes[$0] } }

  /// What stands in the five places of an image without a result.
  static let noResult = [UInt16](repeating: none, count: count)

  /// Whether both have the same best class.
  public func hasSameBest(as other: TopFive) -> Bool { classes[0] == other.classes[0] }

  /// The sum over these classes, at places 0 to 4, of |place - min(place in `later`, 5)|; 0 to 15.
  public func distance(to later: TopFive) -> Int {
    var sum = 0
    for place in 0..<Self.count where classes[place] != Self.none {
      let there = (0..<Self.count).first { later.classes[$0] == classes[place] } ?? Self.count
      sum += abs(place - there)
    }
    return sum
  }
}
