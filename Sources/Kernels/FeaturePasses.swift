/// Plain passes over features, too light to need an instruction set of their own.
public enum FeaturePasses {
  /// Writes each output place's window, [count x rows x columns, kernel x kernel x channels], zero outside the image: the
  /// left matrix whose product with the weights is a dense convolution of padding `kernel / 2`.
  ///
  /// - Parameter input: [count, height, width, channels].
  public static func patches(
    _ input: UnsafeBufferPointer<Float>, count: Int, height: Int, width: Int, channels: Int, kernel: Int, stride: Int,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    let rows = (height - 1) / stride + 1
    let columns = (width - 1) / stride + 1
    precondition(height > 0 && width > 0 && kernel % 2 == 1 && stride > 0, "no such convolution")
    precondition(input.count >= count * height * width * channels, "shape and storage differ")
    precondition(output.count >= count * rows * columns * kernel * kernel * channels, "shape and storage differ")
    guard let source = input.baseAddress, var target = output.baseAddress else { return }
    let pad = kernel / 2
    for image in 0..<count {
      for row in 0..<rows {
        for column in 0..<columns {
          for v in 0..<kernel {
            let y = row * stride + v - pad
            for u in 0..<kernel {
              let x = column * stride + u - pad
              if y >= 0, y < height, x >= 0, x < width {
                target.update(from: source + ((image * height + y) * width + x) * channels, count: channels)
              } else {
                target.update(repeating: 0, count: channels)
              }
              target += channels
            }
          }
        }
      }
    }
  }

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
