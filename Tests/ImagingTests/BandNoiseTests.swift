import Foundation
import Imaging
import Tensors
import Testing

@Suite struct BandNoiseTests {
  private static let bands = (0..<FrequencyBand.count).map { FrequencyBand(tenth: $0) }

  private func impulse(_ height: Int, _ width: Int) -> [Double] {
    [1] + Array(repeating: 0, count: height * width - 1)
  }

  /// How many frequencies a band has: the first number of an impulse's part, times all.
  private func bins(_ band: FrequencyBand, _ height: Int, _ width: Int, _ mask: FrequencyBand.Mask) -> Double {
    band.parts(of: [impulse(height, width)], height: height, width: width, mask: mask)[0][0] * Double(height * width)
  }

  @Test("bands are NumPy's, of either mask")
  func fixtures() throws {
    let bands = try FrequencyFixtures.load().bands
    #expect(bands.count == 40)
    for band in bands {
      let mask = try #require(FrequencyBand.Mask(rawValue: band.mask))
      let found = FrequencyBand(tenth: band.tenth).parts(
        of: [band.field], height: band.height, width: band.width, mask: mask)[0]
      #expect(found.count == band.values.count)
      #expect(zip(found, band.values).allSatisfy { abs($0 - $1) < 1e-11 }, "\(band.height) \(band.tenth) \(mask)")
      #expect(abs(bins(FrequencyBand(tenth: band.tenth), band.height, band.width, mask) - band.bins) < 1e-9)
    }
  }

  @Test("rings of the authors' code have their sides; a ring of everything changes nothing")
  func sides() {
    let sides = [0, 10, 32, 56, 78, 100, 122, 144, 168, 190, 212, 224]
    for (tenth, band) in Self.bands.enumerated() {
      let expected = sides[tenth + 1] * sides[tenth + 1] - sides[tenth] * sides[tenth]
      #expect(abs(bins(band, 224, 224, .authors) - Double(expected)) < 1e-6, "\(tenth)")
    }
    let eighth = FrequencyBand(low: 25, high: 75)
    #expect(abs(bins(eighth, 8, 8, .authors) - 32) < 1e-9 && abs(bins(eighth, 8, 8, .symmetric) - 24) < 1e-9)
    let field = (0..<16).map { Double($0 * 7 % 5) }
    for mask in FrequencyBand.Mask.allCases {
      let whole = FrequencyBand(low: -100, high: 100).parts(of: [field], height: 4, width: 4, mask: mask)[0]
      #expect(zip(whole, field).allSatisfy { abs($0 - $1) < 1e-14 })
    }
  }

  @Test(
    "the eleven bands have each frequency once, at every size",
    arguments: [(224, 224), (288, 288), (320, 320), (384, 384), (32, 32), (37, 37), (64, 90), (227, 121), (1, 6)])
  func tiling(height: Int, width: Int) {
    let random = CounterRandom(key: 1, stream: 2)
    let fields = (0..<3).map { field in
      (0..<height * width).map { random.uniform(at: UInt64(field * height * width + $0)) - 0.5 }
    }
    var sums = fields.map { $0.map { _ in 0.0 } }
    var energy = 0.0
    for band in Self.bands {
      let parts = band.parts(of: fields, height: height, width: width)
      energy += parts.joined().reduce(0) { $0 + $1 * $1 }
      for (index, part) in parts.enumerated() { sums[index] = zip(sums[index], part).map { $0 + $1 } }
    }
    #expect(zip(sums.joined(), fields.joined()).allSatisfy { abs($0 - $1) < 1e-12 })
    // Parseval: bands that overlap nowhere share the energy.
    #expect(abs(energy / fields.joined().reduce(0) { $0 + $1 * $1 } - 1) < 1e-12)
  }

  @Test("a wave is in its own band and in no other", arguments: [224, 288, 320, 384, 90, 49])
  func waves(side: Int) {
    let highest = side / 2
    for (row, column) in [(0, 0), (3, -2), (-highest / 2, 5), (1, highest - 1), (highest, highest)] {
      let wave = FourierWave(row: row, column: column, norm: 1).basis(height: side, width: side)
      let waves = max(abs(row), abs(column))
      for (tenth, band) in Self.bands.enumerated() {
        let (low, high) = (max(0, (2 * tenth - 1) * side / 40), tenth == 10 ? side : (2 * tenth + 1) * side / 40)
        let part = band.parts(of: [wave], height: side, width: side)[0]
        let expected = low <= waves && waves < high ? wave : wave.map { _ in 0 }
        #expect(zip(part, expected).allSatisfy { abs($0 - $1) < 1e-13 }, "\(row) \(column) \(tenth)")
      }
    }
  }

