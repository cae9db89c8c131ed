/// Windows over one image's features: patches for dense convolutions of any padding, and pooling.
public struct Windows: Sendable, Hashable {
  /// Rows of the input.
  public let height: Int
  /// Columns of the input.
  public let width: Int
  /// Channels of the input and of the windows.
  public let channels: Int
  /// The window's side, in pixels.
  public let kernel: Int
  /// The step between windows, in pixels.
  public let stride: Int
  /// The zeros on each side of the image, in pixels.
  public let padding: Int

  /// Windows of a side over an image of a size.
  ///
  /// - Precondition: a window fits into the padded image.
  public init(height: Int, width: Int, channels: Int, kernel: Int, stride: Int, padding: Int) {
    precondition(kernel > 0 && stride > 0 && padding >= 0, "no such window")
    precondition(height + 2 * padding >= kernel && width + 2 * padding >= kernel, "no window fits")
    self.height = height
    self.width = width
    self.channels = channels
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
  }

  /// Rows of windows.
  public var rows: Int { (height + 2 * padding - kernel) / stride + 1 }
  /// Windows a row.
  public var columns: Int { (width + 2 * padding - kernel) / stride + 1 }

  /// Writes the windows of `range`, counted row by row, [range, kernel, kernel, channels]; zero outside the image.
  ///
  /// - Parameter image: [height, width, channels].
  public func gather(
    _ image: UnsafeBufferPointer<Float>, _ range: Range<Int>, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(image.count >= height * width * channels, "shape and storage differ")
    precondition(output.count >= range.count * kernel * kernel * channels, "shape and storage differ")
    precondition(range.lowerBound >= 0 && range.upperBound <= rows * columns, "no such window")
    guard let source = image.baseAddress, var target = output.baseAddress else { return }
    for window in range {
      let left = window % columns * stride - padding
      for v in 0..<kernel {
        let y = window / columns * stride - padding + v
        for u in 0..<kernel {
          let x = left + u
          if y >= 0, y < height, x >= 0, x < width {
            target.update(from: source + (y * width + x) * channels, count: channels)
          } else {
            target.update(repeating: 0, count: channels)
          }
          target += channels
        }
      }
    }
  }

  /// The largest of each window, [rows, columns, channels].
  ///
  /// - Parameter countsPadding: whether the zeros around the image take part.
  public func maximum(
    _ image: UnsafeBufferPointer<Float>, countsPadding: Bool, instructionSet: InstructionSet = .best,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(image.count >= height * width * channels, "shape and storage differ")
    precondition(output.count >= rows * columns * channels, "shape and storage differ")
    guard let source = image.baseAddress, var target = output.baseAddress else { return }
    let passes = instructionSet.rowKernel
    for row in 0..<rows {
      for column in 0..<columns {
        target.update(repeating: -.infinity, count: channels)
        for v in 0..<kernel {
          let y = row * stride - padding + v
          for u in 0..<kernel {
            let x = column * stride - padding + u
            if y >= 0, y < height, x >= 0, x < width {
              passes.raise(target, to: source + (y * width + x) * channels, count: channels)
            } else if countsPadding {
              for channel in 0..<channels where target[channel] < 0 { target[channel] = 0 }
            }
          }
        }
        target += channels
      }
    }
  }
}
