import Foundation
import Imaging
import Tensors
import Testing

/// What `tools/make_frequency_fixtures.py` computes with numpy.fft.
struct FrequencyFixtures: Decodable {
  struct Wave: Decodable {
    let height, width, row, column: Int
    let values: [Double]
  }
  struct Band: Decodable {
    let height, width, tenth: Int
    let mask: String
    let bins: Double
    let field, values: [Double]
  }
  let waves: [Wave]
  let bands: [Band]

  static func load() throws -> FrequencyFixtures {
    let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/frequency.json"
    return try JSONDecoder().decode(FrequencyFixtures.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

@Suite struct FourierWaveTests {
  @Test("waves are NumPy's: real, of norm 1, of one frequency and its mirror")
  func basis() throws {
    let waves = try FrequencyFixtures.load().waves
    #expect(waves.count == 8)
    for wave in waves {
      let found = FourierWave(row: wave.row, column: wave.column, norm: 1).basis(height: wave.height, width: wave.width)
      #expect(found.count == wave.values.count)
      #expect(zip(found, wave.values).allSatisfy { abs($0 - $1) < 1e-14 }, "\(wave.row) \(wave.column)")
      #expect(abs(found.reduce(0) { $0 + $1 * $1 } - 1) < 1e-13)
    }
    let large = FourierWave(row: 17, column: -31, norm: 1).basis(height: 224, width: 224)
    #expect(abs(large.reduce(0) { $0 + $1 * $1 } - 1) < 1e-12 && abs(large.reduce(0, +)) < 1e-11)
  }

  @Test("a wave is added with a sign of each channel, and clipped")
  func adds() {
    let wave = FourierWave(row: 1, column: 2, norm: 0.5)
    let basis = wave.basis(height: 8, width: 6)
    let random = CounterRandom(key: 3, stream: 5)
    var values = (0..<8 * 6 * 3).map { Float($0) / 143 }
    let before = values
    wave.add(to: &values, height: 8, width: 6, random: random)
    var clipped = 0
    for (index, value) in values.enumerated() {
      let sign = random.word(at: UInt64(index % 3)) & 1 == 0 ? 1.0 : -1.0
      let sum = Double(before[index]) + sign * 0.5 * basis[index / 3]
      clipped += sum < 0 || sum > 1 ? 1 : 0
      #expect(abs(Double(value) - min(max(sum, 0), 1)) < 1e-7)
    }
    #expect(clipped > 0)
    let signs = Set((0..<32).map { stream in (0..<3).map { CounterRandom(key: 3, stream: stream).word(at: $0) & 1 } })
    #expect(signs.count == 8)
  }

  @Test("values of a picture, normalised, have the bits of the picture that is normalised")
  func normalises() throws {
    let image = RGBImage(width: 16, height: 16, pixels: (0..<768).map { UInt8(truncatingIfNeeded: $0) })
    let preprocessing = Preprocessing(
      resize: nil, crop: nil, interpolation: .box, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])
    var expected = [Float](repeating: .nan, count: 768)
    try expected.withUnsafeMutableBufferPointer { try preprocessing.normalise(image, into: $0) }
    var values = image.unitValues
    #expect(values[255] == 1 && values[254] == 254.0 / 255)
    preprocessing.normalise(&values)
    #expect(values.map(\.bitPattern) == expected.map(\.bitPattern))
  }
}
