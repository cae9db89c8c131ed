import KernelInterfaces
import Kernels

/// Pillow's resampling, bit for bit: horizontal, then vertical, each rounded to 8 bits, in 22-bit fixed point.
///
/// It is worked out once for a size, and says which part of a picture it needs.
package struct Resampler {
  /// A part of a resized picture.
  package struct Window: Sendable, Hashable {
    /// The first column and row, and how many.
    package let left, top, width, height: Int

    package init(left: Int, top: Int, width: Int, height: Int) {
      (self.left, self.top, self.width, self.height) = (left, top, width, height)
    }
  }

  private let window: Window
  private let sourceWidth, sourceHeight: Int
  /// Nil where nothing is resized.
  private let across, down: ResamplingAxis?

  /// The columns and rows of a picture that are read.
  package let place: ImagePart.Place

  /// Resizes pictures of some size to `width` x `height`, and gives what is in `window`; nothing else is computed.
  ///
  /// - Precondition: all sides are at least 1, and the window lies in the resized picture.
  package init(
    sourceWidth: Int, sourceHeight: Int, width: Int, height: Int, interpolation: Interpolation, window: Window? = nil
  ) {
    let window = window ?? Window(left: 0, top: 0, width: width, height: height)
    precondition(
      sourceWidth > 0 && sourceHeight > 0 && window.left >= 0 && window.top >= 0 && window.width > 0
        && window.height > 0 && window.left + window.width <= width && window.top + window.height <= height,
      "the window is not in the picture")
    across =
      width == sourceWidth
      ? nil : ResamplingAxis.kept(sourceWidth, width, window.left, length: window.width, interpolation: interpolation)
    down =
      height == sourceHeight
      ? nil : ResamplingAxis.kept(sourceHeight, height, window.top, length: window.height, interpolation: interpolation)
    (self.window, self.sourceWidth, self.sourceHeight) = (window, sourceWidth, sourceHeight)
    place = ImagePart.Place(
      columns: across?.sources ?? window.left..<window.left + window.width,
      rows: down?.sources ?? window.top..<window.top + window.height)
  }

  /// Resizes a picture to `width` x `height`, and gives what is in `window`; nothing else is computed.
  ///
  /// - Precondition: the window lies in the resized picture.
  package static func resize(
    _ image: RGBImage, width: Int, height: Int, interpolation: Interpolation, window: Window? = nil,
    with set: InstructionSet = .chosen
  ) -> RGBImage {
    guard image.width > 0, image.height > 0, width > 0, height > 0 else {
      return RGBImage(width: width, height: height, pixels: [])
    }
    return Resampler(
      sourceWidth: image.width, sourceHeight: image.height, width: width, height: height,
      interpolation: interpolation, window: window
    ).apply(ImagePart(image), with: set)
  }

  /// Resizes a picture, of which at least ``place`` is there.
  ///
  /// - Precondition: it is of the size that this was made for.
  package func apply(_ part: ImagePart, with set: InstructionSet = .chosen) -> RGBImage {
    let image = part.image
    precondition(
      part.width == sourceWidth && part.height == sourceHeight && part.left <= place.columns.lowerBound
        && part.top <= place.rows.lowerBound && part.left + image.width >= place.columns.upperBound
        && part.top + image.height >= place.rows.upperBound && image.pixels.count == image.width * image.height * 3,
      "the part lacks pixels")
    if across == nil, down == nil, image.width == window.width, image.height == window.height { return image }
    let kernel = set.preprocessingKernel
    let lines = Lines(width: window.width, rows: place.rows.count, beyond: 2 * (down?.pairs ?? 0)) { target, stride in
      image.pixels.withUnsafeBufferPointer { pixels in
        let rows = pixels[(place.rows.lowerBound - part.top) * image.width * 3..<pixels.count]
        let source = Source(bytes: UnsafeBufferPointer(rebasing: rows), width: image.width, left: part.left)
        if let across {
          source.resample(across, rows: place.rows.count, kernel, into: target, stride: stride)
        } else {
          source.cut(place, into: target, stride: stride)
        }
      }
    }
    let pixels = down.map { lines.resample($0, firstRow: place.rows.lowerBound, kernel) } ?? lines.packed
    return RGBImage(width: window.width, height: window.height, pixels: pixels)
  }

  /// Some columns of rows of pixels, from a row on.
  private struct Source {
    let bytes: UnsafeBufferPointer<UInt8>
    let width, left: Int

    func cut(_ place: ImagePart.Place, into target: UnsafeMutablePointer<UInt8>, stride: Int) {
      guard let start = bytes.baseAddress else { return }
      for row in 0..<place.rows.count {
        (target + row * stride).update(
          from: start + 3 * (row * width + place.columns.lowerBound - left), count: 3 * place.columns.count)
      }
    }

    /// Target columns that are resampled together: what is in memory for them stays small, however wide the picture is.
    private static let columnsAtOnce = 256

    func resample(
      _ axis: ResamplingAxis, rows: Int, _ kernel: any PreprocessingKernel.Type,
      into target: UnsafeMutablePointer<UInt8>, stride: Int
    ) {
      if axis.areCopies {
        return copy(axis.first.map { $0 - Int32(left) }, rows: rows, into: target, stride: stride)
      }
      for start in Swift.stride(from: 0, to: axis.first.count, by: Self.columnsAtOnce) {
        let columns = start..<min(start + Self.columnsAtOnce, axis.first.count)
        resample(axis, columns, rows: rows, kernel, into: target + 3 * start, stride: stride)
      }
    }

    private func resample(
      _ axis: ResamplingAxis, _ columns: Range<Int>, rows: Int, _ kernel: any PreprocessingKernel.Type,
      into target: UnsafeMutablePointer<UInt8>, stride: Int
    ) {
      guard let bytes = bytes.baseAddress, let least = axis.first[columns].min(), let most = axis.first[columns].max()
      else { return }
      let first = axis.first[columns].map { $0 - least }
      let (atOnce, offset) = (kernel.rowsAtOnce, 3 * (Int(least) - left))
      let beyond = ResamplingTaps.bytesRead(pairs: axis.pairs)
      first.withUnsafeBufferPointer { first in
        axis.weights.withUnsafeBufferPointer { weights in
          guard let places = first.baseAddress, let pairs = weights.baseAddress else { return }
          let taps = ResamplingTaps(
            first: places, weights: pairs + columns.lowerBound * axis.pairs, pairs: axis.pairs, count: first.count)
          for row in Swift.stride(from: 0, to: rows, by: atOnce) {
            let (from, into) = (bytes + 3 * width * row + offset, target + row * stride)
            let readEnd = 3 * width * (row + atOnce - 1) + offset + 3 * Int(most - least) + beyond
            if row + atOnce <= rows, readEnd <= self.bytes.count {
              kernel.resampleColumns(from, stride: 3 * width, taps: taps, into: into, stride: stride)
            } else {
              resampleLast(
                from, rows: min(atOnce, rows - row), bytes: min(3 * Int(most - least) + beyond, 3 * width - offset),
                taps,
                kernel, into: into, stride: stride)
            }
          }
        }
      }
    }

    /// The last rows are read and written where doing so beyond them does no harm.
    private func resampleLast(
      _ source: UnsafePointer<UInt8>, rows: Int, bytes: Int, _ taps: ResamplingTaps,
      _ kernel: any PreprocessingKernel.Type, into target: UnsafeMutablePointer<UInt8>, stride: Int
    ) {
      let (inStride, outStride) = (bytes + ResamplingTaps.bytesRead(pairs: taps.pairs), 3 * taps.count + 16)
      let atOnce = kernel.rowsAtOnce
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: atOnce * (inStride + outStride)) { memory in
        guard let copies = memory.baseAddress else { return }
        copies.initialize(repeating: 0, count: atOnce * inStride)
        for row in 0..<rows { (copies + row * inStride).update(from: source + 3 * width * row, count: bytes) }
        let results = copies + atOnce * inStride
        kernel.resampleColumns(copies, stride: inStride, taps: taps, into: results, stride: outStride)
        for row in 0..<rows { (target + row * stride).update(from: results + row * outStride, count: 3 * taps.count) }
      }
    }

    private func copy(_ columns: [Int32], rows: Int, into target: UnsafeMutablePointer<UInt8>, stride: Int) {
      for row in 0..<rows {
        var into = target + row * stride
        for column in columns {
          let pixel = 3 * (row * width + Int(column))
          into[0] = bytes[pixel]
          into[1] = bytes[pixel + 1]
          into[2] = bytes[pixel + 2]
          into += 3
        }
      }
    }
  }

  /// Rows of pixels between the two passes, with memory beyond them that kernels may read and write.
  private struct Lines {
    let bytes: [UInt8]
    let rowBytes, stride, rows: Int

    init(
      width: Int, rows: Int, beyond: Int, fill: (_ target: UnsafeMutablePointer<UInt8>, _ stride: Int) -> Void
    ) {
      rowBytes = 3 * width
      let stride = (rowBytes + 16 + 63) / 64 * 64
      (self.stride, self.rows) = (stride, rows)
      // Rows without weight are read.
      let all = (rows + beyond) * stride + 64
      bytes = [UInt8](unsafeUninitializedCapacity: all) { target, count in
        guard let start = target.baseAddress else { return }
        fill(start, stride)
        (start + rows * stride).update(repeating: 0, count: all - rows * stride)
        count = all
      }
    }

    /// The rows without what lies between them.
    var packed: [UInt8] { copies(0..<rows) }

    private func copies(_ chosen: some Sequence<Int>) -> [UInt8] {
      var pixels: [UInt8] = []
      pixels.reserveCapacity(rows * rowBytes)
      for row in chosen { pixels += bytes[row * stride..<row * stride + rowBytes] }
      return pixels
    }

    func resample(_ axis: ResamplingAxis, firstRow: Int, _ kernel: any PreprocessingKernel.Type) -> [UInt8] {
      if axis.areCopies { return copies(axis.first.lazy.map { Int($0) - firstRow }) }
      return [UInt8](unsafeUninitializedCapacity: axis.first.count * rowBytes) { target, count in
        bytes.withUnsafeBufferPointer { source in
          axis.weights.withUnsafeBufferPointer { weights in
            guard let from = source.baseAddress, let pairs = weights.baseAddress, let into = target.baseAddress else {
              return
            }
            for row in axis.first.indices {
              kernel.resampleRows(
                from + (Int(axis.first[row]) - firstRow) * stride, stride: stride, weights: pairs + row * axis.pairs,
                pairs: axis.pairs, count: rowBytes, into: into + row * rowBytes)
            }
          }
        }
        count = axis.first.count * rowBytes
      }
    }
  }
}
