import Foundation
import Imaging
import Testing

/// Small files that would take very much memory or time are refused before they get it.
@Suite struct BombTests {
  private func refusal(_ bytes: [UInt8]) -> String {
    do {
      let image = try ImageDecoder.decode(bytes, name: "x")
      return "decoded, \(image.width)x\(image.height)"
    } catch {
      return "\(error)"
    }
  }

  private static func little(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private static func big(_ value: Int) -> [UInt8] { little(value, 4).reversed() }

  /// An animation of a canvas, its only frame one pixel.
  private static func animation(side: Int) -> [UInt8] {
    func chunk(_ name: String, _ body: [UInt8]) -> [UInt8] {
      Array(name.utf8) + little(body.count, 4) + body + [UInt8](repeating: 0, count: body.count % 2)
    }
    let pixel: [UInt8] = [0x2F, 0, 0, 0, 0x10, 7, 0x10, 0x11, 0x11, 0x88, 0x88, 0xFE, 7]
    let frame = [0, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 1, 0, 0, 0] + chunk("VP8L", pixel)
    let body =
      chunk("VP8X", [2, 0, 0, 0] + little(side - 1, 3) + little(side - 1, 3))
      + chunk("ANIM", [0, 0, 0, 0, 0, 0]) + chunk("ANMF", frame)
    return Array("RIFF".utf8) + little(body.count + 4, 4) + Array("WEBP".utf8) + body
  }

  private static func gif(side: Int) -> [UInt8] {
    let size = little(side, 2) + little(side, 2)
    return Array("GIF89a".utf8) + size + [0x80, 0, 0, 0, 0, 0, 255, 255, 255]
      + [44, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 59]
  }

  /// Runs that skip a picture's rows.
  private static func runs(side: Int) -> [UInt8] {
    let header =
      little(40, 4) + little(side, 4) + little(side, 4) + [1, 0, 8, 0] + little(1, 4) + little(0, 12) + little(2, 4)
      + little(0, 4)
    let data = (0..<side / 255 + 2).flatMap { _ -> [UInt8] in [0, 2, 255, 255] }
    return Array("BM".utf8) + little(0, 8) + little(62, 4) + header + little(0, 4) + little(0xFFFFFF, 4) + data
  }

  private static let crcs: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
  }

  private static func chunk(_ name: String, _ body: [UInt8]) -> [UInt8] {
    let bytes = Array(name.utf8) + body
    let crc = bytes.reduce(UInt32.max) { crcs[Int(($0 ^ UInt32($1)) & 255)] ^ $0 >> 8 } ^ .max
    return big(body.count) + bytes + big(Int(crc))
  }

  private static let pngStart: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// zlib's form of a number of equal bytes, made of copies of 258 at distance 1.
  private static func deflated(copies: Int) -> [UInt8] {
    var bits: [UInt8] = []
    func put(_ code: Int, _ count: Int) { for bit in (0..<count).reversed() { bits.append(UInt8(code >> bit & 1)) } }
    bits += [1, 1, 0]
    put(0x30 + 97, 8)
    for _ in 0..<copies {
      put(0b11000101, 8)
      put(0, 5)
    }
    put(0, 7)
    var bytes: [UInt8] = [0x78, 1]
    for start in stride(from: 0, to: bits.count, by: 8) {
      bytes.append(bits[start..<min(start + 8, bits.count)].enumerated().reduce(0) { $0 | $1.element << $1.offset })
    }
    var (low, high) = (1, 0)
    for _ in 0..<copies * 258 + 1 {
      low = (low + 97) % 65_521
      high = (high + low) % 65_521
    }
    return bytes + big(high << 16 | low)
  }

