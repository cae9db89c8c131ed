extension Corruption {
  /// (x - mean) scale + mean, the mean taken of each channel.
  public static let contrast = Corruption(
    "contrast", .standard(alexNetError: 0.853204), levels: [0.4, 0.3, 0.2, 0.1, 0.05]
  ) { image, scale, _ in
    var sums = [0, 0, 0]
    image.pixels.withUnsafeBufferPointer { pixels in
      for start in stride(from: 0, to: pixels.count, by: 3) {
        for channel in 0..<3 { sums[channel] += Int(pixels[start + channel]) }
      }
    }
    let means = sums.map { Double($0) / 255 / Double(image.width * image.height) }
    let tables = means.map { mean in (0...255).map { byte((Double($0) / 255 - mean) * scale + mean) } }
    var pixels = image.pixels
    pixels.withUnsafeMutableBufferPointer { pixels in
      for start in stride(from: 0, to: pixels.count, by: 3) {
        for channel in 0..<3 { pixels[start + channel] = tables[channel][Int(pixels[start + channel])] }
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }
}
