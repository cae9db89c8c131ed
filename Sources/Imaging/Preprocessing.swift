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
    let (width, height) = try resizedSize(image)
    guard width != image.width || height != image.height || crop != nil else { return image }
    let window = try window(width: width, height: height)
    return Resampler.resize(image, width: width, height: height, interpolation: interpolation, window: window)
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

  private func resizedSize(_ image: RGBImage) throws(ImageError) -> (width: Int, height: Int) {
    guard let resize, min(image.width, image.height) != resize else { return (image.width, image.height) }
    guard image.width > 0, image.height > 0 else {
      throw .wrongSize(width: image.width, height: image.height, expected: "needs pixels to be resized")
    }
    let (short, long) = (min(image.width, image.height), max(image.width, image.height))
    let (scaled, overflow) = resize.multipliedReportingOverflow(by: long)
    guard !overflow, scaled / short <= RGBImage.maximumPixels / resize else {
      throw .wrongSize(
        width: image.width, height: image.height, expected: "would be too large with a shortest side of \(resize)")
    }
    return image.width <= image.height ? (resize, scaled / short) : (scaled / short, resize)
  }

  /// Writes (value / 255 - mean) / std as `[height][width][3]` float32.
  ///
  /// - Throws: `ImageError.wrongSize` where `buffer` is not exactly as long as the picture.
  public func normalise(_ image: RGBImage, into buffer: UnsafeMutableBufferPointer<Float>) throws(ImageError) {
    guard buffer.count == image.pixels.count, mean.count == 3, std.count == 3 else {
      throw .wrongSize(
        width: image.width, height: image.height, expected: "the buffer holds \(buffer.count) values of 3 channels")
    }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * 256) { table in
      for channel in 0..<3 {
        for value in 0..<256 { table[channel * 256 + value] = (Float(value) / 255 - mean[channel]) / std[channel] }
      }
      image.pixels.withUnsafeBufferPointer { pixels in
        var index = 0
        while index < pixels.count {
          buffer[index] = table[Int(pixels[index])]
          buffer[index + 1] = table[256 + Int(pixels[index + 1])]
          buffer[index + 2] = table[512 + Int(pixels[index + 2])]
          index += 3
        }
      }
    }
  }
}
