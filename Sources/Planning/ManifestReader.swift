import Benchmarks
import Durable
import Foundation
import Imaging
import Kernels
import Networks
import Records
import Yams

/// Reads a manifest and refuses what cannot be run, before anything starts.
public struct ManifestReader {
  let file: String
  private let folder: String

  /// A reader of the manifest at `file`; relative paths in it are taken from the manifest's own folder.
  public init(file: String) {
    self.file = file
    folder = URL(fileURLWithPath: file).standardizedFileURL.deletingLastPathComponent().path
  }

  /// The largest manifest that is read, bytes; a person does not write a longer one.
  static let maximumBytes = 4 << 20

  /// Reads the file.
  ///
  /// - Throws: `ManifestError` with line and column of the first thing that cannot be used.
  public func read() throws -> Manifest { try parse(contents()) }

  /// The file's text.
  ///
  /// - Throws: `ManifestError` where it cannot be read, is no text or too long.
  public func contents() throws -> String {
    guard let handle = FileHandle(forReadingAtPath: file) else {
      throw ManifestError(file: file, line: nil, column: nil, problem: "no such manifest, or permission denied")
    }
    defer { try? handle.close() }
    let data: Data
    do {
      // Nothing at all is the end of an empty file.
      data = try handle.read(upToCount: Self.maximumBytes + 1) ?? Data()
    } catch {
      throw ManifestError(
        file: file, line: nil, column: nil, problem: "the manifest cannot be read: \(error.systemReason)")
    }
    guard data.count <= Self.maximumBytes, let text = String(data: data, encoding: .utf8) else {
      throw ManifestError(file: file, line: nil, column: nil, problem: "is not UTF-8 text of at most 4 MiB")
    }
    return text
  }

  func root(of text: String) throws -> ManifestNode {
    ManifestNode(node: try compose(text), file: file, path: "the manifest")
  }

  /// The manifest's sections by name.
  func sections(of root: ManifestNode) throws -> [String: ManifestNode] {
    try root.mapping(known: ["run", "seed", "models", "benchmarks", "sharding", "output", "cluster"])
  }

  /// Parses a manifest's text, with this reader's file name in errors and its folder for relative paths.
  package func parse(_ text: String) throws -> Manifest {
    let root = try root(of: text)
    let keys = try sections(of: root)
    _ = try keys["cluster"].map { try cluster($0) }
    let models = try required("models", in: keys, of: root).sequence().map(model)
    let benchmarks = try required("benchmarks", in: keys, of: root).sequence().map { try benchmark($0, models) }
    if models.isEmpty { throw root.failure("models is empty; name at least one model") }
    if benchmarks.isEmpty { throw root.failure("benchmarks is empty; name at least one benchmark") }
    try refuseTwins(models.map(\.name), what: "model", in: keys["models"] ?? root)
    try refuseTwins(benchmarks.map(\.name), what: "benchmark", in: keys["benchmarks"] ?? root)
    return Manifest(
      run: try required("run", in: keys, of: root).identifier(),
      seed: UInt64(try keys["seed"]?.integer(in: 0...Int.max) ?? 0),
      models: models, benchmarks: benchmarks,
      sharding: try keys["sharding"].map(sharding) ?? Sharding(),
      output: try keys["output"].map(output) ?? OutputOptions())
  }

  private func compose(_ text: String) throws -> Node {
    guard AliasBound.allows(text) else {
      throw ManifestError(
        file: file, line: nil, column: nil,
        problem: "its aliases (*NAME) expand to too much; write out their contents")
    }
    do {
      if let node = try Yams.compose(yaml: text) { return node }
    } catch let error as YamlError {
      switch error {
      case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
        .composer(_, let problem, let mark, _):
        throw ManifestError(file: file, line: mark.line, column: mark.column, problem: "not valid YAML: \(problem)")
      case .duplicatedKeysInMapping(let duplicates, let context):
        let key = duplicates.first ?? ""
        throw ManifestError(
          file: file, line: secondLine(of: key, in: text, from: context.mark.line), column: context.mark.column,
          problem: "duplicate key \"\(key)\"; remove one")
      default: throw ManifestError(file: file, line: nil, column: nil, problem: "not valid YAML: \(error.sentence)")
      }
    }
    throw ManifestError(file: file, line: 1, column: 1, problem: "is empty; see docs/manifest.md for an example")
  }

