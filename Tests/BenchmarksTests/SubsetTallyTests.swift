import Benchmarks
import Foundation
import Testing

@Suite struct SubsetTallyTests {
  private func metrics(
    _ kind: BenchmarkKind, subsets: [String], images: [(path: String, label: Int32, logits: [Float])]
  ) -> [String: [Double]] {
    let benchmark = BenchmarkDefinition(
      kind: kind, name: "b",
      layout: PictureLayout(root: "/", subsets: subsets.map { ImageSubset(name: $0, folder: "/" + $0) }))
    let listing = ImageListing(
      paths: images.map(\.path), labels: images.map(\.label), classNames: ["a", "b"])
    var tally = SubsetTally(
      of: benchmark, listing: listing, scoring: benchmark.scoring(of: listing, classCount: 2))
    tally.add(condition: 0, firstImage: 0, logits: images.flatMap(\.logits), classCount: 2)
    tally.add(condition: 1, firstImage: 0, logits: [0, 0], classCount: 2)
    return Dictionary(uniqueKeysWithValues: tally.metrics().map { ($0.name, $0.values) })
  }

  @Test("BG-gap is the accuracy on mixed_same less that on mixed_rand; the headline is the original's")
  func backgroundGap() {
    let found = metrics(
      .imagenet9, subsets: ["original", "mixed_same", "mixed_rand"],
      images: [
        ("mixed_rand/00_a/1", 0, [0, 1]), ("mixed_rand/00_a/2", 0, [2, 1]), ("mixed_rand/01_b/1", 1, [1, 0]),
        ("mixed_rand/01_b/2", 1, [1, 0]), ("mixed_same/00_a/1", 0, [1, 0]), ("mixed_same/01_b/1", 1, [1, 0]),
        ("original/00_a/1", 0, [3, 3]), ("original/01_b/1", 1, [.nan, 3]),
      ])
    #expect(found["top1_mixed_rand"] == [0.25])
    #expect(found["top1_mixed_same"] == [0.5])
    #expect(found["bg_gap"] == [0.25])
    #expect(found["top1"] == [1])
    #expect(found["evaluated"] == [7])
    // The figure is of the one original that has a result.
    #expect(found["evaluated_original"] == [1] && found["evaluated_mixed_rand"] == [4])
    #expect(found["top1_low"] == [ConfidenceInterval.wilson(1, of: 1).low])
    let rand = ConfidenceInterval.wilson(1, of: 4)
    #expect(found["top1_mixed_rand_low"] == [rand.low] && found["top1_mixed_rand_high"] == [rand.high])
  }

  @Test("Two sets without an error, or a detector without one, have intervals that are no points")
  func edges() throws {
    let right: [(path: String, label: Int32, logits: [Float])] = ["renditions", "val"].flatMap { set in
      (0..<20).map { (path: "\(set)/a/\($0)", label: 0, logits: [1, 0]) }
    }
    let gap = metrics(.imagenetR, subsets: ["renditions", "val"], images: right)
    let wilson = ConfidenceInterval.wilson(20, of: 20)
    let newcombe = ConfidenceInterval.difference(1, wilson, less: 1, wilson)
    #expect(gap["val_gap"] == [0] && gap["val_gap_low"] == [newcombe.low] && gap["val_gap_high"] == [newcombe.high])
    #expect(newcombe.low < -0.1 && newcombe.high > 0.1)
    let told: [(path: String, label: Int32, logits: [Float])] = (0..<40).map {
      $0 < 20
        ? (path: "in/a/\($0)", label: 0, logits: [9, 0]) : (path: "out/x/\($0)", label: -1, logits: [0, 0])
    }
    let detected = metrics(.imagenetO, subsets: ["out", "in"], images: told)
    #expect(detected["fpr95"] == [0] && detected["fpr95_high"] == [ConfidenceInterval.wilson(0, of: 20).high])
    // No formula gives AUPR's there, so it has none.
    #expect(detected["aupr"] == [1] && detected["aupr_low"]?.first?.isNaN == true)
    #expect(detected["evaluated_in"] == [20] && detected["evaluated_out"] == [20])
  }

