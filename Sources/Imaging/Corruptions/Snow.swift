import Tensors

extension Corruption {
  /// Flakes that are blown at an angle, on a picture that is whitened.
  public static let snow = Corruption(
    "snow", .standard(alexNetError: 0.866816),
    levels: [
      Snowfall(mean: 0.1, zoom: 3, threshold: 0.5, motion: MotionBlur(radius: 10, sigma: 4), mix: 0.8),
      Snowfall(mean: 0.2, zoom: 2, threshold: 0.5, motion: MotionBlur(radius: 12, sigma: 4), mix: 0.7),
      Snowfall(mean: 0.55, zoom: 4, threshold: 0.9, motion: MotionBlur(radius: 12, sigma: 8), mix: 0.7),
      Snowfall(mean: 0.55, zoom: 4.5, threshold: 0.85, motion: MotionBlur(radius: 12, sigma: 8), mix: 0.65),
      Snowfall(mean: 0.55, zoom: 2.5, threshold: 0.85, motion: MotionBlur(radius: 12, sigma: 12), mix: 0.55),
    ]
  ) { image, snowfall, supplies in
    snowfall.fall(on: image, degrees: -135 + 90 * supplies.random.uniform(at: singles), supplies.random)
  }
}

/// How much snow falls, how it is blown, and how much of the picture stays below it.
struct Snowfall {
  var mean: Double
  var deviation = 0.3
  var zoom: Double
  var threshold: Float
  var motion: MotionBlur
  var mix: Float

  /// Snow that falls at an angle; the flakes are those of the random numbers, whatever the angle.
  func fall(on image: RGBImage, degrees: Double, _ random: CounterRandom) -> RGBImage {
    let (threshold, mix) = (threshold, mix)
    var layer = Raster.normal(
      width: image.width, height: image.height, mean: mean, deviation: deviation, random
    ).clippedZoom(zoom)
    for index in layer.values.indices {
      layer.values[index] = layer.values[index] < threshold ? 0 : min(layer.values[index], 1)
    }
    layer = layer.correlated(motion.taps(degrees: degrees), border: .replicate)
    for index in layer.values.indices { layer.values[index] = (layer.values[index] * 255).rounded() / 255 }
    var raster = Raster(image)
    raster.values.withUnsafeMutableBufferPointer { values in
      layer.values.withUnsafeBufferPointer { layer in
        for pixel in layer.indices {
          // Grey is the same for all channels, and so is what falls: the layer and itself turned by half a turn.
          let start = 3 &* pixel
          let grey = 0.299 * values[start] + 0.587 * values[start &+ 1] + 0.114 * values[start &+ 2]
          let veil = grey * 1.5 + 0.5
          let fallen = layer[pixel] + layer[layer.count &- 1 &- pixel]
          for channel in start..<start &+ 3 {
            let value = values[channel]
            values[channel] = mix * value + (1 - mix) * max(value, veil) + fallen
          }
        }
      }
    }
    return RGBImage(raster)
  }
}
