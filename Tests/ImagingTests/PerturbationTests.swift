import Foundation
import Imaging
import Tensors
import Testing

@Suite struct PerturbationTests {
  private static let random = CounterRandom(key: 3, stream: 8)
  private static let cropTo48 = preprocessing(crop: 48)

  private static func preprocessing(crop: Int) -> Preprocessing {
    Preprocessing(resize: nil, crop: crop, interpolation: .bilinear, mean: [0, 0, 0], std: [1, 1, 1])
  }

  private static func fixture(_ name: String, width: Int, height: Int) throws -> RGBImage {
    let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/perturbations/" + name + ".rgb"
    return RGBImage(width: width, height: height, pixels: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
  }

  private static func clean() throws -> RGBImage { try fixture("clean", width: 60, height: 56) }

  /// The share of channel values that differ by at most one level.
  private static func agreement(_ one: RGBImage, _ other: RGBImage) -> Double {
    let close = zip(one.pixels, other.pixels).count { abs(Int($0) - Int($1)) <= 1 }
    return Double(close) / Double(max(1, one.pixels.count))
  }

  private static func meanDistance(_ one: RGBImage, _ other: RGBImage) -> Double {
    let sum = zip(one.pixels, other.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    return Double(sum) / Double(max(1, one.pixels.count))
  }

  static let deterministic: [Perturbation] = [
    .motionBlur, .zoomBlur, .brightness, .translate, .rotate, .tilt, .scale,
  ]

  @Test("The deterministic sequences are the public definition's frames", arguments: deterministic, [0, 7, 30])
  func agreesWithTheDefinition(perturbation: Perturbation, frame: Int) throws {
    let expected = try Self.fixture("\(perturbation.rawValue)-\(frame)", width: 48, height: 48)
    func made(_ frame: Int) throws -> RGBImage {
      try perturbation.frame(frame, of: Self.clean(), preprocessing: Self.cropTo48, random: Self.random)
    }
    #expect(Self.agreement(try made(frame), expected) >= 0.999)
    // A shift is a whole number of pixels, so at this size several frames are the same.
    let other = frame + (frame == 30 ? -6 : 6)
    #expect(Self.agreement(try made(other), expected) < 0.99)
  }

  @Test("Noise sequences begin with the picture, and each frame has noise of its own, as strong as its name says")
  func noiseSequences() throws {
    let grey = RGBImage(width: 128, height: 128, pixels: [UInt8](repeating: 128, count: 128 * 128 * 3))
    let expected: [(Perturbation, Double)] = [
      (.gaussianNoise, 0.03), (.gaussianNoise2, 0.05), (.gaussianNoise3, 0.08), (.shotNoise, 0.0409),
      (.shotNoise2, 0.0647), (.shotNoise3, 0.0915),
    ]
    for (perturbation, deviation) in expected {
      let preprocessing = Self.preprocessing(crop: 128)
      let frames = try (0..<3).map {
        try perturbation.frame($0, of: grey, preprocessing: preprocessing, random: Self.random)
      }
      #expect(frames[0] == grey)
      #expect(frames[1] != frames[2])
      for frame in frames[1...] {
        let squares = frame.pixels.reduce(0.0) { $0 + pow((Double($1) + 0.5) / 255 - 128.5 / 255, 2) }
        let measured = (squares / Double(frame.pixels.count)).squareRoot()
        #expect(abs(measured / deviation - 1) < 0.02, "\(perturbation) \(measured)")
      }
    }
  }

  @Test("Snow falls from one layer, in a direction that turns: neighbours are closer than the ends")
  func snow() throws {
    let clean = try Self.clean()
    let frames = try (0..<31).map {
      try Perturbation.snow.frame($0, of: clean, preprocessing: Self.cropTo48, random: Self.random)
    }
    let still = try Perturbation.translate.frame(20, of: clean, preprocessing: Self.cropTo48, random: Self.random)
    let neighbours = (1..<31).map { Self.meanDistance(frames[$0 - 1], frames[$0]) }.reduce(0, +) / 30
    #expect(neighbours > 0)
    #expect(neighbours * 2 < Self.meanDistance(frames[0], frames[22]))
    #expect(frames.allSatisfy { Self.meanDistance($0, still) > 5 })
  }

  @Test("A perturbation that does nothing leaves the crop as it is")
  func nothingDone() throws {
    let clean = try Self.clean()
    let crop = try Self.cropTo48.geometry(clean)
    let still: [(Perturbation, Int)] = [
      (.translate, 20), (.rotate, 15), (.scale, 24), (.zoomBlur, 0), (.gaussianNoise, 0),
    ]
    for (perturbation, frame) in still {
      let made = try perturbation.frame(frame, of: clean, preprocessing: Self.cropTo48, random: Self.random)
      let isSame = made == crop
      #expect(isSame, "\(perturbation)")
    }
  }

  @Test("Any size gives frames of the crop's size, the same each time", arguments: Perturbation.allCases)
  func anySize(perturbation: Perturbation) throws {
    for (width, height, crop) in [(1, 1, 1), (3, 2, 2), (7, 40, 5), (93, 50, 50)] {
      let pixels = (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 91) }
      let image = RGBImage(width: width, height: height, pixels: pixels)
      for frame in [0, 1, perturbation.frameCount - 1] {
        let made = try perturbation.frame(
          frame, of: image, preprocessing: Self.preprocessing(crop: crop), random: Self.random)
        #expect(made.width == crop && made.height == crop)
        #expect(
          made
            == (try perturbation.frame(
              frame, of: image, preprocessing: Self.preprocessing(crop: crop), random: Self.random)))
      }
    }
  }

  @Test("There is no frame beyond the last, and no crop larger than the picture")
  func refusals() throws {
    let clean = try Self.clean()
    for frame in [-1, 31, Int.max] {
      #expect(throws: ImageError.self) {
        try Perturbation.rotate.frame(frame, of: clean, preprocessing: Self.cropTo48, random: Self.random)
      }
    }
    #expect(throws: ImageError.self) {
      try Perturbation.rotate.frame(0, of: clean, preprocessing: Self.preprocessing(crop: 57), random: Self.random)
    }
  }
}
