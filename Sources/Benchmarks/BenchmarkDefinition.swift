import Foundation
import Imaging

/// A benchmark that Gauntlet knows how to find on disk and to lay out as a grid.
public enum BenchmarkKind: String, Sendable, Hashable, Codable, CaseIterable {
  /// Clean images in class folders: `ROOT/WNID/*.JPEG`, one condition.
  case imagenetVal = "imagenet-val"
  /// Common corruptions: `ROOT/CORRUPTION/SEVERITY/WNID/*.JPEG`, or made on the fly from clean images.
  case imagenetC = "imagenet-c"
}

/// Where a benchmark's images come from.
public enum ImageOrigin: Sendable, Hashable, Codable {
  /// The published files, already corrupted, under this folder.
  case published(root: String)
  /// Clean images in class folders under this folder; each condition's corruption is applied after resize and crop.
  case madeFrom(root: String)

  /// The folder on disk.
  public var root: String {
    switch self {
    case .published(let root), .madeFrom(let root): root
    }
  }
}

/// One benchmark of a run: what is evaluated, over which grid, from which folder.
public struct BenchmarkDefinition: Sendable, Hashable, Codable {
  /// Which benchmark.
  public let kind: BenchmarkKind
  /// The name in the archive; unique in a run.
  public let name: String
  /// Where the images are.
  public let origin: ImageOrigin
  /// The conditions.
  public let grid: Grid

  /// Clean images in class folders.
  public static func clean(name: String, root: String) -> BenchmarkDefinition {
    BenchmarkDefinition(kind: .imagenetVal, name: name, origin: .published(root: root), grid: Grid(axes: []))
  }

  /// ImageNet-C over the given corruptions and severities.
  public static func corruptions(
    name: String, origin: ImageOrigin, corruptions: [String], severities: [Int]
  ) -> BenchmarkDefinition {
    let axes = [
      GridAxis(name: "corruption", values: corruptions),
      GridAxis(name: "severity", values: severities.map(String.init), isNumeric: true),
    ]
    return BenchmarkDefinition(kind: .imagenetC, name: name, origin: origin, grid: Grid(axes: axes))
  }

  /// The corruption that a condition asks to be made on the fly, with its severity; nil where the files hold it.
  public func liveCorruption(of condition: Condition) -> (corruption: Corruption, severity: Int)? {
    guard case .madeFrom = origin, condition.values.count == 2,
      let corruption = Corruption(rawValue: condition.values[0]), let severity = Int(condition.values[1])
    else { return nil }
    return (corruption, severity)
  }

  /// The folder that holds a condition's class folders.
  ///
  /// The public ImageNet-C archives unpack with a group (`noise/`, `blur/`, ...) above the corruption; a folder with
  /// and without it is found.
  public func folder(of condition: Condition) -> String {
    guard kind == .imagenetC, case .published(let root) = origin, condition.values.count == 2 else {
      return origin.root
    }
    let cell = condition.values[0] + "/" + condition.values[1]
    let direct = root + "/" + cell
    if FileManager.default.fileExists(atPath: direct) { return direct }
    for group in ImageNetC.groups {
      let grouped = root + "/" + group + "/" + cell
      if FileManager.default.fileExists(atPath: grouped) { return grouped }
    }
    return direct
  }
}

/// Names of ImageNet-C (hendrycks/robustness).
public enum ImageNetC {
  /// The folders that the public archives put above the corruptions.
  public static let groups = ["noise", "blur", "weather", "digital", "extra"]

  /// All 19 corruptions: the standard 15, then the extra four.
  public static let corruptions =
    standardCorruptions + ["speckle_noise", "gaussian_blur", "spatter", "saturate"]

  /// The 15 corruptions over which mCE is defined.
  public static let standardCorruptions = [
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "snow",
    "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression",
  ]
}
