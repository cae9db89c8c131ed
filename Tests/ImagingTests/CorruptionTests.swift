import Foundation
import Tensors
import Testing

import Imaging

@Suite struct CorruptionTests {
  private static let side = 48

  private static func fixture(_ name: String) throws -> RGBImage {
    let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/corruptions/" + name + ".rgb"
    return RGBImage(width: side, height: side, pixels: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
  }

  /// The share of channel values that differ by at most one level.
  private static func agreement(_ one: RGBImage, _ other: RGBImage) -> Double {
    let close = zip(one.pixels, other.pixels).count { abs(Int($0) - Int($1)) <= 1 }
    return Double(close) / Double(max(1, one.pixels.count))
  }

  static let deterministic: [Corruption] = [
    .brightness, .contrast, .saturate, .pixelate, .jpegCompression, .defocusBlur, .gaussianBlur, .zoomBlur,
  ]

  @Test(
    "The deterministic corruptions are the public package's, and not those of another severity",
    arguments: deterministic, [1, 4])
  func agreesWithThePackage(corruption: Corruption, severity: Int) throws {
    let clean = try Self.fixture("clean")
    let expected = try Self.fixture("\(corruption.rawValue)-\(severity)")
    let random = CounterRandom(key: 1, stream: 1)
    let made = try corruption.apply(clean, severity: severity, random: random)
    #expect(Self.agreement(made, expected) >= 0.999)
    let wrong = try corruption.apply(clean, severity: severity + 1, random: random)
    #expect(Self.agreement(wrong, expected) < 0.99)
  }

  @Test("Motion blur at a fixed angle is the public package's", arguments: [1, 4])
  func motionBlurAgreesWithThePackage(severity: Int) throws {
    let clean = try Self.fixture("clean")
    let expected = try Self.fixture("motion_blur-\(severity)")
    let motion = MotionBlur.published[severity - 1]
    #expect(Self.agreement(motion.blur(clean, degrees: 30), expected) >= 0.999)
    #expect(Self.agreement(motion.blur(clean, degrees: 35), expected) < 0.99)
  }

  @Test("Any size, the same bits each time, other bits for another stream", arguments: Corruption.allCases)
  func takesAnySizeAndIsReproducible(corruption: Corruption) throws {
    let isRandom = !Self.deterministic.contains(corruption)
    for (width, height) in [(1, 1), (3, 2), (7, 40), (64, 64), (93, 50)] {
      let pixels = (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 91) }
      let image = RGBImage(width: width, height: height, pixels: pixels)
      for severity in 1...5 {
        let random = CounterRandom(key: 5, stream: 9)
        let made = try corruption.apply(image, severity: severity, random: random)
        #expect(made.width == width && made.height == height)
        #expect(made == (try corruption.apply(image, severity: severity, random: random)))
        guard width == 64 else { continue }
        let other = try corruption.apply(image, severity: severity, random: CounterRandom(key: 5, stream: 10))
        #expect((made != other) == isRandom, "\(corruption) \(severity)")
      }
    }
  }

  /// What every machine must make of one picture: FNV-1a over all five severities. A new figure here means that archives
  /// of before and after cannot be compared. JPEG's bytes are its library's.
  static let digests: [Corruption: UInt64] = [
    .brightness: 0x7fef_7af1_3423_09f6,
    .contrast: 0x722b_254d_16ad_bef4,
    .defocusBlur: 0x461c_e2bc_b63e_af12,
    .elasticTransform: 0x00e1_06e7_c030_ba9e,
    .fog: 0x7a699bc41fd66970,
    .frost: 0xd293864a04613c3b,
    .gaussianBlur: 0x619e_106d_97dd_aa74,
    .gaussianNoise: 0xa145769b930c858c,
    .glassBlur: 0xe2d3_7d8c_1b92_c9fa,
    .impulseNoise: 0x4a04bc93d1b7ffae,
    .motionBlur: 0x97fc_55ba_3002_57c7,
    .pixelate: 0xc5b5_bf4e_7c5f_b454,
    .saturate: 0x2c87_d961_20da_2505,
    .shotNoise: 0xf106110efb0a4b2f,
    .snow: 0xb9a4a2ff16bfdf4f,
    .spatter: 0x972d7703a5118a48,
    .speckleNoise: 0x7ac9ada33e6d4f1a,
    .zoomBlur: 0x5b04_0283_f682_7dbb,
  ]

