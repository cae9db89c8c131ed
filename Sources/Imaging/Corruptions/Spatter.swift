import Kernels
import Tensors

extension Corruption {
  /// Drops of water (severity 1...3) or mud (4 and 5) where smoothed noise is high.
  public static let spatter = Corruption(
    "spatter", .extra,
    levels: [
      (0.65, 0.3, 4, 0.69, 0.6, false), (0.65, 0.3, 3, 0.68, 0.6, false), (0.65, 0.3, 2, 0.68, 0.5, false),
      (0.65, 0.3, 1, 0.65, 1.5, true), (0.67, 0.4, 1, 0.65, 1.5, true),
    ]
  ) {
    (
      image,
      level: (mean: Double, deviation: Double, sigma: Double, threshold: Float, strength: Double, isMud: Bool), supplies
    ) in
    let liquid = Raster.normal(
      width: image.width, height: image.height, mean: level.mean, deviation: level.deviation, supplies.random
    ).gaussian(sigma: level.sigma)
    return level.isMud
      ? mud(image, liquid, threshold: level.threshold, sigma: level.strength)
      : water(image, liquid, threshold: level.threshold, strength: Float(level.strength))
  }

  private static func mud(_ image: RGBImage, _ liquid: Raster, threshold: Float, sigma: Double) -> RGBImage {
    var mask = liquid
    for index in mask.values.indices { mask.values[index] = mask.values[index] > threshold ? 1 : 0 }
    mask = mask.gaussian(sigma: sigma)
    let colour = SIMD4<Float>(63, 42, 20, 0) / 255
    var raster = Raster(image)
    raster.values.withUnsafeMutableBufferPointer { values in
      for (pixel, share) in mask.values.enumerated() where share >= 0.8 {
        for channel in 0..<3 {
          values[3 * pixel + channel] = values[3 * pixel + channel] * (1 - share) + colour[channel] * share
        }
      }
    }
    return RGBImage(raster)
  }

  /// Adds turquoise, lit from one side by the distance to the drops' edges. Without a drop the picture stays as it is;
  /// the public code divides by zero there.
  private static func water(_ image: RGBImage, _ liquid: Raster, threshold: Float, strength: Float) -> RGBImage {
    let drops = LiquidMap(liquid, threshold: threshold)
    let shine = drops.times(drops.distances(to: drops.cannyEdges(low: 50, high: 150)).light())
    let brightest = shine.withUnsafeBufferPointer { shine in
      shine.baseAddress.map { InstructionSet.chosen.pixelKernel.range($0, count: shine.count).largest } ?? 0
    }
    guard brightest > 0 else { return image }
    let scale = strength / brightest
    return image.veiled(share: 1, shine.map { scale * $0 }, tint: (175.0 / 255, 238.0 / 255, 238.0 / 255))
  }
}
