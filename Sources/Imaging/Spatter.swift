import Tensors

extension Corruption {
  /// Drops of water (severity 1...3) or mud (4 and 5) where smoothed noise is high.
  static func spatter(_ image: RGBImage, level: Int, _ random: CounterRandom) -> RGBImage {
    let (mean, deviation, sigma, threshold, strength, isMud): (Double, Double, Double, Float, Double, Bool) = [
      (0.65, 0.3, 4, 0.69, 0.6, false), (0.65, 0.3, 3, 0.68, 0.6, false), (0.65, 0.3, 2, 0.68, 0.5, false),
      (0.65, 0.3, 1, 0.65, 1.5, true), (0.67, 0.4, 1, 0.65, 1.5, true),
    ][level]
    let liquid = Plane.normal(width: image.width, height: image.height, mean: mean, deviation: deviation, random)
      .gaussian(sigma: sigma)
    return isMud
      ? mud(image, liquid, threshold: threshold, sigma: strength)
      : water(image, liquid, threshold: threshold, strength: Float(strength))
  }

  private static func mud(_ image: RGBImage, _ liquid: Plane, threshold: Float, sigma: Double) -> RGBImage {
    var mask = liquid
    for index in mask.values.indices { mask.values[index] = mask.values[index] > threshold ? 1 : 0 }
    mask = mask.gaussian(sigma: sigma)
    var planes = image.planes
    for (channel, colour) in [Float(63), 42, 20].map({ $0 / 255 }).enumerated() {
      for index in mask.values.indices where mask.values[index] >= 0.8 {
        let share = mask.values[index]
        planes[channel].values[index] = planes[channel].values[index] * (1 - share) + colour * share
      }
    }
    return RGBImage(planes: planes)
  }

  /// Adds turquoise, lit from one side by the distance to the drops' edges. Without a drop the picture stays as it is;
  /// the public code divides by zero there.
  private static func water(_ image: RGBImage, _ liquid: Plane, threshold: Float, strength: Float) -> RGBImage {
    let drops = ByteMap(
      width: liquid.width, height: liquid.height,
      values: liquid.values.map { $0 < threshold ? 0 : UInt8(min($0 * 255, 255)) })
    let edges = drops.cannyEdges(low: 50, high: 150)
    var distance = Plane(distanceTo: edges, width: drops.width, height: drops.height)
    for index in distance.values.indices { distance.values[index] = min(distance.values[index], 20) }
    let smooth = distance.boxMean()
    let light = ByteMap(width: smooth.width, height: smooth.height, values: smooth.values.map { UInt8($0) })
      .equalized().embossed().boxMean()
    let shine = zip(drops.values, light.values).map { Float($0) * Float($1) }
    let brightest = shine.max() ?? 0
    guard brightest > 0 else { return image }
    var planes = image.planes
    for (channel, colour) in [Float(175), 238, 238].map({ $0 / 255 }).enumerated() {
      for index in shine.indices { planes[channel].values[index] += shine[index] / brightest * strength * colour }
    }
    return RGBImage(planes: planes)
  }
}

extension Plane {
  /// Borgefors' 5x5 chamfer distance to the nearest set pixel with OpenCV's weights 1, 1.4 and 2.1969; large where none
  /// is set.
  init(distanceTo isSet: [Bool], width: Int, height: Int) {
    // Two pixels of border on each side, from which nothing is near.
    let wide = width + 4
    var field = [Float](repeating: .infinity, count: wide * (height + 4))
    for row in 0..<height {
      for column in 0..<width {
        field[(row + 2) * wide + column + 2] = isSet[row * width + column] ? 0 : 8192
      }
    }
    let steps: [(offset: Int, length: Float)] = [
      (-1, 1), (-wide, 1), (-wide - 1, 1.4), (-wide + 1, 1.4), (-wide - 2, 2.1969), (-wide + 2, 2.1969),
      (-2 * wide - 1, 2.1969), (-2 * wide + 1, 2.1969),
    ]
    field.withUnsafeMutableBufferPointer { field in
      // Forwards with the steps as they are, backwards with their opposites.
      for direction in [1, -1] {
        for place in 0..<width * height {
          let pixel = direction == 1 ? place : width * height - 1 - place
          let index = (pixel / width + 2) * wide + pixel % width + 2
          var nearest = field[index]
          for step in steps { nearest = min(nearest, field[index + direction * step.offset] + step.length) }
          field[index] = nearest
        }
      }
    }
    var values: [Float] = []
    values.reserveCapacity(width * height)
    for row in 2..<height + 2 {
      let start = row * wide + 2
      values += field[start..<start + width]
    }
    self.init(width: width, height: height, values: values)
  }

  /// The mean of 3x3 pixels, border reflect-101.
  func boxMean() -> Plane {
    var taps: [Tap] = []
    for row in -1...1 { for column in -1...1 { taps.append(Tap(row: row, column: column, weight: 1)) } }
    var result = correlated(taps, border: .reflect101)
    for index in result.values.indices { result.values[index] /= 9 }
    return result
  }
}

