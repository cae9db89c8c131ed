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
    "grey.png", "greyalpha.png", "bilevel.png", "index.png", "table.png", "greykey.png", "lossless.webp", "lossy.webp",
    "animated.webp", "animated_lossless.webp",
    "lzw.tif", "jpeg.tif", "cmyk.tif", "palette.tif", "bilevel.tif", "turned.tif", "mirrored.tif", "tiled.tif",
    "planes.tif", "wide.tif", "premultiplied.tif", "interlaced.gif", "index.gif", "grey.gif", "colour.bmp",
    "palette.bmp",
    "bilevel.bmp", "runs.bmp", "565.bmp", "colour.ppm", "grey.pgm", "bilevel.pbm", "plain.ppm",
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

  /// The first bytes decide, and no size that a file states is believed before it is checked.
  @Test("Files that say they are huge, and kinds that have no agreed 8-bit form, are refused in words")
  func refuses() throws {
    func words(_ bytes: [UInt8]) -> String {
      do {
        return "\(try ImageDecoder.decode(bytes, name: "x").width) columns"
      } catch {
        return "\(error)"
      }
    }
    let gif = Array("GIF89a".utf8) + [255, 255, 255, 255, 0, 0, 0, 44, 0, 0, 0, 0, 255, 255, 255, 255, 0, 8, 0, 59]
    let webp = Array("RIFF".utf8) + [22, 0, 0, 0] + Array("WEBPVP8X".utf8) + [10, 0, 0, 0, 2, 0, 0, 0]
    let header: [UInt8] =
      [40, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0, 1, 0, 24, 0] + [UInt8](repeating: 0, count: 24)
    let bmp = Array("BM".utf8) + [54, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0] + header
    for huge in [gif, webp + [UInt8](repeating: 255, count: 6), bmp, Array("P6 99999 99999 255\n".utf8)] {
      #expect(
        words(huge).hasPrefix("x claims to be") || words(huge).contains("x cannot be decoded"), "\(words(huge))")
    }
    #expect(words(Array("P5 2 1 65535\n1234".utf8)).contains("16-bit grey"))
    #expect(words(Array("P6 9999999999999999999 1 255\n".utf8)).contains("a number is missing"))
    #expect(words(Array("P6 2 2 255\n123".utf8)).contains("truncated"))
    #expect(words(Array("<html>".utf8)).contains("not in a supported format"))
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
