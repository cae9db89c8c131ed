import Archives
import Benchmarks
import Foundation
import Records
import Reporting
import TestSupport
import Testing

/// Reports know figures by what the metrics say of themselves, never by names.
@Suite struct FigureTests {
  /// Metrics of a benchmark that the catalogue does not have: shares and plain numbers over an axis, and their mean.
  private static func blur(_ better: Double) -> [Metric] {
    [
      Metric(
        name: "agreement", description: "a", axes: ["radius"], values: [0.9, 0.7, .nan],
        figure: .init("agreement", .curve, isOfEachCondition: true)),
      Metric(
        name: "agreement_low", description: "a", axes: ["radius"], values: [0.8, 0.6, .nan], figure: .support),
      Metric(
        name: "agreement_high", description: "a", axes: ["radius"], values: [0.95, 0.8, .nan], figure: .support),
      Metric(name: "seen", description: "s", axes: ["radius"], values: [4, 3, 0], figure: .count()),
      Metric(
        name: "shift", description: "s", axes: ["radius"], values: [0.5, 2.25, .nan],
        figure: .init("shift", .curve, .number, isLessBetter: true)),
      Metric(
        name: "steadiness", description: "s", axes: [], values: [better],
        figure: .init("steadiness", .headline, extent: "over the first 2 radii", rows: ["1", "2"])),
      Metric(
        name: "cost", description: "c", axes: [], values: [1.5],
        figure: .init("cost", .compared, .ratio, isLessBetter: true, reference: "a<b")),
      Metric(
        name: "worst", description: "w", axes: [], values: [.nan],
        figure: .init("worst", .detail, absence: "no worst: radius 3 has no result", explanation: "")),
    ]
  }

  /// Those of one of two sets of images.
  private static let sets = [
    Metric(
      name: "hits", description: "h", axes: [], values: [0.75],
      figure: .init("hits", .headline, isOfEachCondition: true, sets: ["near"])),
    Metric(
      name: "loss_of_far", description: "l", axes: [], values: [0.25],
      figure: .init("loss of far", .detail, .points, isLessBetter: true, sets: ["near", "far"])),
    Metric(name: "seen", description: "s", axes: [], values: [5], figure: .count()),
    Metric(name: "seen_near", description: "s", axes: [], values: [3], figure: .count(of: ["near"])),
  ]

  private func model(_ folder: ScratchFolder) throws -> ReportModel {
    let axis = Axis(name: "radius", values: ["1", "2", "3"], isNumeric: true)
    let paths = ["near/a/1", "near/a/2", "near/a/3", "near/a/4", "far/a/1"]
    func group(_ model: String, _ name: String, _ axes: [Axis], _ paths: [String]) -> ArchiveGroupPlan {
      ArchiveGroupPlan(
        path: "\(model)/\(name)", axes: axes, imagePaths: paths, labels: paths.map { _ in 0 }, classNames: ["a", "b"],
        variables: [.logits(classes: 2)],
        attributes: ["model": model, "benchmark": name, "benchmark_kind": "made-up-\(name)"].merging(
          name == "sets" ? ["data_folders": "near\t/n\nfar\t/f"] : [:]
        ) { $1 })
    }
    let groups = ["one", "two"].flatMap {
      [group($0, "blur", [axis], Array(paths.prefix(4))), group($0, "sets", [], paths)]
    }
    let writer = try ArchiveWriter(
      path: folder.path + "/a.h5", attributes: ["title": "t", "run": "r"], groups: groups, compressed: false)
    for (model, value) in [("one", 0.8), ("two", 0.6)] {
      try writer.writeMetrics(group: model + "/blur", Self.blur(value))
      try writer.writeMetrics(group: model + "/sets", Self.sets)
    }
    try writer.close()
    let archive = try ArchiveReader(path: folder.path + "/a.h5")
    // What they are survives the archive.
    for (read, written) in zip(try archive.metrics(group: "one/blur"), Self.blur(0.8)) {
      #expect(read.name == written.name && read.figure == written.figure)
    }
    #expect(try archive.metrics(group: "two/sets") == Self.sets)
    return try ReportModel(archives: [archive])
  }