  /// Where a key stands the second time; the parser only marks the mapping that holds both.
  private func secondLine(of key: String, in text: String, from firstLine: Int) -> Int {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let matches = lines.indices.dropFirst(max(0, firstLine - 1)).filter { index in
      lines[index].drop { $0 == " " || $0 == "-" }.hasPrefix(key + ":")
    }
    return (matches.dropFirst().first ?? firstLine - 1) + 1
  }

  func required(
    _ key: String, in keys: [String: ManifestNode], of parent: ManifestNode
  ) throws -> ManifestNode {
    guard let node = keys[key] else { throw parent.failure("\(parent.path): missing key \"\(key)\"") }
    return node
  }

  func refuseTwins(_ names: [String], what: String, in node: ManifestNode) throws {
    var seen = Set<String>()
    for name in names where !seen.insert(name).inserted {
      throw node.failure("duplicate \(what) name \"\(name)\"; rename one with the key \"name\"")
    }
  }

  func absolute(_ path: String) -> String {
    let expanded = (path as NSString).expandingTildeInPath
    let url = URL(fileURLWithPath: expanded, relativeTo: URL(fileURLWithPath: folder, isDirectory: true))
    return url.standardizedFileURL.path
  }

  func existing(_ node: ManifestNode, folder wanted: Bool) throws -> String {
    let path = absolute(try node.text())
    if wanted && FileTree.isFolder(path) { return path }
    if wanted {
      do { try FileTree.checkArchive(of: path) } catch { throw node.failure("\(node.path): \(error.sentence)") }
      if let advice = FileTree.archiveAdvice(path) { throw node.failure("\(node.path) is \(path): \(advice)") }
    }
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw node.failure("\(node.path) is \(path), which does not exist")
    }
    if !wanted, let refusal = CheckpointReader.refusal(ofFolder: path) {
      throw node.failure("\(node.path): \(refusal)")
    }
    guard isDirectory.boolValue == wanted else {
      throw node.failure("\(node.path) is \(path), which is \(wanted ? "not a folder" : "a folder, not a file")")
    }
    return path
  }
}

// MARK: - Models

extension ManifestReader {
  func model(_ node: ManifestNode) throws -> ModelSpecification {
    let keys = try node.mapping(
      known: [
        "name", "engine", "architecture", "checkpoint", "precision", "gemm", "preprocess", "callable", "classes",
      ])
    let isPython: Bool = try keys["engine"]?.choice([(word: "native", value: false), ("python", true)]) ?? false
    if isPython { return try pythonModel(node, keys) }
    for key in ["callable", "classes"] {
      guard let found = keys[key] else { continue }
      throw found.failure("\(found.path) is only for models computed by Python; add engine: python, or remove it")
    }
    let checkpointNode = try required("checkpoint", in: keys, of: node)
    let checkpoint = try existing(checkpointNode, folder: false)
    let architecture = try architecture(keys["architecture"], of: checkpoint, checkpointNode, in: node)
    let gemm =
      try keys["gemm"]?.choice([(word: "native", value: GEMMBackend.native), ("openblas", .openblas)]) ?? .native
    let precision =
      try keys["precision"]?.choice([(word: "fp32", value: Precision.fp32), ("bf16", .bf16)]) ?? .fp32
    if precision == .bf16, gemm != .native, let node = keys["gemm"] {
      throw node.failure("precision bf16 needs gemm native: OpenBLAS computes in fp32")
    }
    let name =
      try keys["name"].map { try modelName($0) } ?? modelName(Self.usualName(architecture, checkpoint), node)
    return ModelSpecification(
      name: name,
      architecture: architecture.name,
      checkpoint: checkpoint,
      checkpointDigest: "",
      gemm: gemm,
      precision: precision,
      preprocessing: try preprocessing(keys["preprocess"], for: architecture, beside: checkpointNode, checkpoint),
      outputNote: architecture.outputNote)
  }