/// One 8-bit channel with the OpenCV operations that spatter's water is made of.
struct ByteMap {
  let width: Int
  let height: Int
  var values: [UInt8]

  /// The 3x3 correlation with a kernel of whole numbers.
  private func correlate(_ kernel: [Int32], border: Border) -> [Int32] {
    // With the border written out every tap is one addition along a row.
    let wide = width + 2
    var padded: [Int32] = []
    padded.reserveCapacity(wide * (height + 2))
    for row in -1...height {
      let line = border.inside(row, height) * width
      padded.append(Int32(values[line + border.inside(-1, width)]))
      padded += values[line..<line + width].lazy.map(Int32.init)
      padded.append(Int32(values[line + border.inside(width, width)]))
    }
    var result = [Int32](repeating: 0, count: values.count)
    for tap in 0..<9 where kernel[tap] != 0 {
      let weight = kernel[tap]
      result.withUnsafeMutableBufferPointer { result in
        padded.withUnsafeBufferPointer { padded in
          for row in 0..<height {
            let from = (row + tap / 3) * wide + tap % 3
            for column in 0..<width {
              result[row * width + column] &+= weight &* padded[from + column]
            }
          }
        }
      }
    }
    return result
  }

  /// The mean of 3x3 pixels, rounded, border reflect-101.
  func boxMean() -> ByteMap {
    let sums = correlate([Int32](repeating: 1, count: 9), border: .reflect101)
    return ByteMap(width: width, height: height, values: sums.map { UInt8((2 * $0 + 9) / 18) })
  }

  /// Lit from the lower right; clipped to a byte.
  func embossed() -> ByteMap {
    let sums = correlate([-2, -1, 0, -1, 1, 1, 0, 1, 2], border: .reflect101)
    return ByteMap(width: width, height: height, values: sums.map { UInt8(clamping: $0) })
  }

  /// OpenCV's `equalizeHist`: the darkest level becomes 0, the rest share 1...255 by their cumulative count.
  func equalized() -> ByteMap {
    var counts = [Int](repeating: 0, count: 256)
    for value in values { counts[Int(value)] += 1 }
    guard let darkest = counts.firstIndex(where: { $0 > 0 }), counts[darkest] < values.count else { return self }
    let scale = 255 / Float(values.count - counts[darkest])
    var table = [UInt8](repeating: 0, count: 256)
    var sum = 0
    for level in darkest + 1..<256 {
      sum += counts[level]
      table[level] = UInt8(min((Float(sum) * scale).rounded(.toNearestOrEven), 255))
    }
    return ByteMap(width: width, height: height, values: values.map { table[Int($0)] })
  }

  /// Canny's edges as OpenCV finds them: Sobel 3x3 (border replicate), L1 norm, non-maxima thinned, then every pixel
  /// above `low` that hangs together with one above `high`.
  func cannyEdges(low: Int32, high: Int32) -> [Bool] {
    let horizontal = correlate([-1, 0, 1, -2, 0, 2, -1, 0, 1], border: .replicate)
    let vertical = correlate([-1, -2, -1, 0, 0, 0, 1, 2, 1], border: .replicate)
    let norm = zip(horizontal, vertical).map { abs($0) + abs($1) }
    func magnitude(_ row: Int, _ column: Int) -> Int32 {
      row >= 0 && row < height && column >= 0 && column < width ? norm[row * width + column] : 0
    }
    var candidate = [Bool](repeating: false, count: values.count)
    var edge = candidate
    var open: [Int] = []
    for row in 0..<height {
      for column in 0..<width {
        let index = row * width + column
        let here = norm[index]
        guard here > low else { continue }
        let (x, y) = (abs(horizontal[index]), abs(vertical[index]) << 15)
        // tan 22.5 degrees in 15 fractional bits, as in OpenCV; tan 67.5 is that plus 2.
        let flat = x * 13573
        let isMaximum: Bool
        if y < flat {
          isMaximum = here > magnitude(row, column - 1) && here >= magnitude(row, column + 1)
        } else if y > flat + (x << 16) {
          isMaximum = here > magnitude(row - 1, column) && here >= magnitude(row + 1, column)
        } else {
          let slant = (horizontal[index] ^ vertical[index]) < 0 ? -1 : 1
          isMaximum = here > magnitude(row - 1, column - slant) && here > magnitude(row + 1, column + slant)
        }
        candidate[index] = isMaximum
        if isMaximum && here > high {
          edge[index] = true
          open.append(index)
        }
      }
    }
    while let index = open.popLast() {
      let (row, column) = (index / width, index % width)
      for down in max(0, row - 1)...min(height - 1, row + 1) {
        for across in max(0, column - 1)...min(width - 1, column + 1) {
          let neighbour = down * width + across
          if candidate[neighbour] && !edge[neighbour] {
            edge[neighbour] = true
            open.append(neighbour)
          }
        }
      }
    }
    return edge
  }
}
