import Benchmarks
import Foundation
import Records
import Reporting
import Testing

/// What single sections say: of how many images a figure is, its interval, and how pictures were prepared.
@Suite struct SectionTextTests {
  private func section(
    _ kind: BenchmarkKind, sets: [ReportedSet] = [], _ values: [(String, Double)], images: Int = 500,
    attributes: [String: String] = [:]
  ) -> ReportSection {
    ReportSection(
      model: "net", benchmark: kind.rawValue, axes: [],
      metrics: values.map { Metric(name: $0.0, description: "", axes: [], values: [$0.1]) }, imageCount: images,
      sets: sets, attributes: ["benchmark_kind": kind.rawValue].merging(attributes) { $1 }, facts: [])
  }

  private func table(_ section: ReportSection) -> String {
    ReportTable.render(ReportModel(title: "t", sections: [section]), colour: false, width: 300)
  }

  private func page(_ section: ReportSection) -> String {
    HTMLReport.render(ReportModel(title: "t", sections: [section]))
  }

  @Test("The first figure is the benchmark's own, with its interval and its images; ImageNet-O's is AUPR")
  func headlines() {
    let outside = section(
      .imagenetO, sets: [ReportedSet(name: "out", imageCount: 400), ReportedSet(name: "in", imageCount: 600)],
      [
        ("top1", 0.994), ("top1_low", 0.98), ("top1_high", 0.998), ("aupr", 0.92), ("aupr_low", 0.9),
        ("aupr_high", 0.94),
        ("auroc", 0.9), ("fpr95", 0.548), ("evaluated", 999), ("evaluated_out", 400), ("evaluated_in", 599),
      ], images: 1000)
    #expect(
      page(outside).contains(
        "<tbody><tr><th scope=\"row\"><a href=\"#d0\">AUPR</a> (%) \u{2191} <small>400 images of out and 599 of 600 of in"
          + "</small></th><td data-m=\"0\" data-v=\"0.92\">92.0* <small>[90.0, 94.0]</small></td>"))
    let text = table(outside)
    #expect(text.contains("net on imagenet-o, 400 images of out, 600 of in"))
    #expect(text.contains("  AUPR 92.0 % [90.0, 94.0]; 400 images of out and 599 of 600 of in"))
    #expect(text.contains("  top-1 99.4 % [98.0, 99.8]; 599 of 600 images of in"))
    let clean = section(
      .imagenetVal,
      [("top1", 0.994), ("top1_low", 0.98), ("top1_high", 0.998), ("top5", 0.999), ("evaluated", 500)])
    #expect(page(clean).contains("<p class=\"finding\">top-1: 99.4 % [98.0, 99.8].</p>"))
    #expect(
      page(clean).contains(
        ">top-5</a> (%) \u{2191} <small>500 images</small></th><td data-m=\"0\" data-v=\"0.999\">99.9</td>"))
  }

  @Test("Counts of ImageNet-9 and -R are of the set that a figure is of")
  func sets() {
    let variants = ImageNet9.variants.map { ReportedSet(name: $0, imageCount: 500) }
    let figures = ImageNet9.variants.flatMap { [("top1_" + $0, 0.5), ("evaluated_" + $0, 500.0)] }
    let nine = table(
      section(
        .imagenet9, sets: variants, figures + [("top1", 0.992), ("bg_gap", 0.012), ("evaluated", 4000)], images: 4000))
    for line in [
      "net on imagenet-9, 8 sets of 500 images", "  top-1 99.2 %; 500 images of original",
      "  BG-gap 1.2 points; 500 images of mixed_same and 500 of mixed_rand",
    ] { #expect(nine.contains(line + "\n"), "\(line)\n\(nine)") }
    // In the catalogue's order.
    let order = ["    original", "    mixed_same", "    only_fg", "    only_bg_t"].compactMap {
      nine.range(of: $0)?.lowerBound
    }
    #expect(order.count == 4 && order == order.sorted())
    let r = table(
      section(
        .imagenetR, sets: [ReportedSet(name: "renditions", imageCount: 30), ReportedSet(name: "val", imageCount: 10)],
        [("top1", 0.5), ("top1_renditions", 0.5), ("top1_val", 0.9), ("val_gap", 0.4)], images: 40))
    #expect(r.contains("30 images of renditions, 10 of val") && r.contains("top-1 50.0 %; 30 images of renditions"))
  }

  @Test("How many were evaluated stands beside a figure")
  func evaluated() {
    let text = table(section(.imagenetA, [("top1", 1), ("evaluated", 1)], images: 2))
    #expect(text.contains("top-1 100.0 %; 1 of 2 images *"))
    #expect(text.contains("* incomplete: 1 of 2 images evaluated"))
    #expect(table(section(.imagenetA, [("top1", .nan), ("evaluated", 0)], images: 2)).contains("nothing evaluated"))
  }

  @Test("An interval that one decimal would make a point has two")
  func narrowIntervals() {
    let text = table(
      section(
        .imagenetVal,
        [("top1", 0.994), ("aurra", 0.99981), ("aurra_low", 0.99961), ("aurra_high", 0.99992), ("evaluated", 500)]))
    #expect(text.contains("AURRA 99.98 % [99.96, 99.99]"))
  }

  @Test("One line says how pictures were prepared, in the table and on the page")
  func preparation() {
    let imagenet = ["preprocess_mean": "0.485 0.456 0.406", "preprocess_std": "0.229 0.224 0.225"]
    let resized = ["preprocess_resize": "256", "preprocess_crop": "224", "preprocess_interpolation": "bicubic"]
    func line(_ kind: BenchmarkKind, _ attributes: [String: String]) -> String? {
      let section = section(kind, [("top1", 0.5), ("evaluated", 500)], attributes: attributes)
      let lines = table(section).components(separatedBy: "\n")
      let line = lines.first { $0.hasPrefix("  pictures: ") }
      if let line { #expect(page(section).contains(HTMLText.escaped(String(line.dropFirst("  pictures: ".count))))) }
      return line
    }
    #expect(
      line(.imagenetVal, imagenet.merging(resized) { $1 })
        == "  pictures: resize 256, crop 224, bicubic, mean 0.485 0.456 0.406, std 0.229 0.224 0.225")
    let half = ["preprocess_mean": "0.5 0.5 0.5", "preprocess_std": "0.5 0.5 0.5"]
    #expect(line(.imagenetA, half) == "  pictures: neither resized nor cropped, mean 0.5, std 0.5")
    let all = half.merging(resized) { $1 }
    #expect(
      line(.imagenetC, all)
        == "  pictures: published files of the network's size: taken as they are, mean 0.5, std 0.5")
    let resizedFiles = ["published_files": "224x224: resize 384, crop 384, bicubic, since the network takes 384x384"]
    #expect(line(.imagenetP, all.merging(resizedFiles) { $1 })?.contains("files of 224x224: resize 384") == true)
    #expect(
      line(.imagenetC, all.merging(["corruptions": "made on the fly, seed 7"]) { $1 })?.contains("resize 256") == true)
    #expect(line(.imagenetVal, [:]) == nil)
  }
}

private enum HTMLText {
  static func escaped(_ text: String) -> String { text.replacing("'", with: "&#39;") }
}