  @Test("Figures of a benchmark that no report knows stand in the table, on the page, in the files and side by side")
  func madeUp() throws {
    let folder = try ScratchFolder()
    let model = try model(folder)
    let table = ReportTable.render(model, colour: false, width: 200)
    for line in [
      "one on blur, 4 images per condition", "  steadiness 80.0 % over the first 2 radii; 3 to 4 of 4 images each *",
      "  cost 150.0 %; 0 to 4 of 4 images each", "  no worst: radius 3 has no result", "  agreement by radius",
      "    1  90.0 % [80.0, 95.0]  4 images", "    2  70.0 % [60.0, 80.0]  3 of 4 images", "  shift by radius",
      "    2  2.25  3 of 4 images", "one on sets, 4 images of near, 1 of far", "  hits 75.0 %; 3 of 4 images of near",
      "  loss of far 25.0 points; 3 of 4 images of near and 1 of far",
    ] { #expect(table.components(separatedBy: "\n").contains(line), "\(line)\n\(table)") }
    let rows = table.components(separatedBy: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(
      rows.contains { $0.starts(with: ["blur", "steadiness"]) && $0.suffix(2) == ["80.0*", "60.0*"] }, "\(table)")
    #expect(rows.contains { $0.starts(with: ["blur", "cost"]) && $0.suffix(2) == ["150.0*", "150.0*"] })
    #expect(table.contains("blur, steadiness: over the first 2 radii"))

    let page = HTMLReport.render(model)
    for text in [
      "steadiness over the first 2 radii: highest of one, 80.0 %; lowest of two, 60.0 %.",
      "<th scope=\"row\">steadiness (%) \u{2191} <small>over the first 2 radii; 3 to 4 of 4 images each</small></th>"
        + "<td data-m=\"0\" data-v=\"0.8\"><strong>80.0*</strong></td><td data-m=\"1\" data-v=\"0.6\">60.0*</td>",
      "<th scope=\"row\">cost (%) \u{2193} ", "<title>agreement by radius of blur, one line per model</title>",
      "<title>shift by radius of blur, one line per model</title>", "<td data-m=\"0\" data-v=\"2.25\">2.25</td>",
      "blur: steadiness \u{2191}</text>", "no worst: radius 3 has no result",
    ] { #expect(page.contains(text), "\(text)\n\(page)") }

    let files = Dictionary(uniqueKeysWithValues: CSVReport.render(model).files.map { ($0.name, $0.text) })
    #expect(files["conditions.csv"]?.contains("condition,agreement,agreement_low,agreement_high,hits,") == true)
    #expect(files["conditions.csv"]?.contains("r,one,blur,2,0.7,0.6,0.8,,,,3,4\r\n") == true)
    #expect(files["series.csv"]?.contains("r,two,blur,shift,radius,2,2.25,,,3,4\r\n") == true)
    #expect(files["summary.csv"]?.contains("r,one,sets,loss_of_far,0.25,,,4,5\r\n") == true)
    for (name, text) in files { #expect(!text.contains("seen"), "\(name)") }
  }

  @Test("A figure measured by other figures is marked side by side")
  func reference() {
    func section(_ model: String, _ reference: String) -> ReportSection {
      ReportSection(
        model: model, benchmark: "b", axes: [],
        metrics: [
          Metric(
            name: "x", description: "", axes: [], values: [2],
            figure: .init("cost", .compared, .ratio, reference: reference)),
          Metric(name: "n", description: "", axes: [], values: [4], figure: .count()),
        ], imageCount: 4, facts: [])
    }
    func table(_ other: String) -> String {
      ReportTable.render(
        ReportModel(title: "t", sections: [section("a", "1"), section("b", other)]), colour: false, width: 100)
    }
    #expect(table("2").contains("a: not comparable with a: different figures to normalise by"))
    #expect(!table("1").contains("not comparable"))
  }

  /// Every kind of metric that the catalogue makes, with its section's parts.
  private static func catalogue() -> [(kind: BenchmarkKind, axes: [Axis], sets: [ReportedSet], metrics: [Metric])] {
    let some: [Float] = [1, 0, 0, 2, 3, 1, 0, 1]
    func accuracies(_ benchmark: BenchmarkDefinition, _ figures: AccuracyFigures) -> [Metric] {
      var tally = AccuracyTally(grid: benchmark.grid, labels: [0, 1, 1, 1], figures: figures)
      for cell in benchmark.grid.cells { tally.add(condition: cell.index, firstImage: 0, logits: some, classCount: 2) }
      return tally.metrics(seed: 1)
    }
    func corruptions(_ names: [String], _ severities: [Int]) -> BenchmarkDefinition {
      .corruptions(name: "c", origin: .published(root: "/"), corruptions: names, severities: severities)
    }
    func occluded(_ percents: [Int]) -> BenchmarkDefinition {
      .occlusion(name: "o", root: "/", percents: percents)
    }
    let clean = BenchmarkDefinition.clean(name: "v", root: "/")
    let grids = [
      (clean, AccuracyFigures.calibration), (corruptions(["fog", "snow"], [1, 2]), .corruptions),
      (corruptions(ImageNetC.standardCorruptions, [1, 2, 3, 4, 5]), .corruptions),
      (corruptions(ImageNetC.corruptions, [1, 2, 3, 4, 5]), .corruptions),
      (occluded([10, 50]), .mean { "over \($0) shares of dropped patches" }),
      (occluded([30]), .mean { "over \($0) share of dropped patches" }),
    ].map { (kind: $0.kind, axes: $0.grid.axes, sets: [ReportedSet](), metrics: accuracies($0, $1)) }
    let sequences = BenchmarkDefinition.perturbations(
      name: "p", origin: .published(root: "/"), perturbations: ImageNetP.standardPerturbations,
      frameCounts: ImageNetP.standardPerturbations.map { _ in 2 },
      unsteadiness: Dictionary(
        uniqueKeysWithValues: ImageNetP.standardPerturbations.map { ($0, Unsteadiness(flipRate: 0.5, top5Distance: 3)) }
      ))
    var stability = StabilityTally(of: sequences, imageCount: 4)
    for cell in sequences.grid.cells {
      stability.add(
        condition: cell.index, firstImage: 0, logits: cell.index % 2 == 0 ? some : some.reversed(), classCount: 2)
    }
    let steadiness = accuracies(sequences, .curves) + stability.metrics(seed: 1)
    let ofSets = [BenchmarkKind.imagenetR, .imagenet9, .imagenetO].map {
      kind -> (kind: BenchmarkKind, axes: [Axis], sets: [ReportedSet], metrics: [Metric]) in
      let names = kind.benchmark.subsets.map(\.name)
      let benchmark = BenchmarkDefinition(
        kind: kind, name: "s",
        layout: PictureLayout(root: "/", subsets: names.map { ImageSubset(name: $0, folder: "/" + $0) }))
      let listing = ImageListing(
        paths: names.flatMap { ["\($0)/00_a/1", "\($0)/01_b/1"] },
        labels: names.flatMap { $0 == "out" ? [-1, -1] : [0, 1] }, classNames: ["a", "b"])
      var tally = SubsetTally(of: benchmark, listing: listing, scoring: benchmark.scoring(of: listing, classCount: 2))
      tally.add(
        condition: 0, firstImage: 0, logits: names.indices.flatMap { [Float($0), 1, 0, 2] }, classCount: 2)
      return (kind, [], names.map { ReportedSet(name: $0, imageCount: 2) }, tally.metrics(clean: nil, seed: 1))
    }
    return grids + [(.imagenetP, sequences.grid.axes, [], steadiness)] + ofSets
  }

  /// Metrics that no archive has without saying what they are.
  private static func isNewer(_ metric: Metric, on axes: [Axis]) -> Bool {
    let names = ["nll", "brier", "_after_temperature", "_by_confidence", "_by_severity"]
    return names.contains { metric.name.contains($0) }
      || !axes.isEmpty && ["ece", "rms_calibration_error"].contains(metric.name)
  }

  @Test("Every figure of the catalogue that pages show is defined")
  func definitions() {
    for (kind, _, _, metrics) in Self.catalogue() {
      for metric in metrics.map(\.defined) {
        guard let figure = metric.figure, ![.data, .count, .grid, .support].contains(figure.role) else { continue }
        #expect(!figure.definition.isEmpty, "\(kind) \(metric.name)")
      }
    }
  }

  @Test("Metrics of archives that do not say what they are are reported as those of today")
  func withoutFigures() {
    for (kind, axes, sets, all) in Self.catalogue() {
      let metrics = all.filter { !Self.isNewer($0, on: axes) }
      #expect(metrics.allSatisfy { $0.figure != nil }, "\(kind)")
      func report(_ metrics: [Metric]) -> [String] {
        let sections = ["a", "b"].map {
          ReportSection(
            model: $0, benchmark: "b", axes: axes, metrics: metrics, imageCount: sets.isEmpty ? 4 : 2 * sets.count,
            sets: sets, attributes: ["benchmark_kind": kind.rawValue], facts: [])
        }
        let model = ReportModel(title: "t", sections: sections)
        return [ReportTable.render(model, colour: false, width: 120), HTMLReport.render(model)]
          + CSVReport.render(model).files.map(\.text)
      }
      let silent = metrics.map {
        Metric(name: $0.name, description: $0.description, axes: $0.axes, values: $0.values)
      }
      // Errors that are not defined are neither columns nor rows.
      #expect(!report(metrics)[0].contains("CE by corruption"), "\(kind)")
      for (one, other) in zip(report(metrics), report(silent)) {
        #expect(one == other, "\(kind)\n\(one)\n\(other)")
      }
    }
  }
}
