import Foundation

/// The architecture that a checkpoint is taken for, where several fit its names and shapes.
public struct ArchitectureChoice: Sendable {
  /// The one that is taken.
  public let architecture: Architecture
  /// What speaks for it, such as the file's name; nil where it is only the first that fits.
  public let reason: String?
  /// Others that fit as well.
  public let others: [Architecture]

  /// An architecture, with what speaks for it and what else fits.
  public init(architecture: Architecture, reason: String?, others: [Architecture]) {
    (self.architecture, self.reason, self.others) = (architecture, reason, others)
  }
}

extension Checkpoint {
  /// The architecture that the checkpoint is likeliest of; nil where none fits. Of several that fit, the one is taken that
  /// the file itself names, or a config.json beside it, or the name of the file or of its folder.
  public func likeliestArchitecture() -> ArchitectureChoice? {
    let matching = matchingArchitectures()
    guard matching.count > 1 else {
      return matching.first.map { ArchitectureChoice(architecture: $0, reason: nil, others: []) }
    }
    let url = URL(fileURLWithPath: path)
    let hints = [
      (record.architecture, "as the file says itself"), (configuredArchitecture, "as config.json beside it says"),
      (url.deletingPathExtension().lastPathComponent, "by the file's name"),
      (url.deletingLastPathComponent().lastPathComponent, "by the folder's name"),
    ]
    for case (let hint?, let reason) in hints {
      guard let found = Self.named(by: hint, of: matching) else { continue }
      return ArchitectureChoice(
        architecture: found, reason: reason, others: matching.filter { $0.name != found.name })
    }
    return ArchitectureChoice(architecture: matching[0], reason: nil, others: Array(matching.dropFirst()))
  }

  /// What speaks against an architecture that fits as well as another: pictures may be prepared otherwise.
  public func doubt(about name: String) -> String? {
    guard let choice = likeliestArchitecture(), let reason = choice.reason, choice.architecture.name != name,
      choice.others.contains(where: { $0.name == name })
    else { return nil }
    return
      "the checkpoint is taken as \(name), as the manifest says, but \(reason) it is \(choice.architecture.name), whose "
      + "pictures may be prepared differently"
  }

  /// The one whose name, or else whose family's name, a text holds.
  private static func named(by text: String, of matching: [Architecture]) -> Architecture? {
    let text = text.lowercased().replacing("-", with: "_")
    let whole = matching.filter { text.contains($0.name) }.max { $0.name.count < $1.name.count }
    if let whole { return whole }
    let families = matching.filter { text.contains($0.name.prefix { $0 != "_" }) }
    return families.count == 1 ? families[0] : nil
  }

  /// What timm writes beside the weights that it publishes.
  private var configuredArchitecture: String? {
    let config = URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent("config.json").path
    guard let file = try? CheckpointFile(config), file.size < 1 << 20,
      let json = try? JSONSerialization.jsonObject(with: Data(file.read(offset: 0, count: file.size)))
    else { return nil }
    return (json as? [String: Any])?["architecture"] as? String
  }
}
