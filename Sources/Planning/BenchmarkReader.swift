import Benchmarks
import Durable
import Foundation
import Imaging
import Videos

/// Benchmarks in a manifest.
extension ManifestReader {
  func benchmark(_ node: ManifestNode) throws -> BenchmarkDefinition {
    guard case .mapping(let mapping) = node.node, let kindNode = mapping["kind"] else {
      throw node.failure("\(node.path) must be a mapping with the key \"kind\"")
    }
    let kind = try ManifestNode(node: kindNode, file: file, path: node.path + ".kind").choice(
      BenchmarkKind.allCases.map { (word: $0.rawValue, value: $0) })
    var benchmark =
      switch kind {
      case .imagenetC: try corruptions(node)
      case .imagenetP: try perturbations(node)
      case .occlusion: try occlusion(node)
      default: try imageSets(node, kind: kind)
      }
    if let scored = mapping["scored"] {
      benchmark.isScored = try ManifestNode(node: scored, file: file, path: node.path + ".scored").choice([
        (word: "true", value: true), (word: "false", value: false),
      ])
    }
    return benchmark
  }

  /// Benchmarks of one condition: what sets of images there are follows from the kind's recipe.
  private func imageSets(_ node: ManifestNode, kind: BenchmarkKind) throws -> BenchmarkDefinition {
    let recipe = kind.recipe
    let folders = Set(recipe.subsets.map(\.key) + ["root"]).sorted()
    let keys = try node.mapping(known: ["kind", "name", "classes", "scored"] + folders)
    let root = try existing(required("root", in: keys, of: node), folder: true)
    if FileTree.isWebDataset(root), kind != .imagenetVal, kind != .imageFolder {
      throw node.failure("\(kind.rawValue) takes its classes from folders, which shards of a WebDataset do not have")
    }
    if case .numberedFolders = recipe.classes, let classes = keys["classes"] {
      throw classes.failure(
        "\(kind.rawValue) takes its classes from the two digits that start its folders' names; take away \(classes.path)"
      )
    }
    var subsets: [ImageSubset] = []
    for subset in recipe.subsets {
      if keys[subset.key] == nil && !subset.isRequired { continue }
      let place = try required(subset.key, in: keys, of: node)
      let folder = try existing(place, folder: true) + (subset.path.isEmpty ? "" : "/" + subset.path)
      guard FileTree.isFolder(folder) else {
        throw place.failure("\(kind.rawValue) needs the folder \(folder), which does not exist")
      }
      subsets.append(ImageSubset(name: subset.name, folder: folder, isRestricted: subset.isRestricted))
    }
    return BenchmarkDefinition(
      kind: kind, name: try keys["name"]?.identifier() ?? kind.rawValue,
      layout: PictureLayout(root: root, subsets: subsets), classes: try classes(keys["classes"]))
  }

  private func occlusion(_ node: ManifestNode) throws -> BenchmarkDefinition {
    let keys = try node.mapping(known: ["kind", "name", "root", "classes", "scored", "percents", "grid"])
    let percents =
      try keys["percents"]?.sequence().map { try $0.integer(in: 0...100) }
      ?? Array(
        stride(from: 10, through: 90, by: 10))
    if let list = keys["percents"], Set(percents).count != percents.count || percents.isEmpty {
      throw list.failure("percents must be different numbers from 0 to 100")
    }
    return .occlusion(
      name: try keys["name"]?.identifier() ?? BenchmarkKind.occlusion.rawValue,
      root: try existing(required("root", in: keys, of: node), folder: true), percents: percents,
      patchGrid: try keys["grid"]?.integer(in: 1...256) ?? 14, classes: try classes(keys["classes"]))
  }

  private func corruptions(_ node: ManifestNode) throws -> BenchmarkDefinition {
    let keys = try node.mapping(known: [
      "kind", "name", "root", "from", "corruptions", "severities", "classes", "scored", "jpeg", "frost",
    ])
    let origin = try origin(keys, of: node)
    let isLive = if case .madeFrom = origin { true } else { false }
    for key in ["jpeg", "frost"] where !isLive {
      if let option = keys[key] { throw option.failure("\(key) is for corruptions made on the fly, with from") }
    }
    let known = isLive ? Corruption.allCases.map(\.rawValue) : ImageNetC.corruptions
    let severities = try keys["severities"]?.sequence().map { try $0.integer(in: 1...5) } ?? [1, 2, 3, 4, 5]
    if let twin = keys["severities"], Set(severities).count != severities.count || severities.isEmpty {
      throw twin.failure("severities must be different numbers from 1 to 5")
    }
    let definition = BenchmarkDefinition.corruptions(
      name: try keys["name"]?.identifier() ?? BenchmarkKind.imagenetC.rawValue, origin: origin,
      corruptions: try names(keys["corruptions"], known: known), severities: severities,
      classes: try classes(keys["classes"]),
      making: CorruptionMaking(
        jpegQuality: try keys["jpeg"]?.integer(in: 1...100), frost: try keys["frost"].map(frost)))
    for cell in definition.grid.cells where !isLive {
      _ = try existingFolder(of: cell, in: definition, "\(cell)", node)
    }
    return definition
  }

