import Imaging
import Tensors
import Testing

@Suite struct PatchDropTests {
  private let random = CounterRandom(key: 7, stream: 1)

  @Test("the share of patches is dropped whole, and nothing else")
  func drops() {
    let white = RGBImage(width: 28, height: 28, pixels: Array(repeating: 255, count: 28 * 28 * 3))
    // The counts of Naseer et al.'s code.
    let counts = [0, 19, 39, 58, 78, 98, 117, 137, 156, 176, 196]
    for (percent, count) in zip(stride(from: 0, through: 100, by: 10), counts) {
      let drop = PatchDrop(gridSide: 14, percent: percent)
      let image = drop.apply(white, random: random)
      let dropped = drop.patches(random: random)
      #expect(dropped.count == count)
      #expect(image.pixels.count { $0 == 0 } == dropped.count * 2 * 2 * 3)
      for patch in dropped {
        let first = (patch / 14 * 2 * 28 + patch % 14 * 2) * 3
        #expect(image.pixels[first] == 0 && image.pixels[first + (28 + 1) * 3 + 2] == 0)
      }
    }
  }

  @Test("a larger share hides all that a smaller one hides; other images hide other patches")
  func nested() {
    let few = PatchDrop(gridSide: 8, percent: 30).patches(random: random)
    let many = PatchDrop(gridSide: 8, percent: 60).patches(random: random)
    #expect(Set(few).isSubset(of: many))
    #expect(PatchDrop(gridSide: 8, percent: 30).patches(random: CounterRandom(key: 7, stream: 2)) != few)
  }
}
