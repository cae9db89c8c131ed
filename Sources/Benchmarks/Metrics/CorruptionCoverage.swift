import Imaging
import Records

/// Which part of ImageNet-C a grid covers: what a mean over it is of, and whether mCE is defined.
public struct CorruptionCoverage: Sendable, Equatable {
  /// The grid's corruptions.
  public let corruptions: [String]
  /// The grid's severities.
  public let severities: [String]

  /// nil for axes that are not corruption and severity.
  public init?(axes: [Axis]) {
    guard axes.map(\.name) == ["corruption", "severity"] else { return nil }
    corruptions = axes[0].values
    severities = axes[1].values
  }

  /// The five severities that CE is summed over.
  static let allSeverities = ["1", "2", "3", "4", "5"]

  /// The standard corruptions that the grid lacks, in the paper's order.
  public var missingCorruptions: [String] {
    ImageNetC.standardCorruptions.filter { !corruptions.contains($0) }
  }

  /// The severities that the grid lacks.
  public var missingSeverities: [String] { Self.allSeverities.filter { !severities.contains($0) } }

  /// Whether all of the standard 15 are there, over which papers print means.
  public var hasStandard: Bool { missingCorruptions.isEmpty }

  /// Whether CE is defined for each standard corruption of the grid.
  public var hasAllSeverities: Bool { missingSeverities.isEmpty }

  /// Why mCE is not defined over the grid, as a sentence that fits before the run and after it; nil where it is defined.
  public var whyNoMeanCorruptionError: String? {
    var missing: [String] = []
    if !hasAllSeverities {
      missing.append(
        (missingSeverities.count == 1 ? "severity " : "severities ") + missingSeverities.joined(separator: ", "))
    }
    if !hasStandard {
      let names = missingCorruptions.prefix(3).joined(separator: ", ")
      let rest = missingCorruptions.count - 3
      missing.append(
        "\(missingCorruptions.count) of the standard 15 corruptions (\(names)\(rest > 0 ? " and \(rest) more" : ""))")
    }
    guard !missing.isEmpty else { return nil }
    let isOne = missing.count == 1 && missingSeverities.count + missingCorruptions.count == 1
    let needed =
      hasStandard ? "all five" : hasAllSeverities ? "all 15" : "all five severities of all 15"
    return
      "no mCE: \(missing.joined(separator: " and ")) \(isOne ? "is" : "are") not part of the run; it needs \(needed)"
  }

  /// What means are of: `over the standard 15 corruptions, 5 severities`, `over 4 corruptions, 2 severities (3, 5)`.
  ///
  /// - Parameter standardOnly: whether the mean leaves out corruptions beyond the standard 15.
  public func extent(standardOnly: Bool) -> String {
    let isStandard = hasStandard && (standardOnly || corruptions.count == ImageNetC.standardCorruptions.count)
    let kinds =
      isStandard ? "the standard 15 corruptions" : Self.counted(corruptions.count, "corruption", "corruptions")
    let levels = Self.counted(severities.count, "severity", "severities")
    return "over \(kinds), \(levels)" + (hasAllSeverities ? "" : " (\(severities.joined(separator: ", ")))")
  }

  private static func counted(_ count: Int, _ one: String, _ many: String) -> String {
    "\(count) \(count == 1 ? one : many)"
  }
}

extension CorruptionMaking {
  /// The quality at which the published files were saved.
  public static let publishedJPEGQuality = 85

  /// How corruptions made on the fly differ from the published files.
  ///
  /// - Parameters:
  ///   - jpegQuality: the quality at which they are saved in between; nil: they are not.
  ///   - hasFrostPictures: whether frost is taken from pictures; nil where no frost is made.
  public static func differencesFromPublished(jpegQuality: Int?, hasFrostPictures: Bool?) -> [String] {
    var differences: [String] = []
    if hasFrostPictures == false { differences.append("frost is drawn, not photographed") }
    switch jpegQuality {
    case nil: differences.append("no JPEG recompression (published: quality \(publishedJPEGQuality))")
    case publishedJPEGQuality?: break
    case let quality?:
      differences.append("JPEG recompression of quality \(quality) (published: \(publishedJPEGQuality))")
    }
    return differences + ["random numbers of their own"]
  }

  /// What the archive says of corruptions that are made so.
  func attributes(hasFrost: Bool) -> [String: String] {
    var attributes = ["corruptions": "made on the fly"]
    attributes["jpeg_quality"] = jpegQuality.map(String.init)
    attributes["frost_folder"] = frost?.path
    attributes["frost_sha256"] = frost?.digest
    attributes["differs_from_published"] = Self.differencesFromPublished(
      jpegQuality: jpegQuality, hasFrostPictures: hasFrost ? frost != nil : nil
    ).joined(separator: "; ")
    return attributes
  }
}

extension BenchmarkDefinition {
  /// Why a run of this ImageNet-C has no mCE: `no mCE: severities 1, 2, 4 are not part of the run; it needs all five`;
  /// nil where it has one, and for other benchmarks.
  public var whyNoMeanCorruptionError: String? {
    CorruptionCoverage(axes: grid.axes)?.whyNoMeanCorruptionError
  }
}
