/// What the kernels of one instruction set offer. Each module of kernels compiles the same sources with its own flags
/// and its own width of a register; the module Kernels chooses between them at run time.
package protocol MatrixKernel {
  /// Columns of a panel of packed weights.
  static var panelColumns: Int { get }

  /// `activation(left x weights + bias) + residual`; see `MatrixProduct`.
  init(
    left: UnsafePointer<Float>, panels: UnsafePointer<Float>, bias: UnsafePointer<Float>, activation: Int32,
    residual: UnsafePointer<Float>?, output: UnsafeMutablePointer<Float>, rows: Int, inner: Int, columns: Int,
    errorFunction: UnsafePointer<Float>)

  /// Elements that `multiply` needs to work in.
  var scratchCount: Int { get }
  /// The product, plainly.
  func multiply(scratch: UnsafeMutablePointer<Float>)

  /// Elements that `multiplyBF16` needs to work in.
  var scratchCountBF16: Int { get }
  /// The product of bfloat16 numbers; `native` says whether the processor has the instruction for it.
  func multiplyBF16(native: Bool, rounded: RoundedSides, scratch: UnsafeMutablePointer<Float>)
  /// Elements of `rows` rounded rows of `numbers` numbers.
  static func roundedCount(rows: Int, numbers: Int) -> Int

  /// Elements that `multiplyBlocks` needs to work in.
  func blocksScratchCount(splits: Int, chunk: Int) -> Int
  /// The product in blocks.
  func multiplyBlocks(splits: Int, chunk: Int, scratch: UnsafeMutablePointer<Float>)
}

/// Which matrices of a product lie in memory as the bfloat16 product takes its left one.
package struct RoundedSides: OptionSet, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  package static let left = RoundedSides(rawValue: 1)
  package static let output = RoundedSides(rawValue: 2)
}

/// A group of channels of one image, as wide as a register, and its depthwise convolution; see `DepthwisePlane`.
package protocol DepthwiseKernel {
  /// Channels of a group.
  static var lanes: Int { get }

  /// Elements that the phased method needs behind the plane.
  static func phasedScratchCount(_ rows: PhasedAxis, _ columns: PhasedAxis) -> Int

  /// Copies `channels` of each pixel together.
  static func gather(
    _ source: UnsafePointer<Float>, pixels: Int, step: Int, channels: Int, into plane: UnsafeMutablePointer<Float>)

  init(
    plane: UnsafeMutablePointer<Float>, weights: UnsafePointer<Float>, phasedWeights: UnsafePointer<Float>?,
    bias: UnsafePointer<Float>, height: Int, width: Int, kernel: Int, stride: Int, next: UnsafePointer<Float>?,
    nextWeights: UnsafeBufferPointer<Float>)

  /// Writes `activation(convolution + bias)`, pixels `step` elements apart.
  func convolve(relu: Bool, into output: UnsafeMutablePointer<Float>, step: Int, channels: Int)
}

/// The transforms of Winograd's F(2x2, 3x3); see `WinogradTransform`.
package protocol WinogradKernel {
  static func input(
    _ pixels: UnsafePointer<UnsafePointer<Float>>, channels: Int, step: Int, into target: UnsafeMutablePointer<Float>)

  static func output(
    _ sums: UnsafePointer<Float>, channels: Int, step: Int, bias: UnsafePointer<Float>, activation: Int32,
    residuals: UnsafePointer<UnsafePointer<Float>?>?, into targets: UnsafePointer<UnsafeMutablePointer<Float>?>)
}

/// The rate of multiply-adds between registers; see `PeakRate`.
package protocol PeakKernel {
  /// Floating-point operations of a round.
  static var operationsPerRound: Int { get }
  /// Runs `rounds` rounds, and gives a number that depends on all.
  static func run(rounds: Int, factor: Float) -> Float
}

/// Passes over rows of numbers; see `RowPasses`.
package protocol RowKernel {
  static func layer(
    _ values: UnsafePointer<Float>, channels: Int, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>,
    epsilon: Float, into result: UnsafeMutablePointer<Float>)

  static func addMoments(
    _ source: UnsafePointer<Float>, pixels: Int, channels: Int, into sums: UnsafeMutablePointer<Double>)

  static func scale(
    _ source: UnsafePointer<Float>, pixels: Int, channels: Int, moments: UnsafePointer<Float>,
    weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, relu: Bool, into target: UnsafeMutablePointer<Float>)

  static func softmax(_ line: UnsafeMutablePointer<Float>, columns: Int)

  static func correlate(
    _ sources: UnsafePointer<UnsafePointer<Float>>, weights: UnsafePointer<Float>, taps: Int, count: Int,
    into target: UnsafeMutablePointer<Float>)

  static func map(
    _ function: RowFunction, _ source: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Float>)

  static func raise(_ target: UnsafeMutablePointer<Float>, to source: UnsafePointer<Float>, count: Int)
}

