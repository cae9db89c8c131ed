/// One axis of a convolution that is computed in two phases, even outputs and odd ones, with three products of half
/// the taps where the direct method needs four.
///
/// With x'[m] = x[m - kernel / 2], the even places x0[i] = x'[2i], the odd ones x1[i] = x'[2i + 1], and the same for
/// the taps h:
///
///     y[2i]     = sum (h0 + h1)[j] x1[i + j] + sum h0[j] (x0[i + j] - x1[i + j])
///     y[2i + 1] = sum (h0 + h1)[j] x1[i + j] + sum h1[j] (x0[i + j + 1] - x1[i + j])
///
/// This is the transposed two-parallel fast FIR filter (Parker and Parhi, "Low-area/power parallel FIR digital filter
/// implementations", 1997), used on rows and on columns: 9 products of a quarter of the taps instead of 16. Places
/// outside the image are zeros within a difference; differences of two such places are left out of the sums.
package struct PhasedAxis: Sendable, Equatable {
  /// Pixels along the axis.
  package let extent: Int
  /// Taps along the axis; odd.
  package let kernel: Int

  /// The three products.
  package enum Product: Int, CaseIterable, Sendable {
    /// Of (h0 + h1) and x1, which both phases add.
    case shared
    /// Of h0 and x0 - x1, for even outputs.
    case even
    /// Of h1 and the next x0 - x1, for odd outputs.
    case odd
  }

  package init(extent: Int, kernel: Int) {
    (self.extent, self.kernel) = (extent, kernel)
  }

  /// Whether a depthwise convolution is computed so: where the direct method has work enough to save.
  package static func isUsed(height: Int, width: Int, kernel: Int, stride: Int) -> Bool {
    stride == 1 && kernel >= 9 && min(height, width) >= 10
  }

  /// Taps of a product.
  package func taps(_ product: Product) -> Int { product == .odd ? kernel / 2 : (kernel + 1) / 2 }

  /// Outputs of a product.
  package func outputs(_ product: Product) -> Int { product == .odd ? extent / 2 : (extent + 1) / 2 }

  /// The indices of a product's input that touch the image.
  package func range(_ product: Product) -> Range<Int> {
    let pad = kernel / 2
    switch product {
    case .shared: return pad / 2..<(extent + pad) / 2
    case .even: return pad / 2..<(extent + pad + 1) / 2
    case .odd: return (pad - 1) / 2..<(extent + pad) / 2
    }
  }

  /// The place that is taken, and the one that is subtracted from it if any; either may lie outside the image.
  package func places(_ product: Product, _ index: Int) -> (taken: Int, subtracted: Int?) {
    let odd = 2 * index + 1 - kernel / 2
    switch product {
    case .shared: return (odd, nil)
    case .even: return (odd - 1, odd)
    case .odd: return (odd + 1, odd)
    }
  }

  /// The one or two taps of the kernel that a product's tap is the sum of.
  package func sources(_ product: Product, _ index: Int) -> (first: Int, second: Int?) {
    switch product {
    case .shared: (2 * index, 2 * index + 1 < kernel ? 2 * index + 1 : nil)
    case .even: (2 * index, nil)
    case .odd: (2 * index + 1, nil)
    }
  }

  /// The taps of a product, each the sum of one or two of `values`.
  package func filter(_ product: Product, _ values: [Float]) -> [Float] {
    (0..<taps(product)).map { index in
      let (first, second) = sources(product, index)
      return second.map { values[first] + values[$0] } ?? values[first]
    }
  }
}
