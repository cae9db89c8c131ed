/// Plain passes over features, too light to need an instruction set of their own.
public enum FeaturePasses {
  /// The mean over each image's pixels, [count, channels]: added pixel by pixel, then divided once.
  ///
  /// - Parameter input: [count, pixels, channels].
  public static func globalAverage(
    _ input: UnsafeBufferPointer<Float>, count: Int, pixels: Int, channels: Int,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(pixels > 0 && input.count >= count * pixels * channels, "shape and storage differ")
    precondition(output.count >= count * channels, "shape and storage differ")
    guard let source = input.baseAddress, let target = output.baseAddress else { return }
    for image in 0..<count {
      let mean = target + image * channels
      mean.update(repeating: 0, count: channels)
      for pixel in 0..<pixels {
        let values = source + (image * pixels + pixel) * channels
        for channel in 0..<channels { mean[channel] += values[channel] }
      }
      for channel in 0..<channels { mean[channel] /= Float(pixels) }
    }
  }
}