/// The passes of backpropagation over rows; see `GradientPasses`.
package protocol GradientKernel {
  static func gelu(
    _ source: UnsafePointer<Float>, count: Int, errorFunction: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>)

  static func geluGradient(
    _ gradient: UnsafePointer<Float>, _ source: UnsafePointer<Float>, count: Int,
    errorFunction: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>)

  static func mask(
    _ gradient: UnsafePointer<Float>, _ values: UnsafePointer<Float>, count: Int,
    into target: UnsafeMutablePointer<Float>)

  static func add(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Float>)

  static func layer(
    _ gradient: UnsafePointer<Float>, _ values: UnsafePointer<Float>, channels: Int, weight: UnsafePointer<Float>,
    epsilon: Float, residual: UnsafePointer<Float>?, into target: UnsafeMutablePointer<Float>)

  static func softmax(
    _ gradient: UnsafePointer<Float>, _ probabilities: UnsafePointer<Float>, columns: Int,
    into target: UnsafeMutablePointer<Float>)

  static func addProducts(
    _ gradient: UnsafePointer<Float>, _ source: UnsafePointer<Float>, pixels: Int, channels: Int,
    weight: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Double>)

  static func combine(
    _ gradient: UnsafePointer<Float>, _ source: UnsafePointer<Float>, pixels: Int, channels: Int,
    weight: UnsafePointer<Float>, factors: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>)
}

/// Functions of one number that kernels compute many at once.
package enum RowFunction: Sendable, Hashable {
  case relu
  /// 1 / (1 + e^-x).
  case sigmoid
  /// x / (1 + e^-x).
  case silu
  case tanh
  case exponential
  /// min(max(x scale + shift, 0), 1), or x times it.
  case hardSigmoid(scale: Float, shift: Float)
  case hardSwish
  case clip(low: Float, high: Float)
  /// x, or x slope where it is negative.
  case leakyReLU(slope: Float)
  /// x scale + shift, rounded twice.
  case affine(scale: Float, shift: Float)
}

/// Which numbers a noise is made of: those of a `CounterRandom`.
package struct NoiseSource: Sendable {
  package let key: (UInt32, UInt32)
  package let stream: (UInt32, UInt32)

  package init(key: (UInt32, UInt32), stream: (UInt32, UInt32)) {
    self.key = key
    self.stream = stream
  }
}

/// Noises of pictures; see `NoisePasses`.
package protocol NoiseKernel {
  /// Turns values white whose word is below `white`, and black those below `changed`.
  static func impulse(
    _ pixels: UnsafeMutablePointer<UInt8>, count: Int, white: UInt32, changed: UInt32, _ source: NoiseSource)

  /// x + n or x + x n, n normal with a deviation of `scale`.
  static func gaussian(
    _ pixels: UnsafeMutablePointer<UInt8>, count: Int, scale: Float, multiplies: Bool, _ source: NoiseSource)

  /// The words of values 0 to 64 groups.
  static func words(_ target: UnsafeMutablePointer<UInt32>, groups: Int, _ source: NoiseSource)

  /// Their normal numbers.
  static func normals(_ target: UnsafeMutablePointer<Float>, groups: Int, _ source: NoiseSource)
}

