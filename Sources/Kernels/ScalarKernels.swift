import KernelInterfaces

/// The kernels written as plainly as they can be: the reference whose bits every faster variant must give.
///
/// Each output is one chain of fused multiply-adds in a fixed order from +0, then bias, activation and residual, each
/// rounded on its own; see "Same bits" in `docs/architecture.md`. Images and features are NHWC, row-major.
package enum ScalarKernels {
  /// What is done with an output once its sum is complete: `activation(sum + bias) + residual`, or of `reluOfSum`
  /// `max(sum + bias + residual, 0)`.
  package struct Epilogue: Sendable {
    package var bias: [Float]?
    package var activation: Activation
    package var residual: [Float]?

    package init(bias: [Float]? = nil, activation: Activation = .none, residual: [Float]? = nil) {
      self.bias = bias
      self.activation = activation
      self.residual = residual
    }

    func finish(_ sum: Float, channel: Int, index: Int) -> Float {
      var value = sum
      if let bias { value += bias[channel] }
      switch activation {
      case .none, .reluOfSum: break
      case .relu: value = value > 0 ? value : 0
      case .gelu: value = ErrorFunction.gelu(value)
      }
      if let residual { value += residual[index] }
      if activation == .reluOfSum { value = value > 0 ? value : 0 }
      return value
    }
  }

  /// The product of `left` [rows, inner] and the transpose of `weights` [columns, inner], shape [rows, columns].
  ///
  /// The chain runs over inner = 0, 1, 2, ...; of large shapes of which rows may be taken together, see
  /// `BlockProduct`.
  package static func matrixProduct(
    _ left: [Float], _ weights: [Float], rows: Int, inner: Int, columns: Int, rowsTogether: Int = 1,
    precision: Precision = .fp32, epilogue: Epilogue = Epilogue()
  ) -> [Float] {
    precondition(left.count == rows * inner && weights.count == columns * inner, "shapes and storage differ")
    var output = [Float](repeating: 0, count: rows * columns)
    let splits =
      precision == .fp32 ? BlockProduct.splits(inner: inner, columns: columns, rowsTogether: rowsTogether) : 0
    if splits > 0 {
      let side = 1 << splits
      for row in stride(from: 0, to: rows, by: side) {
        let group = (row..<row + side).map { Array(left[$0 * inner..<($0 + 1) * inner]) }
        for column in 0..<columns / side {
          let chosen = (0..<side).map { column + $0 * (columns / side) }
          let sums = BlockProduct.sums(group, chosen.map { Array(weights[$0 * inner..<($0 + 1) * inner]) })
          for (offset, values) in sums.enumerated() {
            for (place, sum) in zip(chosen, values) {
              let index = (row + offset) * columns + place
              output[index] = epilogue.finish(sum, channel: place, index: index)
            }
          }
        }
      }
      return output
    }
    for row in 0..<rows {
      for column in 0..<columns {
        var sum: Float = 0
        if precision == .bf16 {
          for pair in 0..<(inner + 1) / 2 {
            sum = addingBF16(
              sum, bf16Pair(left, row * inner, pair, inner), bf16Pair(weights, column * inner, pair, inner))
          }
        } else {
          for k in 0..<inner {
            sum = sum.addingProduct(left[row * inner + k], weights[column * inner + k])
          }
        }
        let index = row * columns + column
        output[index] = epilogue.finish(sum, channel: column, index: index)
      }
    }
    return output
  }

  /// Two neighbouring numbers of `values` from `start` on, rounded to bfloat16; the second of an odd last one is zero.
  static func bf16Pair(_ values: some RandomAccessCollection<Float>, _ start: Int, _ pair: Int, _ inner: Int) -> UInt32
  {
    func rounded(_ k: Int) -> UInt32 {
      k < inner ? BFloat16.bits(rounding: values[values.index(values.startIndex, offsetBy: start + k)]) : 0
    }
    return rounded(2 * pair) | rounded(2 * pair + 1) << 16
  }

  /// Adds the products of a pair to a sum, as VDPBF16PS does: the second product first, each fused, results too small for a normal number flushed to zero.
  static func addingBF16(_ sum: Float, _ left: UInt32, _ right: UInt32) -> Float {
    func flushed(_ x: Float) -> Float { x.isSubnormal ? x * 0 : x }
    let second = flushed(
      sum.addingProduct(Float(bitPattern: left & 0xffff_0000), Float(bitPattern: right & 0xffff_0000)))
    return flushed(second.addingProduct(Float(bitPattern: left << 16), Float(bitPattern: right << 16)))
  }

  /// The extent of a convolution's output: padding `kernel / 2` on both sides, as all of RepLKNet's have.
  package static func outputExtent(_ extent: Int, kernel: Int, stride: Int) -> Int {
    (extent + 2 * (kernel / 2) - kernel) / stride + 1
  }

  /// Convolves each channel with a kernel of its own; `weights` is [channels, kernel, kernel].
  ///
  /// The chain runs over the kernel's taps row by row; a tap outside the image is skipped, not multiplied with zero.
  /// Large kernels on large maps are computed in phases, see `PhasedAxis`.
  /// - Returns: [count, output height, output width, channels].
  package static func depthwise(
    _ input: [Float], _ weights: [Float], count: Int, height: Int, width: Int, channels: Int, kernel: Int,
    stride: Int = 1, epilogue: Epilogue = Epilogue()
  ) -> [Float] {
    precondition(input.count == count * height * width * channels, "shapes and storage differ")
    precondition(weights.count == channels * kernel * kernel && kernel % 2 == 1, "shapes and storage differ")
    let rows = outputExtent(height, kernel: kernel, stride: stride)
    let columns = outputExtent(width, kernel: kernel, stride: stride)
    var output = [Float](repeating: 0, count: count * rows * columns * channels)
    if PhasedAxis.isUsed(height: height, width: width, kernel: kernel, stride: stride) {
      for image in 0..<count {
        for channel in 0..<channels {
          let own = Array(weights[(channel * kernel * kernel)..<((channel + 1) * kernel * kernel)])
          let sums = phasedPlane(
            PhasedAxis(extent: height, kernel: kernel), PhasedAxis(extent: width, kernel: kernel), own
          ) {
            y, x in input[((image * height + y) * width + x) * channels + channel]
          }
          for (pixel, sum) in sums.enumerated() {
            let index = (image * height * width + pixel) * channels + channel
            output[index] = epilogue.finish(sum, channel: channel, index: index)
          }
        }
      }
      return output
    }
    for index in output.indices {
      let channel = index % channels
      let column = index / channels % columns
      let row = index / (channels * columns) % rows
      let image = index / (channels * columns * rows)
      var sum: Float = 0
      for (y, x, tap) in taps(row, column, height, width, kernel, stride) {
        let value = input[((image * height + y) * width + x) * channels + channel]
        sum = sum.addingProduct(value, weights[channel * kernel * kernel + tap])
      }
      output[index] = epilogue.finish(sum, channel: channel, index: index)
    }
    return output
  }

  /// The sums of one channel's convolution in two phases an axis, [height, width]; `weights` is [kernel, kernel].
  static func phasedPlane(
    _ rows: PhasedAxis, _ columns: PhasedAxis, _ weights: [Float], _ pixel: (_ y: Int, _ x: Int) -> Float
  ) -> [Float] {
    let filters = phasedFilters(weights, kernel: rows.kernel)
    func value(_ y: Int, _ x: Int) -> Float {
      (0..<rows.extent).contains(y) && (0..<columns.extent).contains(x) ? pixel(y, x) : 0
    }
    func part(_ rowProduct: PhasedAxis.Product, _ columnProduct: PhasedAxis.Product, _ y: Int, _ x: Int) -> Float {
      let filter = filters[rowProduct.rawValue * 3 + columnProduct.rawValue]
      let (rowTaps, columnTaps) = (rows.taps(rowProduct), columns.taps(columnProduct))
      var sum: Float = 0
      for v in 0..<rowTaps where rows.range(rowProduct).contains(y + v) {
        let row = rows.places(rowProduct, y + v)
        for u in 0..<columnTaps where columns.range(columnProduct).contains(x + u) {
          let column = columns.places(columnProduct, x + u)
          func along(_ x: Int) -> Float {
            row.subtracted.map { value(row.taken, x) - value($0, x) } ?? value(row.taken, x)
          }
          let difference = column.subtracted.map { along(column.taken) - along($0) } ?? along(column.taken)
          sum = sum.addingProduct(difference, filter[v * columnTaps + u])
        }
      }
      return sum
    }
    return (0..<rows.extent * columns.extent).map { index in
      let (y, x) = (index / columns.extent, index % columns.extent)
      let own = (y % 2 == 0 ? PhasedAxis.Product.even : .odd, x % 2 == 0 ? PhasedAxis.Product.even : .odd)
      return (part(.shared, .shared, y / 2, x / 2) + part(.shared, own.1, y / 2, x / 2))
        + (part(own.0, .shared, y / 2, x / 2) + part(own.0, own.1, y / 2, x / 2))
    }
  }

  /// The taps of the nine products, rows by columns: columns are added first.
  static func phasedFilters(_ weights: [Float], kernel: Int) -> [[Float]] {
    let axis = PhasedAxis(extent: 0, kernel: kernel)
    let products = PhasedAxis.Product.allCases
    let lines = (0..<kernel).map { row in
      products.map { axis.filter($0, Array(weights[(row * kernel)..<((row + 1) * kernel)])) }
    }
    return products.flatMap { rowProduct in
      products.map { columnProduct in
        let taps = axis.taps(columnProduct)
        let columns = (0..<taps).map { u in axis.filter(rowProduct, lines.map { $0[columnProduct.rawValue][u] }) }
        return (0..<axis.taps(rowProduct) * taps).map { columns[$0 % taps][$0 / taps] }
      }
    }
  }

  /// Convolves all channels together; `weights` is [outputs, kernel, kernel, channels].
  ///
  /// The chain runs over taps row by row and within a tap over the channels; outside the image the input is zero, so
  /// that this is the matrix product of the patches.
  /// - Returns: [count, output height, output width, outputs].
  package static func convolution(
    _ input: [Float], _ weights: [Float], count: Int, height: Int, width: Int, channels: Int, outputs: Int,
    kernel: Int, stride: Int = 1, epilogue: Epilogue = Epilogue()
  ) -> [Float] {
    precondition(input.count == count * height * width * channels, "shapes and storage differ")
    precondition(weights.count == outputs * kernel * kernel * channels && kernel % 2 == 1, "shapes and storage differ")
    let rows = outputExtent(height, kernel: kernel, stride: stride)
    let columns = outputExtent(width, kernel: kernel, stride: stride)
    var output = [Float](repeating: 0, count: count * rows * columns * outputs)
    for index in output.indices {
      let channel = index % outputs
      let column = index / outputs % columns
      let row = index / (outputs * columns) % rows
      let image = index / (outputs * columns * rows)
      var sum: Float = 0
      for tap in 0..<kernel * kernel {
        let y = row * stride - kernel / 2 + tap / kernel
        let x = column * stride - kernel / 2 + tap % kernel
        let isInside = y >= 0 && y < height && x >= 0 && x < width
        for k in 0..<channels {
          let value = isInside ? input[((image * height + y) * width + x) * channels + k] : 0
          sum = sum.addingProduct(value, weights[(channel * kernel * kernel + tap) * channels + k])
        }
      }
      output[index] = epilogue.finish(sum, channel: channel, index: index)
    }
    return output
  }

  /// The mean over all pixels of each image's channels, shape [count, channels]: added row by row, then divided once.
  package static func globalAverage(_ input: [Float], count: Int, pixels: Int, channels: Int) -> [Float] {
    precondition(input.count == count * pixels * channels, "shapes and storage differ")
    var output = [Float](repeating: 0, count: count * channels)
    for image in 0..<count {
      for channel in 0..<channels {
        var sum: Float = 0
        for pixel in 0..<pixels {
          sum += input[(image * pixels + pixel) * channels + channel]
        }
        output[image * channels + channel] = sum / Float(pixels)
      }
    }
    return output
  }

  /// The places in the image, and their taps in the kernel, that an output reads: row-major, those inside only.
  private static func taps(
    _ row: Int, _ column: Int, _ height: Int, _ width: Int, _ kernel: Int, _ stride: Int
  ) -> [(y: Int, x: Int, tap: Int)] {
    let top = row * stride - kernel / 2
    let left = column * stride - kernel / 2
    var places: [(y: Int, x: Int, tap: Int)] = []
    for y in max(top, 0)..<min(top + kernel, height) {
      for x in max(left, 0)..<min(left + kernel, width) {
        places.append((y, x, (y - top) * kernel + x - left))
      }
    }
    return places
  }
}