  /// What a model's `preprocess` may say.
  static let preprocessKeys = ["resize", "crop", "interpolation", "mean", "std"]

  func modelName(_ node: ManifestNode) throws -> String { try modelName(try node.identifier(), node) }

  private func modelName(_ name: String, _ node: ManifestNode) throws -> String {
    guard !ArchiveNames.reserved.contains(name) else {
      throw node.failure(
        "a model cannot be named \"\(name)\", the name of a group of the archive; rename it with the key \"name\"")
    }
    guard name != "gradient" else {
      throw node.failure("a model cannot be named \"gradient\", which has another meaning under the key saliency")
    }
    return name
  }

  /// The architecture that a manifest names, perhaps with the side of its images; an ONNX model tells its own.
  func architecture(
    _ node: ManifestNode?, of checkpoint: String, _ checkpointNode: ManifestNode, in model: ManifestNode
  ) throws -> Architecture {
    let isONNX = CheckpointReader.isONNX(checkpoint)
    func told() throws -> Architecture {
      do {
        return try .onnx(checkpoint)
      } catch {
        throw checkpointNode.failure(error.sentence)
      }
    }
    guard let node else {
      guard isONNX else { throw model.failure("\(model.path): missing key \"architecture\"") }
      return try told()
    }
    let word = try node.text()
    guard let at = word.firstIndex(of: "@") else {
      let named: Architecture? = try node.choice(
        Architecture.all.map { (word: $0.name, value: $0) } + [(word: Architecture.onnxName, value: nil)])
      if let named { return named }
      guard isONNX else { throw node.failure("\(node.path) is onnx, but \(checkpoint) is not an ONNX model") }
      return try told()
    }
    guard let plain = Architecture.named(String(word[..<at])) else {
      throw node.failure(
        "\(node.path) is \"\(word.prefix(60))\", which is not a known architecture; see gauntlet models")
    }
    guard let resized = Int(word[word.index(after: at)...]).flatMap(plain.resized) else {
      throw node.failure(
        "\(node.path) is \"\(word)\", but \(plain.name) does not take images of that size; convolutional networks take any side "
          + "from 16 to 2048 pixels, ViT multiples of its patch")
    }
    return resized
  }

  private static func usualName(_ architecture: Architecture, _ checkpoint: String) -> String {
    let name =
      architecture.name == Architecture.onnxName
      ? URL(fileURLWithPath: checkpoint).deletingPathExtension().lastPathComponent : architecture.name
    return String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" })
  }

  /// What a manifest says of a model's pictures; what it leaves out is as the `config.json` beside the checkpoint has it, if there
  /// is one of timm's for images of that size, and else as the architecture's weights were published.
  func preprocessing(
    _ node: ManifestNode?, for architecture: Architecture, beside checkpointNode: ManifestNode, _ checkpoint: String
  ) throws -> Preprocessing {
    let side = architecture.inputHeight
    var usual = architecture.defaultPreprocessing
    do {
      if let found = try PretrainedConfiguration(beside: checkpoint), found.side == side { usual = found.preprocessing }
    } catch {
      // Who says all of it needs no file.
      if node?.hasAll(Self.preprocessKeys) != true { throw checkpointNode.failure(error.description) }
    }
    let keys = try node?.mapping(known: Self.preprocessKeys) ?? [:]
    let crop = try keys["crop"]?.integer(in: 1...4096) ?? side
    if let node = keys["crop"], crop != side {
      throw node.failure("crop is \(crop), but \(architecture.name) takes \(side)x\(side) images")
    }
    let resize = try keys["resize"]?.integer(in: 1...4096) ?? usual.resize ?? side
    if let node = keys["resize"], resize < crop {
      throw node.failure("resize is \(resize), smaller than the crop of \(crop)")
    }
    return Preprocessing(
      resize: resize, crop: crop,
      interpolation: try keys["interpolation"]?.choice(
        Interpolation.allCases.map { (word: $0.rawValue, value: $0) }) ?? usual.interpolation,
      mean: try keys["mean"].map { try channels($0, named: ImageStatistics.imageNetMean, positive: false) }
        ?? usual.mean,
      std: try keys["std"].map { try channels($0, named: ImageStatistics.imageNetStandardDeviation, positive: true) }
        ?? usual.std)
  }

