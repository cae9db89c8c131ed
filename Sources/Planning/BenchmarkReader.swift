import Benchmarks
import Durable
import Foundation
import Imaging

/// Benchmarks in a manifest.
extension ManifestReader {
  func benchmark(_ node: ManifestNode, _ models: [ModelSpecification]) throws -> BenchmarkDefinition {
    guard case .mapping(let mapping) = node.node, let kindNode = mapping["kind"] else {
      throw node.failure("\(node.path) must be a mapping with the key \"kind\"")
    }
    let kind = try ManifestNode(node: kindNode, file: file, path: node.path + ".kind").choice(
      BenchmarkKind.allCases.map { (word: $0.rawValue, value: $0) })
    // Of several sets each image has its fellows in the others, which a sample of all would tear apart.
    let isSampled =
      kind.benchmark.subsets.isEmpty && !kind.benchmark.keys.contains("images")
      && kind.benchmark.keys.contains { $0 == "root" || $0 == "from" }
    let keys = try node.mapping(
      known: ["kind", "name", "classes", "scored", "models"] + (isSampled ? ["images"] : []) + kind.benchmark.keys)
    let answersAmongAll = try answersAmongAll(kind, keys["classes"])
    var benchmark = try kind.benchmark.definition(
      Keys(
        reader: self, node: node, models: models, keys: keys, name: try keys["name"]?.identifier() ?? kind.rawValue,
        classes: answersAmongAll ? [] : try classes(keys["classes"])))
    benchmark.answersAmongAll = answersAmongAll
    benchmark.isScored =
      try keys["scored"]?.choice([(word: "true", value: true), (word: "false", value: false)]) ?? true
    if isSampled, let node = keys["images"] { benchmark = benchmark.sampling(try sample(node)) }
    if let node = keys["models"] {
      benchmark.models = try node.sequence().map { try $0.choice(models.map { (word: $0.name, value: $0.name) }) }
      guard !benchmark.models.isEmpty, Set(benchmark.models).count == benchmark.models.count else {
        throw node.failure("\(node.path) must list different names of the run's models")
      }
    }
    return benchmark
  }

  /// So many images, or the file that lists them.
  private func sample(_ node: ManifestNode) throws -> ImageSample {
    guard node.node.int == nil, case .scalar = node.node else {
      return ImageSample(try node.integer(in: 1...1_000_000))
    }
    let path = try existing(node, folder: false)
    guard let bytes = try? FileTree.contents(of: path), let text = String(validating: bytes, as: UTF8.self) else {
      throw node.failure("\(path) is not a text file that lists images")
    }
    let names = ImageSample.names(in: text)
    guard (1...1_000_000).contains(names.count) else {
      throw node.failure("\(path) lists \(names.count) images, but must list from 1 to 1000000, one per line")
    }
    return ImageSample(names: names)
  }

  /// Whether `classes: all` asks for the largest of all outputs.
  private func answersAmongAll(_ kind: BenchmarkKind, _ node: ManifestNode?) throws -> Bool {
    guard let node, node.node.string == "all", kind != .imagenet9 else { return false }
    guard kind.benchmark.mayAnswerAmongAll else {
      let kinds = BenchmarkKind.allCases.filter { $0.benchmark.mayAnswerAmongAll }.map(\.rawValue)
      throw node.failure(
        "classes: all is for \(kinds.joined(separator: " and ")); \(kind) takes a list of class folders, or a JSON file that "
          + "holds one")
    }
    return true
  }

  /// What the catalogue reads.
  private struct Keys: ManifestKeys {
    let reader: ManifestReader
    let node: ManifestNode
    let models: [ModelSpecification]
    let keys: [String: ManifestNode]
    let name: String
    let classes: [String]

    func has(_ key: String) -> Bool { keys[key] != nil }

    func failure(_ key: String?, _ problem: String) -> any Error {
      guard let key, let node = keys[key] else { return node.failure("\(node.path): \(problem)") }
      return node.failure(problem)
    }

