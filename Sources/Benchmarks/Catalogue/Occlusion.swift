import Imaging
import Records

/// Clean images, a share of which is set to 0: patches at random (see `PatchDrop`), or what a mask says is seen first, or last
/// (see `MaskDrop`). After Naseer et al., "Intriguing properties of vision transformers" (2021).
public enum Occlusion: Benchmark {
  /// `occlusion`
  public static let kind = BenchmarkKind.occlusion
  /// What is dropped, how much of it, and in which patches.
  public static let keys = ["root", "percents", "grid", "shift", "masks", "saliency", "drop", "threshold"]

  /// How large patches are, and which of them go.
  public static let making = [
    "patch_grid": "patches", "patches_dropped": "counts of dropped patches", "patch_shift": "place of patches",
    "dropped": "what is dropped", "masks_sha256": "masks", "mask_threshold": "threshold of masks",
    "saliency": "what says what is salient", "saliency_sha256": "networks that say what is salient",
  ]

  /// What manifests call patches at random.
  private static let random = "random"

  /// 10 to 90 percent of 14 x 14 patches, unless the manifest says otherwise.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    let words = [random] + MaskDrop.Part.allCases.map(\.rawValue)
    let word =
      try manifest.word("drop", known: words)
      ?? (manifest.has("masks") || manifest.has("saliency") ? MaskDrop.Part.salient.rawValue : random)
    let part = MaskDrop.Part(rawValue: word)
    try refuse(
      ["shift"], of: manifest, unless: part == nil, "only applies to random patches, not to masks: drop is \(word)")
    try refuse(
      ["masks", "saliency"], of: manifest, unless: part != nil,
      "needs one of drop: \(words.dropFirst().joined(separator: ", "))")
    try refuse(
      ["masks"], of: manifest, unless: !manifest.has("saliency"),
      "and saliency are mutually exclusive; remove one of them")
    let isOrdered = part?.isOrdered ?? true
    try refuse(
      ["percents", "grid"], of: manifest, unless: isOrdered,
      "applies to patches, but drop: \(word) uses the whole mask")
    try refuse(["threshold"], of: manifest, unless: !isOrdered, "needs drop: foreground or background, not \(word)")
    let root = try manifest.folder("root")
    let grid = try manifest.patchGrid("grid") ?? PatchGrid(side: 14)
    let percents = try manifest.integers("percents", in: 0...100) ?? Array(stride(from: 10, through: 90, by: 10))
    guard let part else {
      return .occlusion(
        name: manifest.name, root: root, percents: percents, grid: grid,
        isShifted: try manifest.flag("shift") ?? false, classes: manifest.classes)
    }
    if manifest.has("saliency") {
      guard isOrdered else {
        throw manifest.failure("drop", "drop: \(word) needs masks, not a network; saliency applies to patches")
      }
      return .occlusion(
        name: manifest.name, root: root,
        drops: try drops(manifest, isSalient: part == .salient, percents: percents, grid: grid),
        classes: manifest.classes)
    }
    guard manifest.has("masks") else {
      throw manifest.failure(
        "drop", "drop: \(word) needs masks: a folder of grey pictures" + (isOrdered ? "; or saliency: a network" : ""))
    }
    let folder = try manifest.folder("masks")
    let masks: MaskFolder
    do { masks = try MaskFolder(path: folder) } catch { throw manifest.failure("masks", "\(error)") }
    let threshold = try manifest.integer("threshold", in: 1...255) ?? 128
    return .occlusion(
      name: manifest.name, root: root, masks: masks,
      drops: isOrdered
        ? percents.map { MaskDrop(isSalient: part == .salient, grid: grid, percent: $0) }
        : [MaskDrop(isForeground: part == .foreground, threshold: threshold)], classes: manifest.classes)
  }

  private static func drops(
    _ manifest: some ManifestKeys, isSalient: Bool, percents: [Int], grid: PatchGrid
  ) throws -> [SaliencyDrop] {
    let source: SaliencyDrop.Source
    if let network = try manifest.saliencyNetwork("saliency") {
      guard !manifest.has("grid") else {
        throw manifest.failure(
          "grid", "grid is determined by the saliency network, \(network.grid); remove the key")
      }
      source = .attention(network)
    } else {
      source = .gradient(grid)
    }
    return percents.map { SaliencyDrop(isSalient: isSalient, percent: $0, source: source) }
  }

  private static func refuse(
    _ keys: [String], of manifest: some ManifestKeys, unless isRight: Bool, _ why: String
  ) throws {
    guard !isRight, let key = keys.first(where: manifest.has) else { return }
    throw manifest.failure(key, "\(key) \(why)")
  }

  /// Accuracies and their mean over the shares.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    let part = benchmark.attributes["dropped"].flatMap(MaskDrop.Part.init)
    let figures = AccuracyFigures.mean(
      over: { count in
        let shares = "over \(count) \(count == 1 ? "share" : "shares")"
        guard let part else { return "\(shares) of dropped patches" }
        return part.isOrdered
          ? "\(shares) of \(benchmark.attributes["saliency"] == nil ? "masks" : "saliency"), \(part.rawValue) patches dropped"
          : "without the \(part.rawValue)"
      }, calibratesConditions: true)
    return AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: figures, population: population)
  }
}

