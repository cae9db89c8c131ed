import Foundation
import Imaging
import Testing

/// Pillow is what every other evaluation reads pictures with, so its bytes are the truth here.
@Suite struct PillowTests {
  private static func data(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: (Bundle.module.resourcePath ?? "") + "/Fixtures/" + name)))
  }

  static let pictures = [
    "420.jpg", "444.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "colour.png", "rgba.png", "palette.png",
    "grey.png", "greyalpha.png", "bilevel.png",
  ]

  @Test(arguments: pictures) func decodesAsPillowDoes(name: String) throws {
    let image = try ImageDecoder.decode(Self.data(name), name: name)
    let expected = try Self.data(name + ".rgb")
    #expect(image.width == 40 && image.height == 30)
    #expect(image.pixels.count == expected.count)
    let differences = zip(image.pixels, expected).map { abs(Int($0) - Int($1)) }
    #expect(
      differences.max() == 0, "\(differences.filter { $0 > 0 }.count) bytes differ, by up to \(differences.max() ?? 0)")
  }

  @Test(arguments: ["bilinear", "bicubic"], [(17, 13), (64, 48), (40, 11), (93, 30)])
  func resizesAsPillowDoes(filter: String, size: (width: Int, height: Int)) throws {
    let interpolation = try #require(Interpolation(rawValue: filter))
    let resized = Resampler.resize(
      try ImageDecoder.decode(Self.data("colour.png"), name: "colour.png"), width: size.width, height: size.height,
      interpolation: interpolation)
    #expect(resized.pixels == (try Self.data("\(filter)-\(size.width)x\(size.height).rgb")))
  }

  @Test(arguments: pictures) func aCutOrDamagedFileIsAnErrorThatNamesIt(name: String) throws {
    let whole = try Self.data(name)
    for length in stride(from: 0, to: whole.count - 20, by: max(1, whole.count / 40)) {
      #expect { try ImageDecoder.decode(Array(whole.prefix(length)), name: name) } throws: { "\($0)".contains(name) }
    }
    var state: UInt64 = 3
    for _ in 0..<200 {
      var damaged = whole
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      damaged[Int(state >> 33) % whole.count] = UInt8(truncatingIfNeeded: state >> 20)
      if let image = try? ImageDecoder.decode(damaged, name: name) {
        #expect(image.pixels.count == image.width * image.height * 3)
      }
    }
  }
}
