import Foundation
import Imaging
import Testing
import Videos

@Suite struct VideoTests {
  private static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: (Bundle.module.resourcePath ?? "") + "/Fixtures/" + name)))
  }

  private static func picture(_ number: Int) -> RGBImage {
    var pixels: [UInt8] = []
    for row in 0..<20 {
      for column in 0..<24 {
        pixels += [UInt8(row * 9), UInt8(column * 8), UInt8(number * 7 + row + column)]
      }
    }
    return RGBImage(width: 24, height: 20, pixels: pixels)
  }

  private static func largestDifference(_ one: RGBImage, _ other: RGBImage) -> Int {
    guard one.pixels.count == other.pixels.count else { return .max }
    return zip(one.pixels, other.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
  }

  @Test("Every frame of an H.264 file is FFmpeg's, in the order of showing", arguments: ["yuv420p", "yuv444p"])
  func framesOfH264(layout: String) throws {
    let video = try Self.bytes(layout + ".mp4")
    let expected = try Self.bytes(layout + ".rgb")
    #expect(try VideoDecoder.frameCount(of: video, name: layout) == 12)
    let size = 40 * 30 * 3
    for number in 0..<12 {
      let frame = try VideoDecoder.frame(number, of: video, name: layout)
      let wanted = RGBImage(width: 40, height: 30, pixels: Array(expected[number * size..<(number + 1) * size]))
      #expect(Self.largestDifference(frame, wanted) <= 1, "frame \(number)")
      let later = Array(expected[(number + 1) % 12 * size..<((number + 1) % 12 + 1) * size])
      #expect(Self.largestDifference(frame, RGBImage(width: 40, height: 30, pixels: later)) > 50)
    }
  }

  @Test("A written sequence reads back nearly the same, and writing it again gives the same bytes")
  func writtenSequence() throws {
    let frames = (0..<31).map(Self.picture)
    let video = try VideoEncoder.encode(frames, quality: 95)
    let again = try VideoEncoder.encode(frames, quality: 95)
    #expect(video == again)
    #expect(try VideoDecoder.frameCount(of: video, name: "written") == 31)
    for number in [0, 1, 17, 30] {
      let frame = try VideoDecoder.frame(number, of: video, name: "written")
      #expect(Self.largestDifference(frame, frames[number]) <= 6)
    }
  }

  @Test("There is no frame after the last one, and the error says how many there are")
  func beyondTheEnd() throws {
    let video = try VideoEncoder.encode((0..<3).map(Self.picture), quality: 90)
    for number in [3, 4, Int.max] {
      let error = #expect(throws: ImageError.self) { try VideoDecoder.frame(number, of: video, name: "short.mp4") }
      #expect("\(error.map { "\($0)" } ?? "")".contains("short.mp4"))
    }
  }

  @Test("Frames of different sizes, and none at all, are no video")
  func notEncodable() throws {
    #expect(throws: ImageError.self) { try VideoEncoder.encode([], quality: 90) }
    #expect(throws: ImageError.self) {
      try VideoEncoder.encode([Self.picture(0), RGBImage(width: 2, height: 2, pixels: [])], quality: 90)
    }
  }

  @Test("A file that is truncated gives whole frames or an error, wherever the cut is")
  func cutShort() throws {
    for name in ["yuv420p.mp4", "yuv444p.mp4"] {
      let video = try Self.bytes(name)
      let whole = try (0..<12).map { try VideoDecoder.frame($0, of: video, name: name) }
      var refused = 0
      for length in stride(from: 0, to: video.count, by: 7) {
        let part = Array(video.prefix(length))
        for number in [0, 11] {
          guard let frame = try? VideoDecoder.frame(number, of: part, name: name) else {
            refused += 1
            continue
          }
          let isWhole = frame == whole[number]
          #expect(isWhole, "\(name) cut at \(length), frame \(number)")
        }
      }
      #expect(refused > video.count / 7)
    }
  }

  @Test("A file whose index comes first, cut short, gives its whole frames and never a part of one")
  func cutBehindTheIndex() throws {
    let video = try Self.bytes("index-first.mp4")
    let whole = try (0..<12).map { try VideoDecoder.frame($0, of: video, name: "whole") }
    var (accepted, refused) = (0, 0)
    for length in stride(from: video.count - 1_500, to: video.count, by: 3) {
      for number in [0, 5, 11] {
        guard let frame = try? VideoDecoder.frame(number, of: Array(video.prefix(length)), name: "cut") else {
          refused += 1
          continue
        }
        accepted += 1
        let isWhole = frame == whole[number]
        #expect(isWhole, "cut at \(length), frame \(number)")
      }
    }
    #expect(accepted > 100 && refused > 100)
  }

  @Test("Garbage of every kind is an error or a picture, never a crash")
  func garbage() throws {
    var state: UInt64 = 20_261_125
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let originals = [try Self.bytes("yuv420p.mp4"), try VideoEncoder.encode((0..<3).map(Self.picture), quality: 50)]
    var refused = 0
    for round in 0..<2_000 {
      var bytes = originals[round % 2]
      for _ in 0...random(8) { bytes[random(bytes.count)] = UInt8(random(256)) }
      if random(4) == 0 {
        let start = random(bytes.count - 8)
        for index in start..<start + 4 { bytes[index] = 0xFF }
      }
      if (try? VideoDecoder.frame(2, of: bytes, name: "garbage")) == nil { refused += 1 }
    }
    #expect(refused > 0 && refused < 2_000)
    for bytes in [[], [0], Array("....ftypisom".utf8), [UInt8](repeating: 0xFF, count: 4_096)] {
      #expect(throws: ImageError.self) { try VideoDecoder.frameCount(of: bytes, name: "garbage") }
    }
  }
}