extension BenchmarkKind {
  /// Parts of clean images are dropped.
  public static let occlusion = BenchmarkKind("occlusion")
}

extension BenchmarkDefinition {
  /// Random occlusion of clean images, percents of the patches.
  public static func occlusion(
    name: String, root: String, percents: [Int], grid: PatchGrid = PatchGrid(side: 14), isShifted: Bool = false,
    classes: [String] = []
  ) -> BenchmarkDefinition {
    let drops = percents.map { PatchDrop(grid: grid, percent: $0, isShifted: isShifted) }
    let axis = Axis(name: "dropped_percent", values: drops.map { String($0.percent) }, isNumeric: true)
    var attributes = [
      "patch_grid": words(grid), "patches_dropped": drops.map { String($0.count) }.joined(separator: " "),
    ]
    attributes["patch_shift"] = isShifted ? "half a patch down and right" : nil
    return BenchmarkDefinition(
      kind: .occlusion, name: name, layout: PictureLayout(root: root), grid: Grid(axes: [axis]), classes: classes,
      attributes: attributes
    ) { cell in [.fit, .drop(drops[cell.index])] }
  }

  /// Occlusion of clean images by masks; all drop the same part.
  public static func occlusion(
    name: String, root: String, masks: MaskFolder, drops: [MaskDrop], classes: [String] = []
  ) -> BenchmarkDefinition {
    let isOrdered = drops.first?.part.isOrdered ?? true
    var attributes = ["masks_folder": masks.path, "masks_sha256": masks.digest]
    attributes["dropped"] = drops.first?.part.rawValue
    attributes[isOrdered ? "patch_grid" : "mask_threshold"] = drops.first.map {
      isOrdered ? words($0.grid) : String($0.threshold)
    }
    let axis =
      isOrdered
      ? Axis(name: "dropped_percent", values: drops.map { String($0.percent) }, isNumeric: true)
      : Axis(name: "dropped_part", values: drops.map(\.part.rawValue))
    return BenchmarkDefinition(
      kind: .occlusion, name: name, layout: PictureLayout(root: root), grid: Grid(axes: [axis]), classes: classes,
      attributes: attributes
    ) { cell in [.fit, .hide(drops[cell.index], masks)] }
  }

  /// Occlusion of clean images in the order in which a network looks at their patches; all drop the same part.
  public static func occlusion(
    name: String, root: String, drops: [SaliencyDrop], classes: [String] = []
  ) -> BenchmarkDefinition {
    var attributes: [String: String] = [:]
    if let drop = drops.first {
      attributes["dropped"] = (drop.isSalient ? MaskDrop.Part.salient : .nonSalient).rawValue
      attributes["patch_grid"] = words(drop.grid)
      switch drop.source {
      case .gradient: attributes["saliency"] = "gradient of the label's logit"
      case .attention(let network):
        attributes["saliency"] =
          "class token's attention in the last block of \(network.architecture), "
          + (network.head.map { "head \($0)" } ?? "mean over heads")
        attributes["saliency_sha256"] = network.checkpointDigest
      }
    }
    let axis = Axis(name: "dropped_percent", values: drops.map { String($0.percent) }, isNumeric: true)
    return BenchmarkDefinition(
      kind: .occlusion, name: name, layout: PictureLayout(root: root), grid: Grid(axes: [axis]), classes: classes,
      attributes: attributes, saliency: { drops[$0.index] })
  }

  /// A grid of as many rows as columns is one number.
  private static func words(_ grid: PatchGrid) -> String {
    grid.rows == grid.columns ? String(grid.rows) : grid.description
  }
}
