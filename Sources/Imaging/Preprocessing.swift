/// What is done to a picture before the network sees it: resize, centre crop, normalise, as torchvision does.
public struct Preprocessing: Sendable, Hashable, Codable {
  /// The shortest side after resizing, pixels; nil leaves the size.
  public let resize: Int?
  /// The side of the square that is cut from the centre, pixels; nil cuts nothing.
  public let crop: Int?
  /// The filter.
  public let interpolation: Interpolation
  /// Subtracted from values in 0...1, RGB.
  public let mean: [Float]
  /// Divides them then, RGB.
  public let std: [Float]

  /// Mean and standard deviation have three values each.
  public init(resize: Int?, crop: Int?, interpolation: Interpolation, mean: [Float], std: [Float]) {
    self.resize = resize
    self.crop = crop
    self.interpolation = interpolation
    self.mean = mean
    self.std = std
  }

  /// Resizes and crops; 8 bits in, 8 bits out.
  ///
  /// The longer side becomes int(resize * longer / shorter) and the crop starts at round((side - crop) / 2), halves to
  /// even, as torchvision's `Resize` and `CenterCrop` have it.
  ///
  /// - Throws: `ImageError.wrongSize` for a picture that is smaller than the crop.
  public func geometry(_ image: RGBImage) throws(ImageError) -> RGBImage {
    try resampler(width: image.width, height: image.height).apply(ImagePart(image))
  }

  /// Decodes a file and does `geometry`; of a JPEG no more is decoded than the crop needs.
  ///
  /// - Parameter kept: a picture of this size is taken as it is.
  /// - Throws: `ImageError` for a file that cannot be decoded, or whose picture is smaller than the crop.
  public func decode(_ bytes: [UInt8], name: String, keeping kept: PictureSize? = nil) throws(ImageError) -> RGBImage {
    var resampler: Resampler?
    let part = try ImageDecoder.decode(bytes, name: name) { (width, height) throws(ImageError) in
      if kept == PictureSize(width: width, height: height) {
        return ImagePart.Place(columns: 0..<width, rows: 0..<height)
      }
      let made = try self.resampler(width: width, height: height)
      resampler = made
      return made.place
    }
    return resampler?.apply(part) ?? part.image
  }

  /// The size that `geometry` makes of a picture of some size.
  ///
  /// - Throws: `ImageError.wrongSize` for a picture that is smaller than the crop.
  public func size(of picture: PictureSize) throws(ImageError) -> PictureSize {
    let size = try resizedSize(width: picture.width, height: picture.height)
    let window = try window(width: size.width, height: size.height)
    return PictureSize(width: window.width, height: window.height)
  }

  /// What makes the network's picture of one of some size.
  private func resampler(width: Int, height: Int) throws(ImageError) -> Resampler {
    guard width > 0, height > 0 else {
      throw .wrongSize(width: width, height: height, expected: "must not be empty")
    }
    let size = try resizedSize(width: width, height: height)
    let window = try window(width: size.width, height: size.height)
    return Resampler(
      sourceWidth: width, sourceHeight: height, width: size.width, height: size.height, interpolation: interpolation,
      window: window)
  }

  /// The first part of `geometry`: resizes, and cuts nothing.
  func resized(_ image: RGBImage) throws(ImageError) -> RGBImage {
    try Preprocessing(resize: resize, crop: nil, interpolation: interpolation, mean: mean, std: std).geometry(image)
  }

  /// The part of a picture of some size that `geometry` cuts out.
  ///
  /// - Throws: `ImageError.wrongSize` for a picture that is smaller than the crop.
  func window(width: Int, height: Int) throws(ImageError) -> Resampler.Window {
    guard let crop else { return Resampler.Window(left: 0, top: 0, width: width, height: height) }
    guard width >= crop, height >= crop else {
      throw .wrongSize(width: width, height: height, expected: "must be at least \(crop)x\(crop) to crop")
    }
    return Resampler.Window(
      left: Int((Double(width - crop) / 2).rounded(.toNearestOrEven)),
      top: Int((Double(height - crop) / 2).rounded(.toNearestOrEven)), width: crop, height: crop)
  }

  private func resizedSize(width: Int, height: Int) throws(ImageError) -> (width: Int, height: Int) {
    guard let resize, min(width, height) != resize else { return (width, height) }
    let (short, long) = (min(width, height), max(width, height))
    let (scaled, overflow) = resize.multipliedReportingOverflow(by: long)
    guard !overflow, scaled / short <= RGBImage.maximumPixels / resize else {
      throw .wrongSize(
        width: width, height: height, expected: "would be too large with a shortest side of \(resize)")
    }
    return width <= height ? (resize, scaled / short) : (scaled / short, resize)
  }

  /// Writes (value / 255 - mean) / std as `[height][width][3]` float32.
  ///
  /// - Throws: `ImageError.wrongSize` where `buffer` is not exactly as long as the picture.
  public func normalise(_ image: RGBImage, into buffer: UnsafeMutableBufferPointer<Float>) throws(ImageError) {
    guard buffer.count == image.pixels.count, mean.count == 3, std.count == 3 else {
      throw .wrongSize(
        width: image.width, height: image.height, expected: "the buffer holds \(buffer.count) values of 3 channels")
    }
    Normaliser(mean: SIMD3(mean[0], mean[1], mean[2]), std: SIMD3(std[0], std[1], std[2])).write(
      image.pixels, into: buffer)
  }

  /// Makes (value - mean) / std of values in [0, 1], `[height][width][3]`. Of a picture's own values (``RGBImage/unitValues``) it
  /// makes the bits that ``normalise(_:into:)`` makes of the picture.
  public func normalise(_ values: inout [Float]) {
    precondition(values.count % 3 == 0 && mean.count == 3 && std.count == 3, "three channels")
    for index in stride(from: 0, to: values.count, by: 3) {
      for channel in 0..<3 { values[index + channel] = (values[index + channel] - mean[channel]) / std[channel] }
    }
  }
}

extension RGBImage {
  /// value / 255, `[height][width][3]`.
  public var unitValues: [Float] { Raster(self).values }
}

extension Preprocessing: CustomStringConvertible {
  /// `resize 256, crop 224, bicubic, mean 0.485 0.456 0.406, std 0.229 0.224 0.225`.
  public var description: String { "\(steps), mean \(Self.text(mean)), std \(Self.text(std))" }

  /// What changes a picture's size: `resize 256, crop 224, bicubic`.
  public var steps: String {
    [resize.map { "resize \($0)" }, crop.map { "crop \($0)" }, interpolation.rawValue].compactMap { $0 }
      .joined(separator: ", ")
  }

  private static func text(_ channels: [Float]) -> String {
    Set(channels).count == 1 ? "\(channels[0])" : channels.map { "\($0)" }.joined(separator: " ")
  }
}
