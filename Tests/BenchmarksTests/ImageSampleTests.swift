import Benchmarks
import Testing

@Suite struct ImageSampleTests {
  private static let paths = ["a", "b", "c"].flatMap { name in (0..<(name == "a" ? 2 : 20)).map { "\(name)/\($0).png" }
  }

  private static func counts(_ paths: [String]) -> [String: Int] {
    Dictionary(grouping: paths) { String($0.prefix(1)) }.mapValues(\.count)
  }

  @Test("As many are drawn of each class, as far as it has them, and a larger sample holds a smaller one")
  func drawsByClass() {
    let six = ImageSample(6).drawn(of: Self.paths)
    #expect(Self.counts(six) == ["a": 2, "b": 2, "c": 2])
    let twelve = ImageSample(12).drawn(of: Self.paths)
    #expect(Self.counts(twelve) == ["a": 2, "b": 5, "c": 5])
    #expect(Set(six).isSubset(of: twelve) && twelve == Self.paths.filter(Set(twelve).contains))
    let seven = Self.counts(ImageSample(7).drawn(of: Self.paths))
    #expect(
      seven["a"] == 2 && (seven["b"] ?? 0) + (seven["c"] ?? 0) == 5 && abs((seven["b"] ?? 0) - (seven["c"] ?? 0)) == 1)
    #expect(ImageSample(1000).drawn(of: Self.paths) == Self.paths)
    // Not simply the first of each class.
    #expect(twelve.filter { $0.hasPrefix("b") } != (0..<5).map { "b/\($0).png" })
  }

  @Test("A list names images with their folders, without them, or with further ones")
  func takesLists() {
    let names = ImageSample.names(in: "# five of them\nb/3.png\r\n  val/c/7.png \n\nb/3.png\na/1.png\n")
    #expect(names == ["b/3.png", "val/c/7.png", "a/1.png"])
    let sample = ImageSample(names: names)
    #expect(sample.count == 3 && sample.drawn(of: Self.paths) == ["a/1.png", "b/3.png", "c/7.png"])
    #expect(sample.missing(of: Self.paths).isEmpty)
    // A name without a folder is that of every image that has it.
    #expect(ImageSample(names: ["19.png"]).drawn(of: Self.paths) == ["b/19.png", "c/19.png"])
    #expect(ImageSample(names: ["9.png", "x/9.png", "b/9.pn"]).missing(of: Self.paths) == ["x/9.png", "b/9.pn"])
    #expect(ImageSample(names: ["bb/9.png"]).drawn(of: Self.paths).isEmpty)
  }
}
