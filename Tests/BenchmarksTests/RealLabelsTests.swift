import Benchmarks
import Foundation
import Records
import TestSupport
import Testing

/// ImageNet-ReaL's labels: how the file is read, which images it is of, and what is counted.
@Suite struct RealLabelsTests {
  private static func name(_ number: Int) -> String {
    "ILSVRC2012_val_" + String(String(100_000_000 + number).dropFirst()) + ".JPEG"
  }

  private static func listing(_ paths: [String]) -> ImageListing {
    ImageListing(paths: paths, labels: paths.map { _ in 0 }, classNames: ["a", "b"])
  }

  /// Reads a file of 50,000 lists that begins with some.
  private func annotation(
    _ first: [[Int]], count: Int = 50_000, of paths: [String]
  ) throws -> ImageAnnotation {
    let folder = try ScratchFolder()
    let lists = first + Array(repeating: [7], count: count - first.count)
    let path = folder.path + "/real.json"
    try JSONEncoder().encode(lists).write(to: URL(fileURLWithPath: path))
    return try AnnotationFile(.real, path: path).annotation(of: Self.listing(paths))
  }

  @Test("Images are told by their names, whatever folder they are in and whatever follows the number")
  func names() throws {
    let paths = [
      "n01/" + Self.name(3), "n00/" + Self.name(1), "w/ILSVRC2012_val_00000002_n01440764.JPEG",
      "n00/" + Self.name(50_000),
    ]
    let found = try annotation([[4], [], [9, 2, 9]], of: paths)
    #expect(found.ofImages == [[2, 9], [4], nil, [7]] && found.values.isEmpty && found.sha256.count == 64)
  }

  @Test("Files and images that do not fit are refused with one sentence")
  func refusals() throws {
    func refuses(_ says: String, _ first: [[Int]] = [], count: Int = 50_000, of path: String = "n/" + Self.name(1)) {
      #expect {
        try annotation(first, count: count, of: [path])
      } throws: { error in
        let words = "\(error)"
        return error is AnnotationError && words.contains(says)
          && words.contains("real.json does not match the benchmark: ")
      }
    }
    refuses("it has 49999 entries, but ImageNet's validation set 50000 images", count: 49_999)
    refuses("gives ILSVRC2012_val_00000002.JPEG the class 1000, but classes are 0 to 999", [[1], [1000]])
    refuses("the class -1", [[-1]])
    for path in ["n/1.JPEG", "n/ILSVRC2012_val_1.JPEG", "ILSVRC2012_val_00000001/x.JPEG"] {
      refuses(
        "it identifies images by names such as ILSVRC2012_val_00000001.JPEG, which \(path) does not have", of: path)
    }
    refuses("it covers 50000 images, but not n/ILSVRC2012_val_00050001.JPEG", of: "n/" + Self.name(50_001))
    refuses("it annotates none of the benchmark's images", [[]])
    let folder = try ScratchFolder()
    for text in ["{}", "[1]", "[[1.5]]", "[[99999999999]]", ""] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/real.json"))
      #expect(throws: AnnotationError.self) {
        try AnnotationFile(.real, path: folder.path + "/real.json").annotation(of: Self.listing(["n/" + Self.name(1)]))
      }
    }
    #expect(throws: AnnotationError.self) {
      try AnnotationFile(.real, path: folder.path + "/none").annotation(of: Self.listing([]))
    }
  }

  @Test("Of 1,001 outputs the first is the background; labels are part of a plan's digest, not of the images'")
  func outputs() throws {
    var listing = ImageListing(
      paths: ["n01440764/" + Self.name(1), "n01440764/" + Self.name(2)], labels: [0, 0],
      classNames: ImageNetClasses.wordNetIDs)
    let plain = (listing.digest, listing.planDigest)
    #expect(plain.0 == plain.1)
    listing.annotations = [try annotation([[4, 999], []], of: listing.paths)]
    #expect(listing.digest == plain.0 && listing.planDigest != plain.0)
    let benchmark = BenchmarkDefinition.clean(name: "v", root: "/")
    #expect(benchmark.scoring(of: listing, classCount: 1000).realOutputs == [[4, 999], nil])
    #expect(benchmark.scoring(of: listing, classCount: 1001).realOutputs == [[5, 1000], nil])
    #expect(listing.largestRealOutput(classCount: 1001) == 1000)
    var unscored = benchmark
    unscored.isScored = false
    #expect(unscored.scoring(of: listing, classCount: 1000).realOutputs == nil)
    let again = try JSONDecoder().decode(ImageListing.self, from: JSONEncoder().encode(listing))
    #expect(again == listing && again.planDigest == listing.planDigest)
  }

  private struct Fixture: Decodable {
    let step: Float
    let class_count: Int
    let logits: [Int]
    let labels: [Int32]
    let real: [[Int32]]
    let real_expected: [String: Double]
  }

  @Test("The accuracy by these labels is NumPy's, its interval statsmodels'")
  func accuracy() throws {
    let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/"
    func load<Value: Decodable>(_ name: String) throws -> Value {
      try JSONDecoder().decode(Value.self, from: Data(contentsOf: URL(fileURLWithPath: path + name)))
    }
    let fixture: Fixture = try load("annotations.json")
    let paths = fixture.labels.indices.map { "n/" + Self.name($0 + 1) }
    var listing = ImageListing(
      paths: paths, labels: fixture.labels, classNames: (0..<fixture.class_count).map { "c\($0)" })
    listing.annotations = [try annotation(fixture.real.map { $0.map(Int.init) }, of: paths)]
    let benchmark = BenchmarkDefinition.clean(name: "v", root: "/")
    var tally = ImageNetVal.tally(
      of: benchmark, listing, benchmark.scoring(of: listing, classCount: fixture.class_count), population: 0)
    tally.add(
      condition: 0, firstImage: 0, logits: fixture.logits.map { Float($0) * fixture.step },
      classCount: fixture.class_count)
    let metrics = tally.metrics(clean: nil, seed: 1)
    for (name, wanted) in fixture.real_expected {
      let found = try #require(metrics.first { $0.name == name }).values[0]
      #expect(abs(found - wanted) <= 1e-9, "\(name): \(found), not \(wanted)")
    }
    let counted = fixture.real.count { !$0.isEmpty }
    #expect(counted < fixture.labels.count)
    #expect(
      metrics.first { $0.name == "real_top1" }?.figure?.extent == "over the \(counted) images with ReaL labels")
  }
}