  /// A TIFF of grey bytes in tiles that all lie at its start.
  private static func tiled(_ width: Int, _ height: Int, tile: (width: Int, height: Int)) -> [UInt8] {
    let count = (width + tile.width - 1) / tile.width * ((height + tile.height - 1) / tile.height)
    let offsets = 8 + 2 + 10 * 12 + 4
    let fields: [(tag: Int, type: Int, count: Int, value: Int)] = [
      (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1),
      (322, 4, 1, tile.width), (323, 4, 1, tile.height), (324, 4, count, count == 1 ? 8 : offsets),
      (325, 4, count, count == 1 ? 8 : offsets + 4 * count),
    ]
    let directory = fields.flatMap {
      little($0.tag, 2) + little($0.type, 2) + little($0.count, 4) + little($0.value, 4)
    }
    let tables = count == 1 ? [] : (0..<2 * count).flatMap { _ in little(8, 4) }
    return [0x49, 0x49, 42, 0] + little(8, 4) + little(fields.count, 2) + directory + little(0, 4) + tables
  }

  @Test("Canvases, screens, skipped rows and headers of very many pixels in a few bytes are refused")
  func blankPictures() {
    let png =
      Self.pngStart + Self.chunk("IHDR", Self.big(13_000) + Self.big(13_000) + [8, 2, 0, 0, 0])
      + Self.chunk("IDAT", Self.deflated(copies: 10))
    for bomb in [Self.animation(side: 13_377), Self.gif(side: 13_000), Self.runs(side: 13_000), png] {
      #expect(bomb.count < 1_000)
      #expect(refusal(bomb).contains("designed to exhaust memory"), "\(refusal(bomb))")
    }
    #expect(refusal(Self.animation(side: 40)) == "decoded, 40x40")
    #expect(refusal(Self.gif(side: 40)) == "decoded, 40x40")
    #expect(refusal(Self.runs(side: 40)) == "decoded, 40x40")
  }

  @Test("Tiles that are much larger than their picture, one or all together, are refused")
  func tiles() {
    #expect(refusal(Self.tiled(1, 1, tile: (16_384, 16_384))).contains("in tiles of 16384x16384"))
    #expect(refusal(Self.tiled(100_000, 1, tile: (16, 262_144))).contains("at most"))
    #expect(refusal(Self.tiled(10, 10, tile: (2_048, 2_048))).contains("Not enough data"))
  }

  @Test("Texts and profiles of a PNG are not unpacked")
  func texts() throws {
    let text = Self.chunk("zTXt", Array("Comment".utf8) + [0, 0] + Self.deflated(copies: 30_000))
    // A row of 258 bytes whose first, its filter, is none.
    let image =
      Self.pngStart + Self.chunk("IHDR", Self.big(257) + Self.big(1) + [8, 0, 0, 0, 0])
      + (0..<200).flatMap { _ in text } + Self.chunk("IDAT", Self.deflated(copies: 1)) + Self.chunk("IEND", [])
    let before = try Self.peakMemory()
    #expect(refusal(image).contains("x cannot be decoded"))
    #expect(try Self.peakMemory() - before < 1_000_000_000, "200 texts of 7.7 MB were kept")
  }

  @Test("A JPEG of very many scans is refused")
  func scans() throws {
    let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/progressive.jpg"
    let file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let starts = file.indices.dropLast().filter { file[$0] == 0xFF && file[$0 + 1] == 0xDA }
    try #require(starts.count > 2)
    let last = try #require(starts.last)
    let end = try #require(file.indices.dropLast().last { file[$0] == 0xFF && file[$0 + 1] == 0xD9 })
    func repeated(_ times: Int) -> [UInt8] {
      file[..<last] + (0..<times).flatMap { _ in file[last..<end] } + [0xFF, 0xD9]
    }
    #expect(refusal(repeated(1)) == "decoded, 40x30")
    #expect(refusal(repeated(60)) == "decoded, 40x30")
    #expect(refusal(repeated(5_000)) == "x cannot be decoded: it has more than 100 scans")
  }

  /// The most memory that this process has had, bytes.
  private static func peakMemory() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return 1_024 * (try #require(line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }))
  }
}
