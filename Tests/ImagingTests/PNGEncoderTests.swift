import Imaging
import Testing

/// Pictures that are written are those that are read again.
@Suite struct PNGEncoderTests {
  @Test("a PNG file holds the picture's pixels", arguments: [(1, 1), (64, 64), (317, 3), (2, 401)])
  func roundTrip(width: Int, height: Int) throws {
    var state: UInt32 = 1
    let pixels = (0..<width * height * 3).map { _ -> UInt8 in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(state >> 24)
    }
    let image = RGBImage(width: width, height: height, pixels: pixels)
    let file = try PNGEncoder.encode(image)
    #expect(file.prefix(4) == [0x89, 0x50, 0x4E, 0x47])
    #expect(try ImageDecoder.decode(file, name: "x.png") == image)
    #expect(throws: ImageError.truncated("x.png")) { try ImageDecoder.decode(Array(file.dropLast(20)), name: "x.png") }
  }

  @Test("a picture without pixels cannot be written")
  func empty() {
    #expect(throws: ImageError.self) { try PNGEncoder.encode(RGBImage(width: 0, height: 4, pixels: [])) }
  }

  @Test("values become the nearest of 255 levels")
  func nearest() {
    let values: [Float] = [
      0, 1, 0.5, -0.2, 1.3, .nan, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, .infinity, 100 / 255,
    ]
    let image = RGBImage(width: 2, height: 2, nearest: values)
    #expect(image.pixels == [0, 255, 128, 0, 255, 0, 0, 1, 254, 255, 255, 100])
    #expect(RGBImage(width: 2, height: 2, nearest: image.unitValues) == image)
  }
}
