import Imaging
import Networks

extension Architecture {
  /// What the published weights were evaluated with: the configurations of timm 1.0 and, for RepLKNet, of its authors'
  /// code. A manifest or a command line can say otherwise.
  public var defaultPreprocessing: Preprocessing {
    if family == .onnx { return .usualForONNX(side: inputHeight) }
    // The shortest side after resizing, for images of 224 pixels; larger ones are not cropped from more.
    let (resize, interpolation, statistics): (Int, Interpolation, ImageStatistics.Kind) =
      switch family {
      case .graph(.resnet), .onnx: (256, .bilinear, .imageNet)
      case .graph(.bigTransfer): (224, .bilinear, .half)
      case .graph(.visionTransformer): (248, .bicubic, name.hasPrefix("deit") ? .imageNet : .half)
      case .graph(.replknet), .graph(.convNeXt), .graph(.slak), .slak: (256, .bicubic, .imageNet)
      case .graph(.swin): (248, .bicubic, .imageNet)
      }
    return Preprocessing(
      resize: inputHeight == 224 ? resize : inputHeight, crop: inputHeight, interpolation: interpolation,
      mean: statistics.mean, std: statistics.standardDeviation)
  }
}

extension Preprocessing {
  /// How most convolutional networks are evaluated, since an ONNX file does not say.
  static func usualForONNX(side: Int) -> Preprocessing {
    Preprocessing(
      resize: side == 224 ? 256 : side, crop: side, interpolation: .bilinear, mean: ImageStatistics.imageNetMean,
      std: ImageStatistics.imageNetStandardDeviation)
  }
}

extension ImageStatistics {
  /// Which means and deviations of colours a network was trained with.
  enum Kind {
    /// Those of ImageNet's photographs.
    case imageNet
    /// 0.5 each: values from -1 to 1.
    case half

    var mean: [Float] { self == .imageNet ? ImageStatistics.imageNetMean : [0.5, 0.5, 0.5] }
    var standardDeviation: [Float] {
      self == .imageNet ? ImageStatistics.imageNetStandardDeviation : [0.5, 0.5, 0.5]
    }
  }
}
