/// ImageNet-9, which asks how far a classifier looks at backgrounds (MadryLab/backgrounds_challenge): nine classes on their own
/// and on other backgrounds, `ROOT/VARIANT/val/NN_class/*.JPEG`. The answer over 1,000 classes is mapped to nine.
public enum ImageNet9: Benchmark {
  /// `imagenet-9`
  public static let kind = BenchmarkKind.imagenet9
  /// A set a variant.
  public static let subsets = variants.map { SubsetRecipe($0, key: "root", path: $0 + "/val") }
  /// A folder's first two digits are its class.
  public static let classes = ClassScheme.numberedFolders(map: classOfImageNet.map { Int32($0 ?? -1) })
  /// What a background of another class costs.
  public static let subsetFigures = SubsetFigures(
    headline: "original",
    gap: SubsetFigures.Gap(name: "bg_gap", title: "BG-gap", high: "mixed_same", low: "mixed_rand"))

  /// The nine classes in class-index order.
  public static let classNames = [
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

extension BenchmarkKind {
  /// Foregrounds and backgrounds.
  public static let imagenet9 = BenchmarkKind("imagenet-9")
}
