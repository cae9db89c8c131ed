/// ImageNet-9, which asks how far a classifier looks at backgrounds (MadryLab/backgrounds_challenge).
public enum ImageNet9 {
  /// The nine classes in class-index order.
  public static let classes = [
    "dog", "bird", "vehicle", "reptile", "carnivore", "insect", "instrument", "primate", "fish",
  ]

  /// The eight variants.
  public static let variants = [
    "original", "mixed_same", "mixed_rand", "mixed_next", "only_fg", "no_fg", "only_bg_b", "only_bg_t",
  ]

  /// Of the nine classes, the one that each of ImageNet's 1,000 belongs to; nil for the 630 that belong to none.
  public static let classOfImageNet: [Int?] = {
    var classes = [Int?](repeating: nil, count: 1000)
    for (index, ranges) in members.enumerated() {
      for range in ranges { for member in range { classes[member] = index } }
    }
    return classes
  }()

  private static let members: [[ClosedRange<Int>]] = [
    [151...170, 173...268],
    [7...24, 87...100, 127...146],
    [407...408, 866...867, 670...671, 802...803]
      + single([
        428, 436, 444, 468, 511, 547, 555, 561, 565, 569, 573, 586, 603, 609, 612, 627, 656, 661, 665, 675, 690, 705,
        717, 734, 751, 757, 791, 817, 820, 829, 847, 864, 870, 880,
      ]),
    [33...68],
    [269...280, 286...299, 356...362, 387...388],
    [300...326],
    [401...402, 593...594, 641...642, 683...684]
      + single([
        420, 432, 486, 494, 513, 541, 546, 558, 566, 577, 579, 687, 699, 776, 822, 875, 881, 889,
      ]),
    [365...384],
    [0...6, 389...397],
  ]

  private static func single(_ indices: [Int]) -> [ClosedRange<Int>] { indices.map { $0...$0 } }
}
