import Benchmarks
import Foundation
import Testing

/// Which outputs of a network the classes of a data set are.
@Suite struct ClassAssignmentTests {
  private func scoring(
    _ names: [String], _ labels: [Int32], rule: ClassRule? = nil, outputs: Int, kind: BenchmarkKind = .imageFolder,
    isScored: Bool = true
  ) -> Scoring {
    var benchmark = BenchmarkDefinition(kind: kind, name: "b", layout: PictureLayout(root: "/"))
    benchmark.isScored = isScored
    return benchmark.scoring(
      of: ImageListing(
        paths: labels.indices.map { "x/\($0)" }, labels: labels, classNames: names, rule: rule), classCount: outputs)
  }

  /// Imagenette's ten of ImageNet's classes.
  private static let imagenette: [Int32] = [0, 217, 482, 491, 497, 566, 569, 571, 574, 701]
  private static let all = ImageNetClasses.wordNetIDs

  @Test("some WordNet ids are ImageNet's classes under 1,000 outputs, one further under 1,001, in order under as many")
  func wordNetIDs() {
    let thousand = scoring(Self.all, Self.imagenette, outputs: 1000)
    #expect(thousand.labels == Self.imagenette && thousand.classNames == Self.all && thousand.obstacle == nil)
    let withBackground = scoring(Self.all, Self.imagenette, outputs: 1001)
    #expect(withBackground.labels == Self.imagenette.map { $0 + 1 })
    #expect(withBackground.classNames[0] == "background" && withBackground.classNames[1] == Self.all[0])
    #expect(withBackground.assumption.contains("background"))
    let ten = scoring(Self.all, Self.imagenette, outputs: 10)
    #expect(ten.labels == Array(0..<10) && ten.classNames == Self.imagenette.map { Self.all[Int($0)] })
    #expect(ten.assumption.contains("order of their names"))
    let twelve = scoring(Self.all, Self.imagenette, outputs: 12)
    #expect(twelve.labels.allSatisfy { $0 == -1 })
    #expect(twelve.obstacle?.contains("10 class folders") == true && twelve.obstacle?.contains("12 outputs") == true)
  }

  @Test("folders that are no class of ImageNet beside WordNet ids are said to be unscored")
  func mixed() {
    let names = [Self.all[3], Self.all[7], "zebra"]
    let found = scoring(names, [0, 1, 2, 0], outputs: 1000)
    #expect(found.labels == [3, 7, -1, 3])
    #expect(found.assumption.contains("1 of 4 images"))
    #expect(scoring(names, [0, 1, 2, 0], outputs: 3).labels == [0, 1, 2, 0])
    #expect(scoring(["ant", "bee"], [0, 1], outputs: 1000).obstacle != nil)
  }

  @Test(
    "a list as long as there are outputs is their order, whatever it names; WordNet ids in a shorter one are ImageNet's"
  )
  func listed() {
    let reversed: [String] = Self.all.reversed()
    #expect(scoring(reversed, [0, 9], rule: .listed, outputs: 1000).labels == [0, 9])
    #expect(scoring([Self.all[5], Self.all[2]], [0, 1], rule: .listed, outputs: 1000).labels == [5, 2])
    #expect(scoring(["ant", "bee"], [0, 1], rule: .listed, outputs: 1000).obstacle != nil)
    #expect(scoring(["ant", "bee"], [-1, -1], rule: .listed, outputs: 2).obstacle != nil)
  }

  @Test("a number is its output; numbers that are too large are in order where they are as many as the outputs")
  func numbers() {
    let some = scoring(["2", "10", "999"], [0, 1, 2], rule: .numbers, outputs: 1000)
    #expect(some.labels == [2, 10, 999] && some.obstacle == nil)
    #expect(scoring(["1", "2", "3"], [0, 1, 2], rule: .numbers, outputs: 3).labels == [0, 1, 2])
    #expect(scoring(["1", "2", "3"], [0, 1, 2], rule: .numbers, outputs: 4).labels == [1, 2, 3])
    #expect(scoring(["1", "5"], [0, 1], rule: .numbers, outputs: 5).obstacle?.contains("up to 5") == true)
    #expect(scoring(["0", "3"], [0, 1], rule: .numbers, outputs: 1001).labels == [1, 4])
    #expect(scoring(["1", "1000"], [0, 1], rule: .numbers, outputs: 1001).labels == [1, 1000])
    #expect(scoring(["999999999999999999"], [0], rule: .numbers, outputs: 1).labels == [0])
  }

  @Test("some shards of a WebDataset are scored by their indices")
  func stated() {
    let names = (0..<8).map(String.init)
    let some = scoring(names, [7, 3], rule: .stated, outputs: 1000)
    #expect(some.labels == [7, 3] && some.classNames == Self.all)
    #expect(scoring(names, [7, 0], rule: .stated, outputs: 1001).labels == [8, 1])
    #expect(scoring(names, [7, 3], rule: .stated, outputs: 7).obstacle != nil)
  }

