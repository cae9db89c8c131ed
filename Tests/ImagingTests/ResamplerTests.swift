import Imaging
import Tensors
import Testing

/// The fast passes against Pillow's method written plainly, at sizes where pairs, registers and windows end unevenly.
@Suite struct ResamplerTests {
  /// One axis of 8-bit numbers, in 22-bit fixed point.
  private static func resample(_ source: [UInt8], to target: Int, _ interpolation: Interpolation) -> [UInt8] {
    if source.count == target { return source }
    let scale = Double(source.count) / Double(target)
    let filterScale = max(scale, 1)
    let support = interpolation.support * filterScale
    return (0..<target).map { index in
      let centre = (Double(index) + 0.5) * scale
      let range = max(0, Int(centre - support + 0.5))..<min(source.count, Int(centre + support + 0.5))
      var weights = range.map { interpolation.weight((Double($0) - centre + 0.5) * (1 / filterScale)) }
      let sum = weights.reduce(0, +)
      if sum != 0 { weights = weights.map { $0 * (1 / sum) } }
      let total = zip(range, weights).reduce(1 << 21) { total, item in
        let scaled = item.1 * Double(1 << 22)
        return total + Int(source[item.0]) * Int(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
      }
      return UInt8(clamping: total >> 22)
    }
  }

  private static func resize(_ image: RGBImage, _ width: Int, _ height: Int, _ filter: Interpolation) -> [UInt8] {
    var wide = [UInt8](repeating: 0, count: width * image.height * 3)
    for row in 0..<image.height {
      for channel in 0..<3 {
        let line = (0..<image.width).map { image.pixels[(row * image.width + $0) * 3 + channel] }
        for (column, value) in resample(line, to: width, filter).enumerated() {
          wide[(row * width + column) * 3 + channel] = value
        }
      }
    }
    var result = [UInt8](repeating: 0, count: width * height * 3)
    for place in 0..<width * 3 {
      let line = (0..<image.height).map { wide[$0 * width * 3 + place] }
      for (row, value) in resample(line, to: height, filter).enumerated() { result[row * width * 3 + place] = value }
    }
    return result
  }

  @Test func everyWindowIsThePartOfThePlainResult() {
    let random = CounterRandom(key: 3, stream: 8)
    var drawn: UInt64 = 0
    func next(_ range: ClosedRange<Int>) -> Int {
      drawn += 1
      return range.lowerBound + Int(random.uniform(at: drawn) * Double(range.count))
    }
    for trial in 0..<120 {
      let (width, height) = (next(1...40), next(1...40))
      let image = RGBImage(
        width: width, height: height, pixels: (0..<width * height * 3).map { _ in UInt8(next(0...1) * next(0...255)) })
      let filter = Interpolation.allCases[trial % Interpolation.allCases.count]
      let (newWidth, newHeight) = (trial % 5 == 0 ? width : next(1...60), trial % 7 == 0 ? height : next(1...60))
      let expected = Self.resize(image, newWidth, newHeight, filter)
      let (left, top) = (next(0...newWidth - 1), next(0...newHeight - 1))
      let window = Resampler.Window(
        left: left, top: top, width: next(1...newWidth - left), height: next(1...newHeight - top))
      let found = Resampler.resize(
        image, width: newWidth, height: newHeight, interpolation: filter, window: trial % 3 == 0 ? nil : window)
      let whole = Resampler.Window(left: 0, top: 0, width: newWidth, height: newHeight)
      let used = trial % 3 == 0 ? whole : window
      var part: [UInt8] = []
      for row in used.top..<used.top + used.height {
        let start = (row * newWidth + used.left) * 3
        part += expected[start..<start + used.width * 3]
      }
      #expect(found.pixels == part, "\(width)x\(height) to \(newWidth)x\(newHeight), \(filter), \(used)")
    }
  }
}