  private func rms(_ channels: [[Double]]) -> Double {
    (channels.joined().reduce(0) { $0 + $1 * $1 } / Double(channels.joined().count)).squareRoot()
  }

  @Test("noise has the strength that its band has of white noise, or the same in all bands")
  func energies() {
    let random = CounterRandom(key: 7, stream: 9)
    // Root mean squares of the authors' method, computed with NumPy from other random numbers.
    for (tenth, expected) in [(0, 0.0405), (3, 0.236), (5, 0.304), (7, 0.380), (9, 0.407), (10, 0.319)] {
      let making = BandNoise.Making(epsilon: 1, mask: .authors)
      let found = rms(
        BandNoise(band: FrequencyBand(tenth: tenth), making: making).noise(height: 224, width: 224, random: random))
      #expect(abs(found / expected - 1) < (tenth == 0 ? 0.15 : 0.03), "\(tenth): \(found)")
    }
    for tenth in [0, 4, 10] {
      for isSign in [true, false] {
        let making = BandNoise.Making(epsilon: 0.2, energy: .equal, isSign: isSign)
        let found = rms(
          BandNoise(band: FrequencyBand(tenth: tenth), making: making).noise(height: 64, width: 48, random: random))
        #expect(abs(found - 0.2 / 11.0.squareRoot()) < 1e-12)
      }
    }
    // 32 pixels have no frequency below 0.05 pi but that of the next band.
    let making = BandNoise.Making(epsilon: 1, energy: .equal)
    let empty = BandNoise(band: FrequencyBand(tenth: 0), making: making).noise(height: 32, width: 32, random: random)
    #expect(empty.joined().allSatisfy { $0 == 0 })
  }

  @Test("all bands are parts of one noise of sign and strength; without sign it is normal")
  func white() {
    let random = CounterRandom(key: 7, stream: 9)
    func sum(_ isSign: Bool) -> [Double] {
      let making = BandNoise.Making(epsilon: 0.25, isSign: isSign)
      return Self.bands.map { band in
        Array(BandNoise(band: band, making: making).noise(height: 40, width: 30, random: random).joined())
      }.reduce([Double](repeating: 0, count: 3600)) { zip($0, $1).map { $0 + $1 } }
    }
    let (signs, normals) = (sum(true), sum(false))
    #expect(signs.allSatisfy { abs(abs($0) - 0.25) < 1e-13 })
    #expect(abs(signs.reduce(0, +)) < 0.25 * 3 * 60)
    #expect(zip(signs, normals).allSatisfy { $0 * $1 > 0 })
    #expect(abs(rms([normals]) / 0.25 - 1) < 0.05 && normals.contains { abs($0) > 0.5 })
  }

  @Test("noise is added in [0, 1] and clipped, or after normalisation and not")
  func domains() {
    let random = CounterRandom(key: 7, stream: 9)
    let values = (0..<12 * 10 * 3).map { Float($0 % 100) / 99 }
    let std: [Float] = [0.229, 0.5, 0.1]
    func made(_ making: BandNoise.Making) -> (found: [Float], sums: [Double]) {
      let noise = BandNoise(band: FrequencyBand(tenth: 6), making: making)
      var found = values
      noise.add(to: &found, height: 12, width: 10, std: std, random: random)
      let channels = noise.noise(height: 12, width: 10, random: random)
      let sums = values.indices.map { index in
        let number = channels[index % 3][index / 3]
        return Double(values[index]) + number * (making.domain == .normalised ? Double(std[index % 3]) : 1)
      }
      return (found, sums)
    }
    let pixels = made(BandNoise.Making(epsilon: 0.6))
    #expect(zip(pixels.found, pixels.sums).allSatisfy { abs(Double($0) - min(max($1, 0), 1)) < 1e-7 })
    #expect(pixels.sums.contains { $0 < 0 } && pixels.sums.contains { $0 > 1 })
    let normalised = made(BandNoise.Making(epsilon: 3, domain: .normalised, clips: false))
    #expect(zip(normalised.found, normalised.sums).allSatisfy { abs(Double($0) - $1) < 1e-6 })
    #expect(normalised.sums.contains { $0 < 0 })
  }
}
