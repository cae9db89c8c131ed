extension BenchmarkRecipe {
  /// Foregrounds and backgrounds exchanged: `ROOT/VARIANT/val/NN_class/*.JPEG` (MadryLab/backgrounds_challenge).
  static let imagenet9 = BenchmarkRecipe(
    description: "nine classes on their own and on other backgrounds; the answer over 1,000 classes is mapped to nine",
    subsets: ImageNet9.variants.map {
      SubsetRecipe(name: $0, key: "root", path: $0 + "/val", isRequired: true, isRestricted: false)
    },
    headline: "original", classes: .numberedFolders(map: ImageNet9.classOfImageNet.map { Int32($0 ?? -1) }))
}