  @Test("The same pixels on every machine", arguments: Corruption.allCases.filter { $0 != .jpegCompression })
  func samePixelsEverywhere(corruption: Corruption) throws {
    let image = RGBImage(
      width: 48, height: 40, pixels: (0..<48 * 40 * 3).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 91) })
    var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    for severity in 1...5 {
      for byte in try corruption.apply(image, severity: severity, random: CounterRandom(key: 5, stream: 9)).pixels {
        digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3
      }
    }
    #expect(digest == Self.digests[corruption], ".\(corruption): 0x\(String(digest, radix: 16)),")
  }

  @Test("The registry holds the published corruptions in the paper's order, each once and with what it needs")
  func registry() throws {
    let standard = [
      "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "snow",
      "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression",
    ]
    let extra = ["speckle_noise", "gaussian_blur", "spatter", "saturate"]
    #expect(Corruption.all.filter(\.isStandard).map(\.rawValue) == standard)
    #expect(Corruption.all.filter(\.isPublished).map(\.rawValue) == standard + extra)
    #expect(Set(Corruption.all.map(\.rawValue)).count == Corruption.all.count)
    #expect(Corruption.all.filter(\.usesFrostPictures) == [.frost])
    #expect(Corruption(rawValue: "rain") == nil)
    #expect(Perturbation.all.filter(\.isStandard).count == 10)
    #expect(Set(Perturbation.all.map(\.rawValue)).count == Perturbation.all.count)
  }

  @Test("Corruptions and perturbations are kept by their names")
  func codedByName() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    let names = try encoder.encode(Corruption.all)
    #expect(try JSONDecoder().decode([String].self, from: names) == Corruption.all.map(\.rawValue))
    #expect(try JSONDecoder().decode([Corruption].self, from: names) == Corruption.all)
    #expect(try String(decoding: encoder.encode([Perturbation.zoomBlur]), as: UTF8.self) == "[\"zoom_blur\"]")
    #expect(throws: DecodingError.self) { try JSONDecoder().decode([Corruption].self, from: Data("[\"rain\"]".utf8)) }
    #expect(
      throws: DecodingError.self
    ) { try JSONDecoder().decode([Perturbation].self, from: Data("[\"rain\"]".utf8)) }
  }

  @Test("A picture without pixels is refused", arguments: Corruption.allCases)
  func refusesAnEmptyPicture(corruption: Corruption) {
    #expect(throws: ImageError.self) {
      try corruption.apply(
        RGBImage(width: 0, height: 4, pixels: []), severity: 1, random: CounterRandom(key: 1, stream: 1))
    }
  }

  @Test("Poisson counts have their mean and variance", arguments: [0, 0.3, 3, 12, 60])
  func poissonMoments(mean: Double) {
    let table = PoissonTable(mean: mean)
    let random = CounterRandom(key: 2, stream: 3)
    let counts = (0..<40_000).map { Double(table.count(at: random.uniform(at: $0))) }
    let average = counts.reduce(0, +) / 40_000
    let variance = counts.reduce(0) { $0 + ($1 - average) * ($1 - average) } / 40_000
    // Five standard errors of the mean and of the variance.
    #expect(abs(average - mean) <= 5 * (mean / 40_000).squareRoot())
    #expect(abs(variance - mean) <= 5 * ((mean + 2 * mean * mean) / 40_000).squareRoot())
  }

  @Test("Shot noise's tables give the counts of the cumulative probabilities", arguments: Corruption.shotPhotons)
  func shotTables(photons: Double) {
    let (table, random) = (ShotTable(photons: photons), CounterRandom(key: 4, stream: 4))
    for value in stride(from: 0, through: 255, by: 5) {
      let poisson = PoissonTable(mean: Double(value) / 255 * photons)
      let edges: [UInt32] = [0, 1, 1 << 24, (1 << 24) - 1, .max - 1]
      let words: [UInt32] = (0..<500).map { random.word(at: UInt64($0)) } + edges
      for word in words {
        let count = Double(poisson.count(at: Double(word) * 0x1p-32))
        let expected = UInt8(min(count / photons, 1) * 255)
        #expect(table.value(UInt8(value), at: word) == expected, "\(value), \(word)")
      }
    }
  }

  @Test("Noise on mid-grey has the published deviation")
  func noiseDeviations() throws {
    let grey = RGBImage(width: 100, height: 100, pixels: [UInt8](repeating: 128, count: 30_000))
    func deviation(_ corruption: Corruption, _ severity: Int) throws -> Double {
      let made = try corruption.apply(grey, severity: severity, random: CounterRandom(key: 8, stream: 2))
      let values = made.pixels.map { Double($0) / 255 }
      let mean = values.reduce(0, +) / 30_000
      return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 30_000).squareRoot()
    }
    #expect(abs(try deviation(.gaussianNoise, 2) - 0.12) < 0.003)
    #expect(abs(try deviation(.speckleNoise, 2) - 0.2 * 128 / 255) < 0.003)
    #expect(abs(try deviation(.shotNoise, 1) - (128.0 / 255 / 60).squareRoot()) < 0.003)
  }

  @Test("The taps of a Gaussian sum to one and the borders reflect as named")
  func bordersAndWeights() {
    #expect((-4...7).map { Border.replicate.inside($0, 4) } == [0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3])
    #expect((-4...7).map { Border.reflect.inside($0, 4) } == [3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0])
    #expect((-4...7).map { Border.reflect101.inside($0, 4) } == [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1])
    #expect(abs(gaussianWeights(sigma: 2.5, radius: 10).reduce(0, +) - 1) < 1e-12)
  }

  /// Whether severity 1 of the frost at a place of a picture makes one picture of the other.
  private static func isFrosted(_ made: RGBImage, _ clean: RGBImage, _ ice: RGBImage, _ top: Int, _ left: Int) -> Bool {
    for index in made.pixels.indices {
      let (row, column) = (top + index / 3 / side, left + index / 3 % side)
      let sum = Float(clean.pixels[index]) + 0.4 * Float(ice.pixels[(row * ice.width + column) * 3 + index % 3])
      if made.pixels[index] != UInt8(min(sum + 1e-4, 255)) { return false }
    }
    return true
  }

  @Test("Frost from pictures is their weighted sum with the picture, from any place in any of them")
  func frostFromPictures() throws {
    let clean = try Self.fixture("clean")
    // Where a pixel of frost comes from is written in it: row, column, and which of the two pictures.
    let marks: [UInt8] = [0, 255]
    let pictures = marks.map { mark -> RGBImage in
      var pixels: [UInt8] = []
      for row in 0..<70 { for column in 0..<90 { pixels += [UInt8(row), UInt8(column), mark] } }
      return RGBImage(width: 90, height: 70, pixels: pixels)
    }
    var corners = Set<[Int]>()
    for stream in 0..<200 {
      let made = try Corruption.frost.apply(
        clean, severity: 1, random: CounterRandom(key: 3, stream: UInt64(stream)), frostPictures: pictures)
      // Severity 1 adds 0.4 of the frost to the picture: 102 of the second one's blue.
      let dark = try #require((0..<Self.side * Self.side).first { clean.pixels[3 * $0 + 2] < 100 })
      let mark = made.pixels[3 * dark + 2] > clean.pixels[3 * dark + 2] + 50 ? 1 : 0
      var matching: [(top: Int, left: Int)] = []
      for top in 0..<22 {
        for left in 0..<42 where Self.isFrosted(made, clean, pictures[mark], top, left) { matching.append((top, left)) }
      }
      let place = try #require(matching.first, "\(stream)")
      #expect(matching.count == 1)
      corners.insert([mark, place.top, place.left])
    }
    // Of 2 x 22 x 42 places 200 draws hit 190 or so; all are within reach.
    #expect(corners.count > 170 && Set(corners.map { $0[0] }) == [0, 1])
    #expect(corners.contains { $0[1] == 0 } && corners.contains { $0[1] == 21 })
    #expect(corners.contains { $0[2] < 3 } && corners.contains { $0[2] > 38 })
    let small = RGBImage(width: 5, height: 60, pixels: [UInt8](repeating: 100, count: 900))
    let made = try Corruption.frost.apply(
      clean, severity: 2, random: CounterRandom(key: 3, stream: 1), frostPictures: [small])
    let covered = clean.pixels.map { pixel -> UInt8 in
      let sum: Float = 0.8 * Float(pixel) + 0.6 * 100
      return UInt8(min(sum + 1e-4, 255))
    }
    #expect(made.pixels == covered, "enlarged to cover")
  }

  @Test(
    "Defocus is the correlation with the antialiased disk's weights, those at the grid's border included",
    arguments: [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)])
  func defocusIsACorrelation(radius: Int, sigma: Double) {
    let (width, height) = (37, 29)
    let random = CounterRandom(key: 4, stream: 4)
    // Black and white, so that a small weight is seen.
    let pixels: [UInt8] = (0..<width * height * 3).map { random.word(at: UInt64($0)) & 1 == 0 ? 0 : 255 }
    let image = RGBImage(width: width, height: height, pixels: pixels)
    let disk = AntialiasedDisk(radius: radius, sigma: sigma)
    let made = disk.blur(image)
    var different = 0
    for row in 0..<height {
      for column in 0..<width {
        var sums = [0.0, 0, 0]
        for down in -10...10 {
          for across in -10...10 {
            let weight = disk.weight(down, across)
            let source =
              Border.reflect101.inside(row + down, height) * width + Border.reflect101.inside(column + across, width)
            for channel in 0..<3 { sums[channel] += weight * Double(pixels[3 * source + channel]) }
          }
        }
        for channel in 0..<3 where made.pixels[3 * (row * width + column) + channel] != UInt8(min(sums[channel], 255)) {
          different += 1
        }
      }
    }
    // Sums that are whole numbers but for rounding may fall on either side.
    #expect(different <= 3, "\(different)")
  }
}
