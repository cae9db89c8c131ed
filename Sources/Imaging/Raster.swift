import Kernels
import Tensors

/// A picture or a field of numbers, float32, `[height][width][channels]`.
struct Raster {
  let width: Int
  let height: Int
  let channels: Int
  var values: [Float]

  init(width: Int, height: Int, channels: Int = 1, values: [Float]) {
    precondition(values.count == width * height * channels, "a raster of another size")
    (self.width, self.height, self.channels, self.values) = (width, height, channels, values)
  }

  init(width: Int, height: Int, channels: Int = 1, repeating value: Float = 0) {
    self.init(
      width: width, height: height, channels: channels,
      values: [Float](repeating: value, count: width * height * channels))
  }

  /// The numbers of a row.
  var lineCount: Int { width * channels }

  /// Normal numbers of the kernels' order, see `NoisePasses`.
  static func normal(
    width: Int, height: Int, mean: Double, deviation: Double, _ random: CounterRandom
  ) -> Raster {
    let count = width * height
    let groups = (count + 63) / 64
    var numbers = [Float](repeating: 0, count: 64 * groups)
    numbers.withUnsafeMutableBufferPointer {
      guard let start = $0.baseAddress else { return }
      InstructionSet.chosen.noiseKernel.normals(start, groups: groups, random.noiseSource)
      InstructionSet.chosen.rowKernel.map(
        .affine(scale: Float(deviation), shift: Float(mean)), start, count: count, into: start)
    }
    numbers.removeLast(numbers.count - count)
    return Raster(width: width, height: height, values: numbers)
  }
}

extension CounterRandom {
  /// Words of the kernels' order, see `NoisePasses`, as numbers in [0, 1) with 24 random bits.
  func uniforms(_ count: Int) -> [Float] {
    let words = words(count)
    return [Float](unsafeUninitializedCapacity: count) { target, initialized in
      words.withUnsafeBufferPointer { words in
        guard let words = words.baseAddress, let target = target.baseAddress else { return }
        InstructionSet.chosen.pixelKernel.uniforms(words, count: count, into: target)
      }
      initialized = count
    }
  }

  /// At least as many words of the kernels' order, see `NoisePasses`.
  func words(_ count: Int) -> [UInt32] {
    let groups = (count + 63) / 64
    return [UInt32](unsafeUninitializedCapacity: 64 * groups) { words, initialized in
      guard let start = words.baseAddress else { return }
      InstructionSet.chosen.noiseKernel.words(start, groups: groups, noiseSource)
      initialized = 64 * groups
    }
  }
}

extension Raster {
  /// Three channels with 255 as 1.
  init(_ image: RGBImage) {
    self.init(
      width: image.width, height: image.height, channels: 3,
      values: [Float](unsafeUninitializedCapacity: image.pixels.count) { target, initialized in
        image.pixels.withUnsafeBufferPointer { pixels in
          guard let pixels = pixels.baseAddress, let target = target.baseAddress else { return }
          InstructionSet.chosen.pixelKernel.shares(pixels, count: image.pixels.count, into: target)
        }
        initialized = image.pixels.count
      })
  }
}

extension RGBImage {
  /// From three channels with 1 as 255: clipped to 0...1 and cut off as numpy's `np.uint8(255 x)`.
  init(_ raster: Raster) {
    precondition(raster.channels == 3, "a picture has three channels")
    let count = raster.values.count
    self.init(
      width: raster.width, height: raster.height,
      pixels: [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
        raster.values.withUnsafeBufferPointer { values in
          guard let values = values.baseAddress, let target = target.baseAddress else { return }
          InstructionSet.chosen.pixelKernel.levels(values, count: count, into: target)
        }
        initialized = count
      })
  }

  /// share x + layer tint of each pixel, with 255 as 1: clipped and cut off.
  func veiled(share: Float, _ layer: [Float], tint: (Float, Float, Float)) -> RGBImage {
    precondition(layer.count == width * height, "a layer of another size")
    return RGBImage(
      width: width, height: height,
      pixels: [UInt8](unsafeUninitializedCapacity: pixels.count) { target, initialized in
        pixels.withUnsafeBufferPointer { pixels in
          layer.withUnsafeBufferPointer { layer in
            guard let pixels = pixels.baseAddress, let layer = layer.baseAddress, let target = target.baseAddress
            else { return }
            InstructionSet.chosen.pixelKernel.veil(
              pixels, layer, pixels: width * height, share: share, tint: tint, into: target)
          }
        }
        initialized = pixels.count
      })
  }
}
