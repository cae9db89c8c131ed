import Archives
import Benchmarks
import Foundation
import Records
import Reporting
import TestSupport
import Testing

/// What a report makes of archives, those of older programs among them.
@Suite struct ReportArchiveTests {
  /// An archive as programs wrote it before they held Wilson's intervals: of ImageNet-9's `original` and one other set,
  /// and of clean images.
  private func old(_ path: String, run: String, id: String) throws -> ArchiveReader {
    let sets = (0..<20).map { "only_fg/00_dog/\($0)" } + (0..<20).map { "original/00_dog/\($0)" }
    func group(_ name: String, _ kind: String, _ paths: [String]) -> ArchiveGroupPlan {
      ArchiveGroupPlan(
        path: "net/" + name, axes: [], imagePaths: paths, labels: paths.map { _ in 0 }, classNames: ["a", "b"],
        variables: [.logits(classes: 2)], attributes: ["model": "net", "benchmark": name, "benchmark_kind": kind])
    }
    let groups = [group("nine", "imagenet-9", sets), group("val", "imagenet-val", Array(sets.prefix(10)))]
    let writer = try ArchiveWriter(
      path: path, attributes: ["title": "t", "run": run, "run_id": id], groups: groups, compressed: false)
    func metric(_ name: String, _ value: Double) -> Metric {
      Metric(name: name, description: "resampled", axes: [], values: [value])
    }
    try writer.writeMetrics(
      group: "net/nine",
      [metric("top1", 1), metric("top1_low", 1), metric("top1_high", 1), metric("bg_gap", 0), metric("bg_gap_low", 0)]
        + [metric("bg_gap_high", 0), metric("evaluated", 40), metric("top1_original", 1), metric("top1_only_fg", 0.5)])
    try writer.writeMetrics(
      group: "net/val", [metric("top1", 0), metric("top1_low", 0), metric("top1_high", 0), metric("evaluated", 10)])
    try writer.writeTable("attempts", columns: [.integers("shard", [])])
    try writer.close()
    return try ArchiveReader(path: path)
  }

  @Test("An older archive's shares have Wilson's intervals, its points none, and its counts are of each set")
  func olderArchive() throws {
    let folder = try ScratchFolder()
    let model = try ReportModel(archives: [try old(folder.path + "/a.h5", run: "r", id: "1")])
    let table = ReportTable.render(model, colour: false, width: 200)
    for text in [
      "net on nine, 2 sets of 20 images", "top-1 100.0 % [83.9, 100.0]; 20 images of original",
      "BG-gap 0.0 points;", "only_fg   50.0 % [29.9, 70.1]", "net on val, 10 images",
      "top-1 0.0 % [0.0, 27.8]; 10 images",
    ] { #expect(table.contains(text), "\(text)\n\(table)") }
  }

  @Test("What is not scored says so and is not incomplete; images without a class are not missing")
  func withoutClasses() throws {
    let folder = try ScratchFolder()
    func table(_ labels: [Int32], _ attributes: [String: String], evaluated: Double, computed: Int) throws -> String {
      let paths = (0..<4).map { "a/\($0)" }
      let group = ArchiveGroupPlan(
        path: "net/b", axes: [], imagePaths: paths, labels: labels, classNames: ["a", "b"],
        variables: [.logits(classes: 2)],
        attributes: ["model": "net", "benchmark": "b", "benchmark_kind": "image-folder"].merging(attributes) { $1 })
      let path = folder.path + "/\(UUID().uuidString).h5"
      let writer = try ArchiveWriter(
        path: path, attributes: ["title": "t", "run": "r"], groups: [group], compressed: false)
      let logits = (0..<8).map { $0 / 2 < computed ? Float($0) : .nan }
      let failures = (computed..<4).map { ImageFailure(offset: $0, reason: "r") }
      try writer.add(
        PartContents(
          shard: 0, group: "net/b", conditionIndex: 0, firstImage: 0, imageCount: 4,
          observations: [.logits(logits, classes: 2)],
          failures: failures, attributes: [:]), fileSHA256: "")
      func metric(_ name: String, _ value: Double) -> Metric {
        Metric(name: name, description: "", axes: [], values: [value])
      }
      try writer.writeMetrics(
        group: "net/b", [metric("top1", evaluated == 0 ? .nan : 1), metric("evaluated", evaluated)])
      try writer.close()
      return ReportTable.render(
        try ReportModel(archives: [try ArchiveReader(path: path)]), colour: false, width: 200)
    }
    let unscored = ["labels": "unknown: the manifest says scored: false"]
    let whole = try table([-1, -1, -1, -1], unscored, evaluated: 0, computed: 4)
    #expect(whole.contains("not scored: the manifest says scored: false; 4 results"), "\(whole)")
    #expect(!whole.contains("incomplete") && !whole.contains("*"))
    let gap = try table([-1, -1, -1, -1], unscored, evaluated: 0, computed: 3)
    #expect(gap.contains("3 of 4 results") && gap.contains("* incomplete: 3 of 4 images evaluated"), "\(gap)")
    let some = try table([0, 1, 0, -1], [:], evaluated: 3, computed: 4)
    #expect(some.contains("top-1 100.0 %") && some.contains("3 of 4 images") && !some.contains("incomplete"), "\(some)")
  }

  @Test("Archives of one run's name are told apart by its id, the same one twice by its place")
  func labels() throws {
    let folder = try ScratchFolder()
    let first = try old(folder.path + "/a.h5", run: "r", id: "11112222-3333")
    let second = try old(folder.path + "/b.h5", run: "r", id: "44445555-6666")
    let other = try old(folder.path + "/c.h5", run: "s", id: "44445555-6666")
    func runs(_ archives: ArchiveReader...) throws -> [String] {
      try ReportModel(archives: archives).sections.filter { $0.benchmark == "val" }.map(\.run)
    }
    #expect(try runs(first, other) == ["r", "s"])
    #expect(try runs(first, second, other) == ["r, 11112222", "r, 44445555", "s"])
    #expect(try runs(first, first) == ["r, 11112222, file 1", "r, 11112222, file 2"])
    let page = HTMLReport.render(try ReportModel(archives: [first, other]))
    #expect(page.contains("data-m=\"0\">net (r)</th>") && page.contains("data-m=\"1\">net (s)</th>"))
    #expect(page.contains("Run r: ") && page.contains("Run s: "))
  }
}
