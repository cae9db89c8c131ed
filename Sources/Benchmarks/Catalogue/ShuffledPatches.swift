import Imaging
import Records

/// Clean images whose patches stand in a random order: how much does a network lean on how a picture hangs together? After
/// Naseer et al., "Intriguing properties of vision transformers" (2021).
public enum ShuffledPatches: Benchmark {
  /// `patch-shuffle`
  public static let kind = BenchmarkKind.shuffledPatches
  /// Into how many patches.
  public static let keys = ["root", "grids"]

  /// The authors' seven grids, unless the manifest says otherwise.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    let sides = [(2, 2), (2, 4), (4, 4), (4, 8), (8, 8), (14, 14), (16, 16)]
    return .shuffledPatches(
      name: manifest.name, root: try manifest.folder("root"),
      grids: try manifest.patchGrids("grids") ?? sides.map { PatchGrid(rows: $0, columns: $1) },
      classes: manifest.classes)
  }

  /// Accuracies and their mean over the grids.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    let figures = AccuracyFigures.mean(cells: .curve) {
      "over \($0) \($0 == 1 ? "grid" : "grids") of shuffled patches"
    }
    return AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: figures, population: population)
  }
}

extension BenchmarkKind {
  /// The patches of clean images are put in another order.
  public static let shuffledPatches = BenchmarkKind("patch-shuffle")
}

extension BenchmarkDefinition {
  /// Clean images whose patches are shuffled, a condition a grid.
  public static func shuffledPatches(
    name: String, root: String, grids: [PatchGrid], classes: [String] = []
  ) -> BenchmarkDefinition {
    BenchmarkDefinition(
      kind: .shuffledPatches, name: name, layout: PictureLayout(root: root),
      grid: Grid(axes: [Axis(name: "grid", values: grids.map(\.description))]), classes: classes
    ) { cell in [.fit, .shuffle(PatchShuffle(grid: grids[cell.index]))] }
  }
}
