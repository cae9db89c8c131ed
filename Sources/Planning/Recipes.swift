import Imaging
import Networks

/// How some published weights of an architecture were evaluated.
package struct Recipe: Sendable, Hashable {
  /// Whose weights: timm's tags, or torchvision's names.
  package let weights: String
  package let resize: Int
  package let interpolation: Interpolation
}

extension Architecture {
  /// The recipes of published weights of this architecture for images of 224 pixels, the default's first; empty where
  /// there is but one.
  ///
  /// They are those of timm 1.0's and torchvision 0.20's configurations; timm's crop_pct is the crop's side divided by
  /// the side after resizing.
  package var recipes: [Recipe] {
    guard inputHeight == 224, !name.contains("@") else { return [] }
    switch name {
    case "resnet18", "resnet34", "resnet50", "resnet101", "resnet152":
      let isDeep = !["resnet18", "resnet34"].contains(name)
      return [Recipe(weights: "torchvision's IMAGENET1K_V1 (timm's tv_in1k)", resize: 256, interpolation: .bilinear)]
        + (isDeep
          ? [Recipe(weights: "torchvision's IMAGENET1K_V2 (tv2_in1k)", resize: 232, interpolation: .bilinear)] : [])
        + [
          Recipe(weights: "timm's a1_in1k and a2_in1k", resize: 235, interpolation: .bicubic),
          Recipe(weights: "timm's gluon_in1k", resize: 256, interpolation: .bicubic),
        ]
    case "resnetv2_50x1_bit":
      return [
        Recipe(weights: "Google's BiT-M at 224", resize: 224, interpolation: .bilinear),
        Recipe(weights: "timm's goog_distilled_in1k", resize: 256, interpolation: .bicubic),
      ]
    case "convnext_tiny", "convnext_small":
      return [
        Recipe(weights: "the authors' (timm's fb_in1k)", resize: 256, interpolation: .bicubic),
        Recipe(weights: "timm's in12k_ft_in1k", resize: 235, interpolation: .bicubic),
      ]
    default: return []
    }
  }

  /// The architecture that has the same parameters but other colours, so that names and shapes cannot tell them apart.
  private var twin: String? {
    if name.hasPrefix("deit_") { return "vit_" + name.dropFirst(5) }
    let deit = "deit_" + name.dropFirst(4)
    return name.hasPrefix("vit_") && Architecture.named(deit) != nil ? deit : nil
  }

  /// What to check where weights of this architecture were published with several preparations of pictures; nil where
  /// there is but one, or where `chosen` is none that is the default, so that somebody chose it.
  public func recipeNote(for chosen: Preprocessing) -> String? {
    guard chosen == defaultPreprocessing else { return nil }
    if name == Architecture.onnxName { return Self.onnxNote }
    if let twin, let other = Architecture.named(twin)?.defaultPreprocessing {
      return "\(twin) has the same parameters, but mean \(other.mean.summary), std \(other.std.summary)"
    }
    guard let first = recipes.first else { return nil }
    let others = recipes.dropFirst().map { "\($0.weights) need resize \($0.resize), \($0.interpolation.rawValue)" }
    return "this is the preparation of \(first.weights); \(others.joined(separator: "; "))"
  }
}

extension Architecture {
  private static let onnxNote =
    "an ONNX file does not say how its pictures are prepared; this is the usual way, which may not be its own"

  /// The note on the architecture of a name, an ONNX model's included.
  static func recipeNote(of name: String, for chosen: Preprocessing) -> String? {
    guard name == onnxName, let side = chosen.crop else { return named(name)?.recipeNote(for: chosen) }
    return chosen == .usualForONNX(side: side) ? onnxNote : nil
  }
}

extension [Float] {
  fileprivate var summary: String {
    Set(self).count == 1 ? "\(self[0])" : map { "\($0)" }.joined(separator: " ")
  }
}
