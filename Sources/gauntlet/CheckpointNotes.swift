import Imaging
import Networks
import Planning

/// What a user should know of a checkpoint besides its tensors.
enum CheckpointNotes {
  /// Which architectures it fits, and what its names do not tell.
  static func lines(of checkpoint: Checkpoint, _ matching: [Architecture]) -> [String] {
    var lines: [String] = []
    if let entry = checkpoint.record.entry {
      let others = checkpoint.record.otherEntries
      let rest = others.isEmpty ? "" : "; it also holds \(others.joined(separator: ", "))"
      lines.append("read from its entry \(entry)\(rest)")
    }
    guard !matching.isEmpty else {
      let reason = checkpoint.whyNothingFits ?? "export the network to ONNX (docs/models.md)"
      return lines + ["matches no architecture that Gauntlet knows: \(reason)"]
    }
    lines.append("fits \(matching.map(\.name).joined(separator: ", "))")
    if let choice = checkpoint.likeliestArchitecture(), let note = note(on: choice) { lines.append(note) }
    for architecture in matching {
      let twins = architecture.lookalikes
      guard !twins.isEmpty else { continue }
      lines.append(
        "names and shapes do not distinguish \(architecture.name) from timm's \(twins.joined(separator: " and ")), which compute "
          + "otherwise")
    }
    return lines
  }

  /// All that keeps a checkpoint from fitting an architecture.
  static func misfits(of checkpoint: Checkpoint, to name: String) throws -> [String] {
    guard let architecture = try Architecture.named(name, checkpoint: checkpoint.path) else {
      throw UsageError("unknown architecture \(name); see gauntlet models")
    }
    do {
      try checkpoint.checkFits(architecture)
      return []
    } catch CheckpointError.unfit(_, let problems, _) {
      return problems
    }
  }

  /// What was assumed where several architectures fit that prepare pictures differently; nil where nothing was.
  static func note(on choice: ArchitectureChoice) -> String? {
    let usual = choice.architecture.defaultPreprocessing
    let others = choice.others.filter { $0.defaultPreprocessing != usual }
    guard let other = others.first else { return nil }
    return
      "taken to be \(choice.architecture.name), \(choice.reason ?? "the first match"): pictures are prepared with "
      + "\(text(usual)); as \(other.name) it would be \(text(other.defaultPreprocessing))"
  }

  /// Size, filter and mean in words.
  static func text(_ preprocessing: Preprocessing) -> String {
    let mean = preprocessing.mean == [0.5, 0.5, 0.5] ? "mean 0.5" : "mean of ImageNet"
    return "\(preprocessing.resize.map(String.init) ?? "as it is"), \(preprocessing.interpolation.rawValue), \(mean)"
  }
}