  @Test("foreign images are told by a small largest probability; they have no accuracy")
  func outOfDistribution() throws {
    // Differences of logits 0, 2 (out) and 1, 3 (in): of the four pairs out/in, three are in the right order.
    let found = metrics(
      .imagenetO, subsets: ["out", "in"],
      images: [
        ("in/a/1", 0, [1, 0]), ("in/b/1", 1, [3, 0]), ("out/x/1", -1, [0, 0]), ("out/x/2", -1, [2, 0]),
      ])
    #expect(found["auroc"] == [0.75])
    // Recall 1/2 at precision 1, then 1 at precision 2/3.
    let precision = try #require(found["aupr"]?.first)
    let expected: Double = 0.5 + 1.0 / 3
    #expect(abs(precision - expected) < 1e-15)
    #expect(found["fpr95"] == [0.5])
    #expect(found["top1"] == [0.5])
    #expect(found["evaluated"] == [4])
    #expect(found["top1_out"] == nil)
  }

  @Test("the gap to val is that of the renditions")
  func renditions() {
    let images: [(path: String, label: Int32, logits: [Float])] = [
      ("renditions/a/1", 0, [0, 1]), ("val/a/1", 0, [1, 0]),
    ]
    #expect(metrics(.imagenetR, subsets: ["renditions", "val"], images: images)["val_gap"] == [1])
    #expect(metrics(.imagenetR, subsets: ["renditions"], images: [images[0]])["val_gap"] == nil)
  }
}

@Suite struct ScoringTests {
  private func scoring(_ kind: BenchmarkKind, names: [String]) -> Scoring {
    BenchmarkDefinition(kind: kind, name: "b", layout: PictureLayout(root: "/"))
      .scoring(of: ImageListing(paths: ["a/1"], labels: [6], classNames: names), classCount: 1000)
  }

  @Test("an answer of ImageNet-A is one of its 200 classes, ties go to the first, NaN is no answer")
  func amongTwoHundred() {
    let scoring = scoring(.imagenetA, names: ImageNetClasses.wordNetIDs)
    var logits = [Float](repeating: 0, count: 1000)
    logits[0] = 9
    #expect(scoring.answer(logits[...]) == 6)
    logits[988] = 1
    #expect(scoring.answer(logits[...]) == 988)
    let masked = scoring.masked(logits, classCount: 1000)
    #expect(masked[0] == -.infinity && masked[6] == 0 && masked[988] == 1)
    #expect(masked.count { $0 > -.infinity } == 200)
    // 199 zeros and a one.
    let expected: Double = exp(1) / (199 + exp(1))
    #expect(abs(scoring.confidence(logits[...]) - expected) < 1e-12)
    logits[1] = .nan
    #expect(scoring.answer(logits[...]) == nil)
    #expect(scoring.masked(logits, classCount: 1000)[1].isNaN)
  }

  @Test("an answer over 1,000 classes is mapped to the nine of ImageNet-9")
  func nineClasses() {
    let scoring = scoring(.imagenet9, names: ["dog", "bird"])
    var logits = [Float](repeating: 0, count: 1000)
    #expect(scoring.answer(logits[...]) == 8)
    logits[250] = 1
    #expect(scoring.answer(logits[...]) == 0)
    logits[999] = 2
    #expect(scoring.answer(logits[...]) == -1)
    #expect(ImageNet9.classOfImageNet.count { $0 == nil } == 630)
  }

  @Test("lists of 200 are ascending and distinct; folders that are not as many as the classes leave labels unknown")
  func lists() {
    for list in [ImageNetClasses.aIndices, ImageNetClasses.oIndices, ImageNetClasses.rIndices] {
      #expect(list.count == 200 && Set(list).count == 200 && list == list.sorted())
      #expect(list.allSatisfy { (0..<1000).contains($0) })
    }
    #expect(scoring(.imagenetVal, names: ["a"]).labels == [-1])
    #expect(scoring(.imagenetVal, names: ["a"]).obstacle != nil)
  }
}
