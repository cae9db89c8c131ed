import Foundation
import Imaging
import Testing

@Suite struct MaskDropTests {
  /// What `tools/make_mask_fixtures.py` computes.
  private struct Fixture: Decodable {
    let shares: [Int]
    let percent: Int
    let salient, nonSalient: [Int]
  }

  private func drop(_ isSalient: Bool, _ percent: Int, _ side: Int = 2) -> MaskDrop {
    MaskDrop(isSalient: isSalient, grid: PatchGrid(side: side), percent: percent)
  }

  @Test("patches are those that NumPy orders so; of equal shares the first first")
  func fixtures() throws {
    let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/masks.json"
    let cases = try JSONDecoder().decode([Fixture].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(cases.count == 56)
    for fixture in cases {
      #expect(drop(true, fixture.percent).patches(of: fixture.shares) == fixture.salient)
      #expect(drop(false, fixture.percent).patches(of: fixture.shares) == fixture.nonSalient)
    }
  }

  @Test("shares of .1, .4, .2 and .3: the patch that crosses the bound belongs to those that are seen first")
  func worked() {
    let shares = [1, 4, 2, 3]
    for (percent, salient) in [
      (0, []), (30, [1]), (40, [1]), (50, [1, 3]), (70, [1, 3]), (71, [1, 2, 3]), (100, [0, 1, 2, 3]),
    ] {
      #expect(drop(true, percent).patches(of: shares) == salient, "\(percent)")
    }
    for (percent, dropped) in [
      (0, []), (9, []), (10, [0]), (30, [0, 2]), (50, [0, 2]), (70, [0, 2, 3]), (100, [0, 1, 2, 3]),
    ] {
      #expect(drop(false, percent).patches(of: shares) == dropped, "\(percent)")
    }
    #expect(drop(true, 100).patches(of: [0, 5, 0, 1]) == [0, 1, 2, 3])
    #expect(drop(false, 0).patches(of: [0, 5, 0, 1]) == [])
  }

  private func grey(_ side: Int, _ values: [UInt8]) -> RGBImage {
    RGBImage(width: side, height: side, pixels: values.flatMap { [$0, 0, 0] })
  }

  private func zeros(_ image: RGBImage) -> [Int] {
    (0..<image.width * image.height).filter { image.pixels[3 * $0..<3 * $0 + 3].allSatisfy { $0 == 0 } }
  }

  @Test("a mask covers the picture, whatever part of its size it has; the parts are each other's rest")
  func covers() throws {
    let white = RGBImage(width: 4, height: 4, pixels: Array(repeating: 255, count: 48))
    let small = grey(2, [10, 40, 20, 30])
    let large = grey(4, [10, 10, 40, 40, 10, 10, 40, 40, 20, 20, 30, 30, 20, 20, 30, 30])
    for mask in [small, large] {
      #expect(zeros(try drop(true, 30).apply(white, mask: mask)) == [2, 3, 6, 7])
      #expect(zeros(try drop(false, 30).apply(white, mask: mask)) == [0, 1, 4, 5, 8, 9, 12, 13])
      let foreground = zeros(try MaskDrop(isForeground: true, threshold: 30).apply(white, mask: mask))
      #expect(foreground == [2, 3, 6, 7, 10, 11, 14, 15])
      let background = zeros(try MaskDrop(isForeground: false, threshold: 30).apply(white, mask: mask))
      #expect(background == (0..<16).filter { !foreground.contains($0) })
    }
  }

  @Test("a mask of another size, a black one and patches that are not all of one size are refused")
  func refusals() {
    let white = RGBImage(width: 4, height: 4, pixels: Array(repeating: 255, count: 48))
    #expect { try drop(true, 30).apply(white, mask: grey(3, Array(repeating: 9, count: 9))) } throws: {
      "\($0)".contains("the picture is 3x3, but a mask must have the size of its picture")
    }
    #expect { try drop(true, 30).apply(white, mask: grey(2, [0, 0, 0, 0])) } throws: {
      "\($0)".contains("mask is all black")
    }
    #expect(throws: ImageError.self) { try drop(true, 30, 3).apply(white, mask: grey(2, [1, 2, 3, 4])) }
  }
}
