import Imaging
import Networks

extension Architecture {
  /// What the published weights were evaluated with: the configurations of timm 1.0 and, for RepLKNet, of its authors'
  /// code. A manifest or a command line can say otherwise.
  public var defaultPreprocessing: Preprocessing {
    // The shortest side after resizing, for images of 224 pixels; larger ones are not cropped from more.
    let (resize, interpolation, statistics): (Int, Interpolation, ImageStatistics.Kind) =
      switch family {
      case .replknet: (256, .bicubic, .imageNet)
      case .graph(.resnet): (256, .bilinear, .imageNet)
      case .graph(.bigTransfer): (224, .bilinear, .half)
      case .graph(.visionTransformer): (248, .bicubic, name.hasPrefix("deit") ? .imageNet : .half)
      case .graph(.convNeXt), .graph(.slak), .slak: (256, .bicubic, .imageNet)
      case .graph(.swin): (248, .bicubic, .imageNet)
      // A file does not say; this is how most convolutional networks are evaluated.
      case .onnx: (256, .bilinear, .imageNet)
      }
    return Preprocessing(
      resize: inputHeight == 224 ? resize : inputHeight, crop: inputHeight, interpolation: interpolation,
      mean: statistics.mean, std: statistics.standardDeviation)
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
