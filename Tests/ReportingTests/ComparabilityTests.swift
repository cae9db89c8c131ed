import Benchmarks
import Foundation
import Records
import Reporting
import Testing

/// Figures say what they are of, and what is not of the same thing is not shown as if it were.
@Suite struct ComparabilityTests {
  /// ImageNet-C where each corruption's accuracy falls with its place.
  private static func section(
    _ model: String, run: String = "r", corruptions: [String] = ImageNetC.standardCorruptions,
    severities: [Int] = [1, 2, 3, 4, 5], attributes: [String: String] = [:], more: [String: Double] = [:]
  ) -> ReportSection {
    let grid = BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: "/"), corruptions: corruptions, severities: severities
    ).grid
    let axes = grid.axes.map(\.name)
    let top1 = (0..<grid.count).map { 1 - Double($0) / 100 }
    var metrics = [
      Metric(name: "top1", description: "", axes: axes, values: top1),
      Metric(name: "evaluated", description: "", axes: axes, values: top1.map { _ in 20 }),
      Metric(
        name: "mean_top1", description: "", axes: [], values: [top1.reduce(0, +) / Double(max(1, top1.count))]),
    ]
    metrics += more.map { Metric(name: $0, description: "", axes: [], values: [$1]) }
    let standard = ["benchmark_kind": "imagenet-c", "data_sha256": "d1", "seed": "7"]
    return ReportSection(
      run: run, model: model, benchmark: "imagenet-c", axes: grid.axes, metrics: metrics, imageCount: 20,
      attributes: standard.merging(attributes) { $1 }, facts: [])
  }

  private func text(_ sections: ReportSection...) -> String {
    ReportTable.render(ReportModel(title: "t", sections: sections), colour: false, width: 300)
  }

  /// The row of a measure in the table side by side, and the lines that follow the table.
  private func comparison(_ sections: ReportSection...) -> (row: [String], notes: [String]) {
    let lines =
      ReportTable.render(ReportModel(title: "t", sections: sections), colour: false, width: 300)
      .components(separatedBy: "side by side").last?.components(separatedBy: "\n") ?? []
    let row = lines.first { $0.contains("mean top-1  ") }?.split(separator: " ").map(String.init) ?? []
    return (Array(row.suffix(sections.count)), lines.filter { $0.contains(": ") })
  }

  @Test("The mean over the standard 15 comes first, that over all that were run second, each with what it is over")
  func standardFirst() {
    let all = text(Self.section("a", corruptions: ImageNetC.corruptions))
    #expect(
      all.contains(
        """
          mean top-1 63.0 % over the standard 15 corruptions, 5 severities; 20 images each
          mean top-1 53.0 % over 19 corruptions, 5 severities; 20 images each
        """))
    let standard = text(Self.section("a"))
    #expect(standard.components(separatedBy: "mean top-1").count == 2)
    let few = text(Self.section("a", corruptions: ["fog", "saturate"], severities: [3, 5]))
    #expect(few.contains("mean top-1 98.5 % over 2 corruptions, 2 severities (3, 5); 20 images each"))
    // An archive of today holds the mean itself, with its interval.
    let held = text(
      Self.section(
        "a", corruptions: ImageNetC.corruptions,
        more: ["standard_mean_top1": 0.5, "standard_mean_top1_low": 0.4, "standard_mean_top1_high": 0.6]))
    #expect(held.contains("mean top-1 50.0 % [40.0, 60.0] over the standard 15 corruptions"))
  }

  @Test("A missing mCE says why, in the table and on the page")
  func missingMCE() {
    let section = Self.section("a", severities: [3, 5])
    let reason = "no mCE: severities 1, 2, 4 are not part of the run; it needs all five"
    #expect(text(section).contains(reason))
    #expect(HTMLReport.render(ReportModel(title: "t", sections: [section])).contains(reason))
    #expect(text(Self.section("a", corruptions: ["fog"])).contains("no mCE: 14 of the standard 15 corruptions"))
    #expect(!text(Self.section("a", more: ["mce": 0.8])).contains("no mCE"))
    #expect(text(Self.section("a", more: ["mce": 0.8])).contains("no relative mCE"))
  }

  @Test("What is made on the fly says how it differs from the published files")
  func onTheFly() {
    let made = ["corruptions": "made on the fly, seed 7"]
    let drawn = Self.section("a", attributes: made, more: ["mce": 0.8])
    let sentence =
      "made on the fly, not comparable with the published files: frost is drawn, not photographed; "
      + "no JPEG recompression (published: quality 85); random numbers of their own"
    #expect(text(drawn).contains(sentence))
    #expect(HTMLReport.render(ReportModel(title: "t", sections: [drawn])).contains(sentence))
    let closer = made.merging(["jpeg_quality": "85", "frost_folder": "/frost"]) { $1 }
    #expect(text(Self.section("a", attributes: closer)).contains("the published files: random numbers of their own"))
    #expect(!text(Self.section("a")).contains("made on the fly"))
  }

  @Test("Occlusion of archives of before is drawn on the fly: another seed or other patches are marked")
  func olderOcclusion() {
    func section(_ name: String, _ attributes: [String: String]) -> ReportSection {
      ReportSection(
        model: name, benchmark: "occlusion", axes: [Axis(name: "dropped_percent", values: ["10"], isNumeric: true)],
        metrics: [
          Metric(name: "top1", description: "", axes: ["dropped_percent"], values: [0.5]),
          Metric(name: "evaluated", description: "", axes: ["dropped_percent"], values: [20]),
          Metric(name: "mean_top1", description: "", axes: [], values: [0.5]),
        ], imageCount: 20,
        attributes: ["benchmark_kind": "occlusion", "patch_grid": "14", "seed": "7"].merging(attributes) { $1 },
        facts: [])
    }
    func note(_ attributes: [String: String]) -> String? {
      comparison(section("a", [:]), section("b", attributes)).notes.first { $0.contains("not comparable") }
    }
    #expect(note([:]) == nil)
    #expect(note(["seed": "8"]) == "  a: not comparable with a: seed 8, not 7")
    #expect(note(["patch_grid": "7"]) == "  a: not comparable with a: different patches")
    #expect(text(section("a", [:])).contains("mean top-1 50.0 % over 1 share of dropped patches"))
  }

  @Test("Side by side only figures of the same grid, images, making and seed stand unmarked")
  func marks() {
    let first = Self.section("a")
    let made = ["corruptions": "made on the fly, seed 7"]
    func mark(_ other: ReportSection, beside first: ReportSection = Self.section("a")) -> (String, String) {
      let (row, notes) = comparison(first, other)
      return (row.last ?? "", notes.last { $0.contains("not comparable") } ?? "")
    }
    #expect(mark(Self.section("b")) == ("63.0", ""))
    // Beyond the standard 15 there may be more: the mean side by side is over the 15.
    #expect(mark(Self.section("b", corruptions: ImageNetC.corruptions)) == ("63.0", ""))
    #expect(mark(Self.section("b", attributes: ["seed": "8"])) == ("63.0", ""))
    for (other, note) in [
      (
        Self.section("b", corruptions: ["fog"]),
        "a: not comparable with a: over 1 corruption, 5 severities, not over the standard 15 corruptions, 5 severities"
      ),
      (Self.section("b", attributes: ["data_sha256": "d2"]), "a: not comparable with a: different images"),
      (
        Self.section("b", attributes: made), "a: not comparable with a: made on the fly, not published files"
      ),
    ] {
      let (figure, found) = mark(other)
      #expect(figure.hasSuffix("a") && found == "  " + note, "\(figure) \(found)")
    }
    let live = Self.section("a", attributes: made)
    let seed = mark(Self.section("b", attributes: made.merging(["seed": "8"]) { $1 }), beside: live)
    #expect(seed == ("63.0a", "  a: not comparable with a: seed 8, not 7"))
    let quality = mark(Self.section("b", attributes: made.merging(["jpeg_quality": "85"]) { $1 }), beside: live)
    #expect(quality.1.hasSuffix("different JPEG quality"))
    let page = HTMLReport.render(
      ReportModel(title: "t", sections: [first, Self.section("b", attributes: ["data_sha256": "d2"])]))
    #expect(page.contains("a: not comparable with a: different images") && page.contains(">63.0a</td>"))
  }

  @Test("Figures among other classes, or normalised by other figures, are marked")
  func otherClasses() {
    func section(_ name: String, _ classes: Set<String>?) -> ReportSection {
      ReportSection(
        model: name, benchmark: "imagenet-a", axes: [],
        metrics: [("top1", 0.5), ("evaluated", 10)].map {
          Metric(name: $0.0, description: "", axes: [], values: [$0.1])
        }, imageCount: 10, attributes: ["benchmark_kind": "imagenet-a"], facts: [], answerClasses: classes)
    }
    func table(_ other: Set<String>?) -> String { text(section("a", ["x", "y"]), section("b", other)) }
    #expect(table(["x", "y", "z"]).contains("not comparable with a: answers among 3 classes, not 2"))
    #expect(table(["x", "z"]).contains("not comparable with a: answers among different classes"))
    #expect(!table(["y", "x"]).contains("not comparable") && !table(nil).contains("not comparable"))
    func sequences(_ name: String, _ reference: String) -> ReportSection {
      Self.sequences(name, attributes: ["normalise_by": reference])
    }
    #expect(
      text(sequences("a", "rotate 0.1 1.0"), sequences("b", "rotate 0.2 1.0")).contains(
        "different figures to normalise"))
    #expect(!text(sequences("a", "rotate 0.1 1.0"), sequences("b", "rotate 0.1 1.0")).contains("not comparable"))
  }

  /// ImageNet-P of eleven perturbations and two frames, of ten sequences without classes.
  private static func sequences(
    _ name: String, attributes: [String: String] = [:], results: [Int] = Array(repeating: 10, count: 22)
  ) -> ReportSection {
    let names = ImageNetP.standardPerturbations + ["gaussian_noise_2"]
    let axes = [Axis(name: "perturbation", values: names), Axis(name: "frame", values: ["0", "1"])]
    let none = Array(repeating: Double.nan, count: 22)
    return ReportSection(
      model: name, benchmark: "imagenet-p", axes: axes,
      metrics: [
        Metric(name: "top1", description: "", axes: ["perturbation", "frame"], values: none),
        Metric(name: "evaluated", description: "", axes: ["perturbation", "frame"], values: none.map { _ in 0 }),
        Metric(name: "flip_rate", description: "", axes: ["perturbation"], values: names.map { _ in 0.5 }),
        Metric(name: "mean_flip_rate", description: "", axes: [], values: [0.5]),
        Metric(name: "mfr", description: "", axes: [], values: [0.8]),
      ], imageCount: 10,
      attributes: ["benchmark_kind": "imagenet-p", "labels": "unknown: no classes"].merging(attributes) { $1 },
      facts: [],
      results: results)
  }

  @Test("Sequences without classes are counted; mFR is over the standard ten")
  func sequencesWithoutClasses() {
    let whole = text(Self.sequences("a"))
    #expect(whole.contains("mFR 80.0 % over the standard 10 perturbations"), "\(whole)")
    #expect(whole.contains("mean flip rate 50.0 % over 11 perturbations; 10 sequences each"), "\(whole)")
    #expect(!whole.contains("incomplete") && !whole.contains("*"))
    var results = Array(repeating: 10, count: 22)
    results[3] = 9
    let gap = text(Self.sequences("a", results: results))
    #expect(
      gap.contains("9 to 10 of 10 sequences each")
        && gap.contains("* incomplete: of 10 images evaluated: shot_noise/1 9"))
  }

  @Test("Models of one name are told apart by their runs in headings, columns and every file")
  func runs() throws {
    let sections = [
      Self.section("a", run: "before"), Self.section("a", run: "after"), Self.section("b", run: "after"),
    ]
    let model = ReportModel(title: "t", sections: sections)
    let table = ReportTable.render(model, colour: false, width: 300)
    for heading in ["a on imagenet-c (run before), 20", "a on imagenet-c (run after), 20", "b on imagenet-c, 20"] {
      #expect(table.contains(heading))
    }
    #expect(table.contains("a (before)   a (after)"))
    let page = HTMLReport.render(model)
    #expect(page.contains("data-m=\"0\">a (before)</th>") && page.contains("data-m=\"1\">a (after)</th>"))
    for (name, text) in CSVReport.render(model).files {
      let keys = text.components(separatedBy: "\r\n").dropLast().map {
        $0.split(separator: ",", omittingEmptySubsequences: false).prefix(6).joined(separator: ",")
      }
      #expect(keys[0].hasPrefix("run,model,benchmark,"), "\(name)")
      let rows = Set(keys.map { $0.split(separator: ",").prefix(4).joined(separator: ",") })
      if name != "series.csv" { #expect(rows.count == keys.count, "\(name) repeats a key") }
    }
  }
}
