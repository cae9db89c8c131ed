import Benchmarks
import Imaging
import Networks

/// A model that a Python callable computes, in workers that have it: `engine: python`. This program prepares its pictures and
/// keeps its answers, and knows nothing else of it.
public struct PythonModel: Sendable, Hashable, Codable {
  /// What computes it, in the user's words: for the record.
  public let callable: String
  /// How many logits it gives.
  public let classes: Int

  /// A model as a manifest says it is.
  package init(callable: String, classes: Int) { (self.callable, self.classes) = (callable, classes) }
}

extension ModelSpecification {
  /// The architecture that this program computes; nil of a model that Python computes.
  ///
  /// - Throws: `PlanningError.unknown`, or `CheckpointError` where the checkpoint does not tell what it is.
  package func ownArchitecture() throws -> Architecture? {
    guard python == nil else { return nil }
    guard let found = try Architecture.named(architecture, checkpoint: checkpoint) else {
      throw PlanningError.unknown(model: name, architecture: architecture)
    }
    return found
  }

  /// What computes it, and of which file, in words.
  public var summary: String {
    let what = python.map { "Python, \($0.callable), \($0.classes) classes" } ?? architecture
    return checkpoint.isEmpty ? what : "\(what), \(checkpoint)"
  }

  /// The digest of its checkpoint as that is now; nothing of one that has none.
  ///
  /// - Throws: a file error.
  func digest() throws -> String {
    guard python != nil else { return try FileDigest.checkpoint(checkpoint) }
    return checkpoint.isEmpty ? "" : try FileDigest.sha256(of: checkpoint)
  }

  /// How many outputs the model has, as its checkpoint says; as the manifest says where Python computes it.
  ///
  /// - Throws: `CheckpointError` for one that cannot be read or does not fit.
  func outputs() throws -> Int {
    if let python { return python.classes }
    return try ownArchitecture()?.classCount(of: checkpoint) ?? 0
  }
}

// MARK: - In a manifest

extension ManifestReader {
  /// The architecture of a model that Python computes, as archives have it.
  static let pythonArchitecture = "python"

  /// A model that Python computes. All that is known of it is in the manifest, so nothing of its pictures' preparation has a
  /// default that could be wrong unseen.
  func pythonModel(_ node: ManifestNode, _ keys: [String: ManifestNode]) throws -> ModelSpecification {
    for key in ["architecture", "precision", "gemm"] {
      guard let found = keys[key] else { continue }
      throw found.failure("\(found.path) is only for models computed by gauntlet; remove it, or remove engine: python")
    }
    let callable = try required("callable", in: keys, of: node).text()
    guard callable.utf8.count <= 1_000 else { throw node.failure("\(node.path).callable is longer than 1000 bytes") }
    let name = try required("name", in: keys, of: node)
    let checkpoint = try keys["checkpoint"].map { try existing($0, folder: false) }
    return ModelSpecification(
      name: try modelName(name), architecture: Self.pythonArchitecture, checkpoint: checkpoint ?? "",
      checkpointDigest: "", gemm: .native, precision: .fp32,
      preprocessing: try wholePreprocessing(try required("preprocess", in: keys, of: node)),
      python: PythonModel(
        callable: callable, classes: try required("classes", in: keys, of: node).integer(in: 1...1 << 24)))
  }

  /// How pictures are prepared for a model of which nothing else is known.
  private func wholePreprocessing(_ node: ManifestNode) throws -> Preprocessing {
    let keys = try node.mapping(known: Self.preprocessKeys)
    func needed(_ key: String) throws -> ManifestNode { try required(key, in: keys, of: node) }
    let crop = try needed("crop").integer(in: 1...4096)
    let resize = try needed("resize").integer(in: 1...4096)
    guard resize >= crop else { throw node.failure("resize is \(resize), smaller than the crop of \(crop)") }
    return Preprocessing(
      resize: resize, crop: crop,
      interpolation: try needed("interpolation").choice(Interpolation.allCases.map { ($0.rawValue, $0) }),
      mean: try channels(try needed("mean"), named: ImageStatistics.imageNetMean, positive: false),
      std: try channels(try needed("std"), named: ImageStatistics.imageNetStandardDeviation, positive: true))
  }
}

// MARK: - What it cannot be asked

extension Plan {
  /// Refuses what asks a model that Python computes for more than logits.
  ///
  /// - Throws: `ManifestError`.
  func checkPythonModels(_ file: String) throws {
    for model in manifest.models where model.python != nil {
      for benchmark in manifest.benchmarks {
        let isEvaluated = benchmark.evaluates(model.name)
        guard isEvaluated || benchmark.observed == .transferredLogits, let need = benchmark.needOfNetwork else {
          continue
        }
        let others = manifest.models.filter { $0.python == nil }.map(\.name)
        let advice =
          benchmark.observed == .transferredLogits
          ? "evaluate it in a run of the other models"
          : "list the models that it is for, as in models: [\(others.isEmpty ? "NAME" : others.joined(separator: ", "))]"
        throw ManifestError(
          file: file, line: nil, column: nil,
          problem:
            "\(benchmark.name) \(need), but \(model.name) is computed by Python, which gives only logits; \(advice)")
      }
    }
  }

  /// The models that Python computes, as workers name them.
  public var pythonModels: [String] { manifest.models.filter { $0.python != nil }.map(\.name) }

  /// Whether this program computes a model at all.
  public var hasOwnModels: Bool { manifest.models.contains { $0.python == nil } }

  /// What whoever starts the run must do for models that Python computes: a sentence for each.
  public func pythonAdvice(folder: String) -> [String] {
    pythonModels.map { name in
      "\(name) needs workers of its own: in Python, gauntlet.work(\"\(folder)\", model=..., name=\"\(name)\")"
    }
  }
}

extension BenchmarkDefinition {
  /// What it does with a network beside asking for its logits, in words; nil where nothing.
  fileprivate var needOfNetwork: String? {
    switch observed {
    case .logits: break
    case .transferredLogits: return "transfers images from model to model"
    case .features, .attentionDistance, .kernelDistance, .receptiveField: return "looks into networks"
    case .gradients: return "needs gradients"
    }
    for condition in conditions {
      if condition.attack != nil { return "attacks networks" }
      if condition.lesion != nil { return "leaves blocks out of networks" }
      if condition.asksNetworks { return "takes saliency from networks" }
    }
    return nil
  }
}
