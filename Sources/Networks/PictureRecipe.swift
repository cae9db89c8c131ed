/// How pictures were prepared for weights that were published, in plain numbers: networks know nothing of pictures.
public struct PictureRecipe: Sendable, Hashable {
  /// The filter of the resizing.
  public enum Filter: Sendable, Hashable { case bilinear, bicubic }
  /// Which means and deviations of colours a network was trained with.
  public enum Colours: Sendable, Hashable {
    /// Those of ImageNet's photographs.
    case imageNet
    /// 0.5 each: values from -1 to 1.
    case half
  }

  /// Whose weights: timm's tags, or torchvision's names; nil where all published ones agree.
  public let weights: String?
  /// The shortest side after resizing, pixels, for a crop of 224; timm's crop_pct is the crop's side divided by it. Larger
  /// images are not cropped from more.
  public let resize: Int
  /// The filter.
  public let filter: Filter
  /// What is subtracted and divides.
  public let colours: Colours

  init(_ weights: String? = nil, resize: Int, _ filter: Filter, _ colours: Colours = .imageNet) {
    (self.weights, self.resize, self.filter, self.colours) = (weights, resize, filter, colours)
  }
}
