import Imaging
import Records

/// Clean images in class folders, a share of whose patches is set to 0 at random (see `PatchDrop`).
public enum Occlusion: Benchmark {
  /// `occlusion`
  public static let kind = BenchmarkKind.occlusion
  /// Shares in percent, and patches a side.
  public static let keys = ["root", "percents", "grid"]

  /// How large patches are.
  public static let making = ["patch_grid": "patches", "patches_dropped": "counts of dropped patches"]

  /// 10 to 90 percent of 14 x 14 patches, unless the manifest says otherwise.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    .occlusion(
      name: manifest.name, root: try manifest.folder("root"),
      percents: try manifest.integers("percents", in: 0...100) ?? Array(stride(from: 10, through: 90, by: 10)),
      patchGrid: try manifest.integer("grid", in: 1...256) ?? 14, classes: manifest.classes)
  }

  private static let figures = AccuracyFigures.mean(
    over: { "over \($0) \($0 == 1 ? "share" : "shares") of dropped patches" }, calibratesConditions: true)

  /// Accuracies and their mean over the shares.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: figures, population: population)
  }
}

extension BenchmarkKind {
  /// Patches of clean images are dropped.
  public static let occlusion = BenchmarkKind("occlusion")
}

extension BenchmarkDefinition {
  /// Random occlusion of clean images, percents of the patches.
  public static func occlusion(
    name: String, root: String, percents: [Int], patchGrid: Int, classes: [String] = []
  ) -> BenchmarkDefinition {
    let axis = Axis(name: "dropped_percent", values: percents.map(String.init), isNumeric: true)
    let drops = percents.map { PatchDrop(gridSide: patchGrid, percent: $0) }
    return BenchmarkDefinition(
      kind: .occlusion, name: name, layout: PictureLayout(root: root), grid: Grid(axes: [axis]), classes: classes,
      attributes: [
        "patch_grid": String(patchGrid), "patches_dropped": drops.map { String($0.count) }.joined(separator: " "),
      ]
    ) { cell in [.fit, .drop(drops[cell.index])] }
  }
}
