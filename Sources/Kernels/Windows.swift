/// How windows lie along one axis of an image, in pixels.
public struct WindowAxis: Sendable, Hashable {
  /// Pixels of a window.
  public var kernel: Int
  /// The step from window to window.
  public var stride: Int
  /// Pixels before the image's first.
  public var before: Int
  /// Pixels after the image's last.
  public var after: Int
  /// The step from pixel to pixel within a window.
  public var dilation: Int

  /// Windows of `kernel` pixels.
  public init(kernel: Int, stride: Int = 1, before: Int = 0, after: Int = 0, dilation: Int = 1) {
    (self.kernel, self.stride, self.dilation) = (kernel, stride, dilation)
    (self.before, self.after) = (before, after)
  }

  /// Pixels from a window's first to its last.
  public var reach: Int { (kernel - 1) * dilation + 1 }

  /// Windows over an image's `extent`; none where not one fits.
  public func count(over extent: Int) -> Int {
    let padded = extent + before + after
    return padded < reach ? 0 : (padded - reach) / stride + 1
  }
}

/// The windows of a convolution or of a pooling.
public struct WindowShape: Sendable, Hashable {
  /// Along an image's height.
  public var rows: WindowAxis
  /// Along an image's width.
  public var columns: WindowAxis

  /// Windows with rows and columns of their own.
  public init(rows: WindowAxis, columns: WindowAxis) { (self.rows, self.columns) = (rows, columns) }

  /// Square windows, with as many pixels on each side of the image.
  public init(kernel: Int, stride: Int = 1, padding: Int = 0) {
    rows = WindowAxis(kernel: kernel, stride: stride, before: padding, after: padding)
    columns = rows
  }

  /// Pixels of a window.
  public var taps: Int { rows.kernel * columns.kernel }

  /// Whether each pixel is a window of its own.
  public var isPointwise: Bool { self == WindowShape(kernel: 1) }

  /// The side of square windows at every pixel, which the zeros around the image let stay as many; nil for others.
  public var centredSide: Int? { isSquare && rows.stride == 1 ? rows.kernel : nil }

  /// Whether windows are square, of odd side, not spread, and centred at every so many-th pixel.
  public var isSquare: Bool {
    rows == columns && rows.dilation == 1 && rows.kernel % 2 == 1 && rows.before == rows.kernel / 2
      && rows.after == rows.before
  }
}

/// Windows over one image's features: patches for dense convolutions of any padding, and pooling.
public struct Windows: Sendable, Hashable {
  /// Rows of the input.
  public let height: Int
  /// Columns of the input.
  public let width: Int
  /// Channels of the input and of the windows.
  public let channels: Int
  /// What each window covers.
  public let shape: WindowShape

  /// Windows over an image of a size.
  ///
  /// - Precondition: a window fits into the padded image.
  public init(height: Int, width: Int, channels: Int, shape: WindowShape) {
    precondition(shape.rows.stride > 0 && shape.columns.stride > 0 && shape.taps > 0, "no such window")
    precondition(shape.rows.count(over: height) > 0 && shape.columns.count(over: width) > 0, "no window fits")
    (self.height, self.width, self.channels, self.shape) = (height, width, channels, shape)
  }

  /// Square windows over an image of a size.
  ///
  /// - Precondition: a window fits into the padded image.
  public init(height: Int, width: Int, channels: Int, kernel: Int, stride: Int, padding: Int) {
    self.init(
      height: height, width: width, channels: channels,
      shape: WindowShape(kernel: kernel, stride: stride, padding: padding))
  }

  /// Rows of windows.
  public var rows: Int { shape.rows.count(over: height) }
  /// Windows a row.
  public var columns: Int { shape.columns.count(over: width) }

  /// Writes the windows of `range`, counted row by row, [range, rows, columns, channels]; zero outside the image.
  ///
  /// - Parameters:
  ///   - image: [height, width, channels].
  ///   - part: of the channels; all unless given.
  public func gather(
    _ image: UnsafeBufferPointer<Float>, _ range: Range<Int>, part: Range<Int>? = nil,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    let part = part ?? 0..<channels
    precondition(part.lowerBound >= 0 && part.upperBound <= channels, "no such channels")
    precondition(image.count >= height * width * channels, "shape and storage differ")
    precondition(output.count >= range.count * shape.taps * part.count, "shape and storage differ")
    precondition(range.lowerBound >= 0 && range.upperBound <= rows * columns, "no such window")
    guard let image = image.baseAddress, var target = output.baseAddress else { return }
    let source = image + part.lowerBound
    let columns = columns
    for window in range {
      let left = window % columns * shape.columns.stride - shape.columns.before
      let top = window / columns * shape.rows.stride - shape.rows.before
      for v in 0..<shape.rows.kernel {
        let y = top + v * shape.rows.dilation
        for u in 0..<shape.columns.kernel {
          let x = left + u * shape.columns.dilation
          if y >= 0, y < height, x >= 0, x < width {
            target.update(from: source + (y * width + x) * channels, count: part.count)
          } else {
            target.update(repeating: 0, count: part.count)
          }
          target += part.count
        }
      }
    }
  }