/// Passes over the pixels of pictures; see `PixelPasses`. Lines that have a border are read from their pointer up to two
/// numbers beyond `count`.
package protocol PixelKernel {
  /// x / 255.
  static func shares(_ bytes: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutablePointer<Float>)

  /// 255 x, clipped and cut off as numpy's `np.uint8(255 x)`; an error of 1e-4 levels is forgiven.
  static func levels(_ values: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<UInt8>)

  /// The middle one of 2 radius + 1 lines times the first weight, plus the sum of each two that are as far from it times
  /// the next.
  static func correlateSymmetric(
    _ sources: UnsafePointer<UnsafePointer<Float>>, weights: UnsafePointer<Float>, radius: Int, count: Int,
    into target: UnsafeMutablePointer<Float>)

  /// The sums of each channel's values before each pixel of a row, and after the last: 3 (pixels + 1) numbers.
  static func prefixSums(_ bytes: UnsafePointer<UInt8>, pixels: Int, into target: UnsafeMutablePointer<Int32>)

  /// The sum over rows of an end less a start, times a scale.
  static func addDifferences(
    _ ends: UnsafePointer<UnsafePointer<Int32>>, _ starts: UnsafePointer<UnsafePointer<Int32>>, rows: Int, count: Int,
    scale: Float, into target: UnsafeMutablePointer<Float>)

  /// The words' upper 24 bits as numbers in [0, 1).
  static func uniforms(_ words: UnsafePointer<UInt32>, count: Int, into target: UnsafeMutablePointer<Float>)

  /// One round of diamonds and squares on a torus of side x side numbers.
  ///
  /// - Parameters:
  ///   - uniforms: 3 side^2: of the centres, then of each place's horizontal and vertical middle.
  ///   - centres: side^2, overwritten.
  ///   - finer: the torus of twice the side.
  static func grow(
    _ lattice: UnsafePointer<Float>, side: Int, uniforms: UnsafePointer<Float>, swing: Float,
    centres: UnsafeMutablePointer<Float>, into finer: UnsafeMutablePointer<Float>)

  /// The smallest and the largest of at least one number.
  static func range(_ values: UnsafePointer<Float>, count: Int) -> (smallest: Float, largest: Float)

  /// share x / 255 + layer tint, as ``levels(_:count:into:)``; a layer's number is for all channels of a pixel.
  static func veil(
    _ bytes: UnsafePointer<UInt8>, _ layer: UnsafePointer<Float>, pixels: Int, share: Float,
    tint: (Float, Float, Float), into target: UnsafeMutablePointer<UInt8>)

  /// 255 x cut off, at most 255; 0 below a positive threshold.
  static func drops(
    _ liquid: UnsafePointer<Float>, threshold: Float, count: Int, into target: UnsafeMutablePointer<UInt8>)

  /// The products of bytes.
  static func products(
    _ first: UnsafePointer<UInt8>, _ second: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutablePointer<Float>)

  /// Sobel's 3x3 derivatives and the sum of their sizes; lines with a border begin one pixel to the left.
  static func sobel(
    _ above: UnsafePointer<UInt8>, _ here: UnsafePointer<UInt8>, _ below: UnsafePointer<UInt8>, count: Int,
    across: UnsafeMutablePointer<Int16>, down: UnsafeMutablePointer<Int16>, norm: UnsafeMutablePointer<Int16>)

  /// Canny's first look at a line: 2 where the norm is above `high`, 1 where it is above `low`, if it is largest along the
  /// gradient, which lies in one of four directions; else 0. The lines above and below are `stride` numbers away.
  static func thin(
    _ norm: UnsafePointer<Int16>, stride: Int, across: UnsafePointer<Int16>, down: UnsafePointer<Int16>, count: Int,
    low: Int16, high: Int16, into states: UnsafeMutablePointer<UInt8>)

  /// One line of Borgefors' 5x5 chamfer distance, 16 fractional bits, after the two lines before it; lines have a border
  /// of two numbers on both sides.
  static func chamfer(
    _ row: UnsafeMutablePointer<Int32>, next: UnsafePointer<Int32>, beyond: UnsafePointer<Int32>, count: Int,
    backwards: Bool)

  /// The means of 3x3 numbers with 16 fractional bits, none taken as more than `largest`, at most 255, cut off.
  static func boxOfDistances(
    _ above: UnsafePointer<Int32>, _ here: UnsafePointer<Int32>, _ below: UnsafePointer<Int32>, count: Int,
    largest: Int32, into target: UnsafeMutablePointer<UInt8>)

  /// The 3x3 correlation that lights from the lower right, clipped.
  static func emboss(
    _ above: UnsafePointer<UInt8>, _ here: UnsafePointer<UInt8>, _ below: UnsafePointer<UInt8>, count: Int,
    into target: UnsafeMutablePointer<UInt8>)

  /// The means of 3x3 bytes, rounded.
  static func boxOfBytes(
    _ above: UnsafePointer<UInt8>, _ here: UnsafePointer<UInt8>, _ below: UnsafePointer<UInt8>, count: Int,
    into target: UnsafeMutablePointer<UInt8>)
}
