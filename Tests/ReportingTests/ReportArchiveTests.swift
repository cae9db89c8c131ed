import Archives
import Benchmarks
import Foundation
import Reporting
import Testing

/// What a report makes of archives, those of older programs among them.
@Suite struct ReportArchiveTests {
  private final class Folder {
    let path = NSTemporaryDirectory() + "gauntlet-report-" + UUID().uuidString
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  /// An archive as programs wrote it before they held Wilson's intervals: of ImageNet-9's `original` and one other set,
  /// and of clean images.
  private func old(_ path: String, run: String, id: String) throws -> ArchiveReader {
    let sets = (0..<20).map { "only_fg/00_dog/\($0)" } + (0..<20).map { "original/00_dog/\($0)" }
    func group(_ name: String, _ kind: String, _ paths: [String]) -> ArchiveGroupPlan {
      ArchiveGroupPlan(
        path: "net/" + name, axes: [], imagePaths: paths, labels: paths.map { _ in 0 }, classNames: ["a", "b"],
        classCount: 2, attributes: ["model": "net", "benchmark": name, "benchmark_kind": kind])
    }
    let groups = [group("nine", "imagenet-9", sets), group("val", "imagenet-val", Array(sets.prefix(10)))]
    let writer = try ArchiveWriter(
      path: path, attributes: ["title": "t", "run": run, "run_id": id], groups: groups, compressed: false)
    func metric(_ name: String, _ value: Double) -> ArchiveMetric {
      ArchiveMetric(name: name, description: "resampled", axes: [], values: [value])
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
    let folder = try Folder()
    let model = try ReportModel(archives: [try old(folder.path + "/a.h5", run: "r", id: "1")])
    let table = ReportTable.render(model, colour: false, width: 200)
    for text in [
      "net on nine, 2 sets of 20 images", "top-1 100.0 % [83.9, 100.0]; 20 images of original",
      "BG-gap 0.0 points;", "only_fg   50.0 % [29.9, 70.1]", "net on val, 10 images",
      "top-1 0.0 % [0.0, 27.8]; 10 images",
    ] { #expect(table.contains(text), "\(text)\n\(table)") }
  }

  @Test("Archives of one run's name are told apart by its id, the same one twice by its place")
  func labels() throws {
    let folder = try Folder()
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
    #expect(page.contains("<h2>net on val (run r)</h2>") && page.contains("<h2>net on val (run s)</h2>"))
    #expect(page.contains("The models side by side"))
  }
}