  /// `imagenet`, one number, or a list of three.
  func channels(_ node: ManifestNode, named imagenet: [Float], positive: Bool) throws -> [Float] {
    if node.node.string == "imagenet" { return imagenet }
    let numbers: [Double?]
    if case .sequence = node.node {
      numbers = try node.sequence().map(\.node.float)
    } else {
      numbers = [node.node.float]
    }
    let values = numbers.compactMap { $0 }.filter { $0.isFinite && (!positive || $0 > 0) }.map(Float.init)
    guard values.count == numbers.count, values.count == 1 || values.count == 3 else {
      throw node.failure("\(node.path) must be imagenet, one \(positive ? "positive " : "")number, or a list of three")
    }
    return values.count == 1 ? [values[0], values[0], values[0]] : values
  }
}

/// The channel statistics that the manifest's word `imagenet` stands for, of values in 0...1, in RGB order.
public enum ImageStatistics {
  /// Means of the colours of ImageNet's photographs.
  public static let imageNetMean: [Float] = [0.485, 0.456, 0.406]
  /// Their standard deviations.
  public static let imageNetStandardDeviation: [Float] = [0.229, 0.224, 0.225]
}

// MARK: - Sharding, output

extension ManifestReader {
  private func sharding(_ node: ManifestNode) throws -> Sharding {
    let keys = try node.mapping(known: ["images", "smallest", "seconds", "attempts", "lease"])
    var sharding = Sharding()
    if let images = keys["images"] { sharding.images = try images.integer(in: 1...10_000) }
    if let smallest = keys["smallest"] { sharding.smallest = try smallest.integer(in: 1...10_000) }
    if let seconds = keys["seconds"] { sharding.seconds = try seconds.seconds(in: 0.1...86_400) }
    if let attempts = keys["attempts"] { sharding.attempts = try attempts.integer(in: 1...100) }
    if let lease = keys["lease"] { sharding.leaseSeconds = try lease.seconds(in: 0.1...86_400) }
    return sharding
  }

  private func output(_ node: ManifestNode) throws -> OutputOptions {
    let keys = try node.mapping(known: ["logits", "compression"])
    _ = try keys["logits"]?.choice([(word: "float32", value: true)])
    let compressed: Bool = try keys["compression"]?.choice([(word: "gzip", value: true), ("none", false)]) ?? true
    return OutputOptions(compressed: compressed)
  }
}

/// Bounds what the aliases of a YAML text stand for together. The parser compares the keys of mappings by all that they
/// hold, so that thirty lines of aliases to aliases would keep it busy for good.
private enum AliasBound {
  /// Nodes that all aliases of a text may stand for.
  private static let nodes = 10_000_000
  /// Anchors, and aliases, of a text.
  private static let names = 1_000

  /// Whether a text's aliases are few enough. What an anchor holds is over-estimated: all from its place up to its first use,
  /// a node each two bytes, and what the aliases in between stand for.
  static func allows(_ text: String) -> Bool {
    var sizes: [Substring: Int] = [:]
    var open: Set<Substring> = []
    var (total, aliases) = (0, 0)
    var (place, offset) = (text.startIndex, 0)
    var starts: [Substring: Int] = [:]
    for token in text.matches(of: #/(&|\*)([A-Za-z0-9_-]+)/#) {
      let name = token.output.2
      offset += text.utf8.distance(from: place, to: token.range.lowerBound)
      place = token.range.lowerBound
      if token.output.1 == "&" {
        sizes[name, default: 0] += 1
        starts[name] = offset
        open.insert(name)
        guard sizes.count <= names else { return false }
      } else if var size = sizes[name] {
        if open.remove(name) != nil {
          size += (offset - (starts[name] ?? 0)) / 2
          sizes[name] = size
        }
        aliases += 1
        total += size
        guard aliases <= names, total <= nodes else { return false }
        for other in open { sizes[other, default: 0] += size }
      }
    }
    return true
  }
}