  /// The largest of each window, [rows, columns, channels].
  ///
  /// - Parameter countsPadding: whether the zeros around the image take part.
  public func maximum(
    _ image: UnsafeBufferPointer<Float>, countsPadding: Bool, instructionSet: InstructionSet,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(image.count >= height * width * channels, "shape and storage differ")
    precondition(output.count >= rows * columns * channels, "shape and storage differ")
    guard let source = image.baseAddress, var target = output.baseAddress else { return }
    let passes = instructionSet.rowKernel
    forEachWindow { window in
      target.update(repeating: -.infinity, count: channels)
      forEachTap(of: window) { pixel in
        if let pixel {
          passes.raise(target, to: source + pixel * channels, count: channels)
        } else if countsPadding {
          for channel in 0..<channels where target[channel] < 0 { target[channel] = 0 }
        }
      }
      target += channels
    }
  }

  /// The mean of each window, [rows, columns, channels]: its pixels added in their order, then divided once.
  ///
  /// - Parameter countsPadding: whether the zeros around the image count.
  public func average(
    _ image: UnsafeBufferPointer<Float>, countsPadding: Bool, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(image.count >= height * width * channels, "shape and storage differ")
    precondition(output.count >= rows * columns * channels, "shape and storage differ")
    guard let source = image.baseAddress, var target = output.baseAddress else { return }
    forEachWindow { window in
      target.update(repeating: 0, count: channels)
      var counted = 0
      forEachTap(of: window) { pixel in
        if let pixel {
          let values = source + pixel * channels
          for channel in 0..<channels { target[channel] += values[channel] }
        }
        if countsPadding || pixel != nil { counted += 1 }
      }
      for channel in 0..<channels { target[channel] /= Float(max(1, counted)) }
      target += channels
    }
  }

  /// Gives each maximum's gradient to the pixel that it is of: of equal ones the first in the window, as PyTorch does.
  ///
  /// - Parameters:
  ///   - gradient: [rows, columns, channels].
  ///   - image: what the maxima were taken of.
  ///   - output: [height, width, channels].
  public func maximumGradient(
    _ gradient: UnsafeBufferPointer<Float>, of image: UnsafeBufferPointer<Float>, countsPadding: Bool,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(min(image.count, output.count) >= height * width * channels, "shape and storage differ")
    precondition(gradient.count >= rows * columns * channels, "shape and storage differ")
    for index in 0..<height * width * channels { output[index] = 0 }
    var best = [Float](repeating: 0, count: channels)
    var places = [Int](repeating: -1, count: channels)
    var start = 0
    forEachWindow { window in
      for channel in 0..<channels { (best[channel], places[channel]) = (-.infinity, -1) }
      forEachTap(of: window) { pixel in
        guard let pixel else {
          guard countsPadding else { return }
          for channel in 0..<channels where best[channel] < 0 { (best[channel], places[channel]) = (0, -1) }
          return
        }
        for channel in 0..<channels {
          let value = image[pixel * channels + channel]
          if value > best[channel] || value.isNaN { (best[channel], places[channel]) = (value, pixel) }
        }
      }
      for channel in 0..<channels where places[channel] >= 0 {
        output[places[channel] * channels + channel] += gradient[start + channel]
      }
      start += channels
    }
  }

  /// Gives each pixel its share of the gradients of the means that it is in.
  ///
  /// - Parameters:
  ///   - gradient: [rows, columns, channels].
  ///   - output: [height, width, channels].
  public func averageGradient(
    _ gradient: UnsafeBufferPointer<Float>, countsPadding: Bool, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(output.count >= height * width * channels, "shape and storage differ")
    precondition(gradient.count >= rows * columns * channels, "shape and storage differ")
    for index in 0..<height * width * channels { output[index] = 0 }
    var start = 0
    forEachWindow { window in
      var counted = 0
      forEachTap(of: window) { if countsPadding || $0 != nil { counted += 1 } }
      let share = Float(max(1, counted))
      forEachTap(of: window) { pixel in
        guard let pixel else { return }
        for channel in 0..<channels { output[pixel * channels + channel] += gradient[start + channel] / share }
      }
      start += channels
    }
  }

  private func forEachWindow(_ body: ((top: Int, left: Int)) -> Void) {
    for row in 0..<rows {
      for column in 0..<columns {
        body((row * shape.rows.stride - shape.rows.before, column * shape.columns.stride - shape.columns.before))
      }
    }
  }

  /// Each pixel of a window as its place in the image, nil outside it.
  private func forEachTap(of window: (top: Int, left: Int), _ body: (Int?) -> Void) {
    for v in 0..<shape.rows.kernel {
      let y = window.top + v * shape.rows.dilation
      for u in 0..<shape.columns.kernel {
        let x = window.left + u * shape.columns.dilation
        body(y >= 0 && y < height && x >= 0 && x < width ? y * width + x : nil)
      }
    }
  }
}