  @Test("under 1,001 outputs some of ImageNet's numbers move on with the background, the first class among them or not")
  func someNumbersAndBackground() {
    let stated = scoring((0..<8).map(String.init), [7, 3], rule: .stated, outputs: 1001)
    #expect(stated.labels == [8, 4] && stated.classNames[1] == Self.all[0])
    #expect(stated.assumption.contains("background") && stated.assumption.contains("key classes"))
    #expect(scoring(["2", "10"], [0, 1], rule: .numbers, outputs: 1001).labels == [3, 11])
    // 1,000 is no class of ImageNet's, so that the background was counted.
    #expect(scoring(["2", "1000"], [0, 1], rule: .numbers, outputs: 1001).labels == [2, 1000])
    #expect(scoring((0..<1001).map(String.init), [7, 3], rule: .stated, outputs: 1001).labels == [7, 3])
  }

  @Test(
    "the 200 classes are found among the outputs in whatever order a list names them; where they are not, it is said")
  func subsetOfAList() {
    let reversed: [String] = Self.all.reversed()
    for kind in [BenchmarkKind.imagenetA, .imagenetO, .imagenetR] {
      let found = scoring(reversed, [0, 9], rule: .listed, outputs: 1000, kind: kind)
      let plain = scoring(Self.all, [6, 11], outputs: 1000, kind: kind)
      #expect(found.scored == plain.scored?.map { 999 - $0 }.sorted() && found.scored?.count == 200)
      #expect(!found.assumption.contains("largest of all"))
    }
    let words = (0..<1000).map { "thing \($0)" }
    let unknown = scoring(words, [0, 9], rule: .listed, outputs: 1000, kind: .imagenetA)
    #expect(unknown.scored == nil && unknown.assumption.contains("largest of all 1000"))
    let own = scoring(Self.all, ImageNetClasses.aIndices, outputs: 200, kind: .imagenetA)
    #expect(own.scored == nil && own.obstacle == nil && !own.assumption.contains("largest of all"))
  }

  @Test("where all classes are asked for the answer may be one that the benchmark lacks")
  func amongAll() throws {
    let listing = ImageListing(paths: ["n/1"], labels: [6], classNames: Self.all)
    var logits = [Float](repeating: 0, count: 1000)
    (logits[0], logits[6]) = (2, 1)
    for (kind, isAll) in [(BenchmarkKind.imagenetA, true), (.imagenetR, true), (.imagenetA, false)] {
      var definition = BenchmarkDefinition(kind: kind, name: "x", layout: PictureLayout(root: "/"))
      definition.answersAmongAll = isAll
      let scoring = definition.scoring(of: listing, classCount: 1000)
      #expect(scoring.answer(logits[...]) == (isAll ? 0 : 6) && (scoring.scored == nil) == isAll)
      #expect(scoring.assumption.contains("as the manifest's classes: all asks") == isAll)
      let data = try JSONEncoder().encode(definition)
      #expect(try JSONDecoder().decode(BenchmarkDefinition.self, from: data).answersAmongAll == isAll)
    }
  }

  @Test("names with unpadded numbers say how they are sorted")
  func unpadded() {
    let text = scoring(["class1", "class10", "class2"], [0, 1, 2], outputs: 3)
    #expect(text.assumption.contains("class10 before class2"))
    #expect(!scoring(["class01", "class02", "class10"], [0, 1, 2], outputs: 3).assumption.contains(" before "))
    for names in [["1", "2", "10"], ["0", "2", "10"]] {
      let numbers = scoring(names, [0, 1, 2], rule: .numbers, outputs: names[0] == "1" ? 3 : 11)
      #expect(numbers.assumption.contains("as text, 2 after 10"), "\(numbers.assumption)")
    }
    #expect(!scoring(["1", "2", "3"], [0, 1, 2], rule: .numbers, outputs: 3).assumption.contains("as text"))
  }

  @Test("the 200 classes and the nine of ImageNet's relatives move on with a background class")
  func background() {
    let among = scoring(Self.all, [6, 11], outputs: 1001, kind: .imagenetA)
    #expect(among.labels == [7, 12] && among.scored == ImageNetClasses.aIndices.map { $0 + 1 })
    let nine = scoring(["dog", "bird"], [0, 1], rule: .leadingDigits, outputs: 1001, kind: .imagenet9)
    #expect(nine.map?.count == 1001 && nine.map?.first == -1)
    var logits = [Float](repeating: 0, count: 1001)
    logits[251] = 1
    #expect(nine.answer(logits[...]) == 0)
  }

  @Test("nothing is scored where the manifest says so")
  func unscored() {
    let found = scoring(["a", "b"], [0, 1], outputs: 2, isScored: false)
    #expect(found.labels == [-1, -1] && found.obstacle != nil)
  }
}
