/// Every benchmark that Gauntlet knows.
public enum Catalogue {
  static let all: [any Benchmark.Type] = [
    ImageNetVal.self, ImageNetC.self, ImageNetA.self, ImageNetO.self, ImageNetR.self, ImageNetP.self, ImageNet9.self,
    Occlusion.self, ShuffledPatches.self, LesionStudy.self, FrequencyNoise.self, FourierHeatMap.self,
    AdversarialAttack.self, FeatureMaps.self, AttentionDistanceStudy.self, KernelDistanceStudy.self,
    ReceptiveFieldStudy.self, GradientMaps.self,
    ImageFolder.self,
  ]
}

/// Which benchmark of the catalogue one is, by the word that manifests use.
public struct BenchmarkKind: RawRepresentable, Sendable, Hashable, Codable, CaseIterable, CustomStringConvertible {
  /// The word, such as `imagenet-c`.
  public let rawValue: String

  /// For the catalogue's own files.
  init(_ word: String) { rawValue = word }

  /// The benchmark of a word; nil where the catalogue has none.
  public init?(rawValue: String) {
    guard Self.allCases.contains(where: { $0.rawValue == rawValue }) else { return nil }
    self.rawValue = rawValue
  }

  /// Every word that the catalogue knows.
  public static var allCases: [BenchmarkKind] { Catalogue.all.map { $0.kind } }

  /// What it is.
  public var benchmark: any Benchmark.Type { Catalogue.all.first { $0.kind == self } ?? ImageFolder.self }

  /// The word.
  public var description: String { rawValue }
}