  /// The folder of a cell of published files.
  private func existingFolder(
    of cell: GridCell, in definition: BenchmarkDefinition, _ name: String, _ node: ManifestNode
  ) throws -> String {
    let folder = definition.folder(of: cell)
    guard !FileTree.isFolder(folder) else { return folder }
    do { try definition.layout.checkArchives(of: cell) } catch { throw node.failure("\(node.path): \(error.sentence)") }
    throw node.failure("\(node.path) asks for \(name), but there is no folder \(folder)")
  }

  private func frost(_ node: ManifestNode) throws -> FrostFolder {
    let path = try existing(node, folder: true)
    do {
      let frost = try FrostFolder(path: path)
      _ = try frost.pictures()
      return frost
    } catch { throw node.failure(error.sentence) }
  }

  /// ImageNet-P: frames are counted in the first files of each perturbation, or known where they are made on the fly.
  private func perturbations(_ node: ManifestNode) throws -> BenchmarkDefinition {
    let keys = try node.mapping(known: [
      "kind", "name", "root", "from", "perturbations", "classes", "scored", "normalise_by",
    ])
    let origin = try origin(keys, of: node)
    let name = try keys["name"]?.identifier() ?? BenchmarkKind.imagenetP.rawValue
    let names = try names(
      keys["perturbations"], known: ImageNetP.perturbations, all: ImageNetP.standardPerturbations)
    let unsteadiness = try keys["normalise_by"].map(unsteadiness) ?? [:]
    func definition(_ frameCounts: [Int]) throws -> BenchmarkDefinition {
      .perturbations(
        name: name, origin: origin, perturbations: names, frameCounts: frameCounts,
        classes: try classes(keys["classes"]), unsteadiness: unsteadiness)
    }
    if case .madeFrom = origin {
      return try definition(names.map { Perturbation(rawValue: $0)?.frameCount ?? 0 })
    }
    let single = try definition(names.map { _ in 1 })
    return try definition(
      single.grid.cells.map { cell in
        let folder = try existingFolder(of: cell, in: single, cell.values[0], node)
        let count = try frameCount(below: folder)
        guard count > 1 else {
          throw node.failure(
            "the videos below \(folder) have \(count) frame, but a sequence has at least two to compare")
        }
        return count
      })
  }

  /// How many frames the sequences below a folder have: the most of the first few that can be decoded, since one that is
  /// damaged or cut short says nothing of the others.
  private func frameCount(below folder: String) throws -> Int {
    var counts: [Int] = []
    var reason: any Error = ListingError.noImages(folder)
    for path in try FileTree.firstFiles(below: folder, suffix: "mp4", count: FirstPictures.tries) {
      do {
        counts.append(try VideoDecoder.frameCount(of: FileTree.contents(of: path), name: path))
        if counts.count == 3 { break }
      } catch {
        if case ListingError.noImages = reason { reason = error }
      }
    }
    guard let most = counts.max() else { throw reason }
    return most
  }

  /// AlexNet's figures: a mapping from perturbations to `{flip_rate: , top5_distance: }`.
  private func unsteadiness(_ node: ManifestNode) throws -> [String: Unsteadiness] {
    try node.mapping(known: ImageNetP.perturbations).mapValues { entry in
      let keys = try entry.mapping(known: ["flip_rate", "top5_distance"])
      return Unsteadiness(
        flipRate: try required("flip_rate", in: keys, of: entry).number(above: 0, upTo: 1),
        top5Distance: try required("top5_distance", in: keys, of: entry).number(above: 0, upTo: 15))
    }
  }

  private func origin(_ keys: [String: ManifestNode], of node: ManifestNode) throws -> ImageOrigin {
    switch (keys["root"], keys["from"]) {
    case (let root?, nil): return .published(root: try existing(root, folder: true))
    case (nil, let from?): return .madeFrom(root: try existing(from, folder: true))
    default: throw node.failure("\(node.path) needs either root (published files) or from (clean images), not both")
    }
  }

  /// Some of the known names, each once; without a list, or for `all`, those of `all`.
  private func names(_ node: ManifestNode?, known: [String], all: [String]? = nil) throws -> [String] {
    guard let node, node.node.string != "all" else { return all ?? known }
    let names = try node.sequence().map { try $0.choice(known.map { (word: $0, value: $0) }) }
    guard !names.isEmpty, Set(names).count == names.count else {
      throw node.failure("\(node.path) must be all, or a list of different names")
    }
    return names
  }

  /// The class folders' names in class-index order: a list, or a JSON file that holds one.
  private func classes(_ node: ManifestNode?) throws -> [String] {
    guard let node else { return [] }
    let names: [String]
    if case .sequence = node.node {
      names = try node.sequence().map { try $0.text() }
    } else {
      let path = try existing(node, folder: false)
      guard let data = FileManager.default.contents(atPath: path),
        let list = try? JSONDecoder().decode([String].self, from: data)
      else { throw node.failure("\(path) is no JSON list of class names") }
      names = list
    }
    guard !names.isEmpty, Set(names.map { ExactText($0) }).count == names.count else {
      throw node.failure("\(node.path) must list different class names")
    }
    return names
  }
}