    func folder(_ key: String) throws -> String {
      try reader.existing(reader.required(key, in: keys, of: node), folder: true)
    }

    func file(_ key: String) throws -> String? { try keys[key].map { try reader.existing($0, folder: false) } }

    func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? { try keys[key]?.integer(in: range) }

    func integers(_ key: String, in range: ClosedRange<Int>) throws -> [Int]? {
      guard let list = keys[key] else { return nil }
      let numbers = try list.sequence().map { try $0.integer(in: range) }
      guard !numbers.isEmpty, Set(numbers).count == numbers.count else {
        throw list.failure("\(key) must be different numbers from \(range.lowerBound) to \(range.upperBound)")
      }
      return numbers
    }

    func number(_ key: String, above low: Double, upTo high: Double) throws -> Double {
      try reader.required(key, in: keys, of: node).number(above: low, upTo: high)
    }

    func patchGrid(_ key: String) throws -> PatchGrid? { try keys[key]?.patchGrid() }

    func patchGrids(_ key: String) throws -> [PatchGrid]? {
      guard let list = keys[key] else { return nil }
      let grids = try list.sequence().map { try $0.patchGrid() }
      guard !grids.isEmpty, Set(grids).count == grids.count else {
        throw list.failure("\(key) must be different grids such as 2x2 or 4x8")
      }
      return grids
    }

    func fraction(_ key: String, above low: Double, upTo high: Double) throws -> Double? {
      try keys[key]?.fraction(above: low, upTo: high)
    }

    func fractions(
      _ key: String, above low: Double, upTo high: Double
    ) throws -> [(text: String, value: Double)]? {
      guard let list = keys[key] else { return nil }
      let numbers = try list.sequence().map { (text: try $0.text(), value: try $0.fraction(above: low, upTo: high)) }
      guard !numbers.isEmpty, Set(numbers.map(\.value)).count == numbers.count else {
        throw list.failure("\(list.path) must be a list of different numbers, such as 1/255")
      }
      return numbers
    }

    func saliencyNetwork(_ key: String) throws -> SaliencyNetwork? {
      guard let entry = keys[key], entry.node.string != "gradient" else { return nil }
      return try reader.saliencyNetwork(entry, models)
    }

    func word(_ key: String, known: [String]) throws -> String? {
      try keys[key]?.choice(known.map { (word: $0, value: $0) })
    }

    func words(_ key: String, known: [String]) throws -> [String]? {
      guard let list = keys[key], list.node.string != "all" else { return nil }
      let words = try list.sequence().map { try $0.choice(known.map { (word: $0, value: $0) }) }
      guard !words.isEmpty, Set(words).count == words.count else {
        throw list.failure("\(list.path) must be all, or a list of different names")
      }
      return words
    }

    func mappings(_ key: String, known: [String], keys wanted: [String]) throws -> [String: Keys]? {
      try keys[key]?.mapping(known: known).mapValues { entry in
        Keys(
          reader: reader, node: entry, models: models, keys: try entry.mapping(known: wanted), name: name,
          classes: classes)
      }
    }
  }

  /// The class folders' names in class-index order: a list, or a JSON file that holds one.
  private func classes(_ node: ManifestNode?) throws -> [String] {
    guard let node else { return [] }
    let names: [String]
    if case .sequence = node.node {
      names = try node.sequence().map { try $0.text() }
    } else {
      let path = try existing(node, folder: false)
      guard let bytes = try? FileTree.contents(of: path),
        let list = try? JSONDecoder().decode([String].self, from: Data(bytes))
      else { throw node.failure("\(path) is not a JSON list of class names") }
      names = list
    }
    guard !names.isEmpty, Set(names.map { ExactText($0) }).count == names.count else {
      throw node.failure("\(node.path) must list different class names")
    }
    return names
  }
}
