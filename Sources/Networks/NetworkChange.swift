/// What is done to a network before it is computed.
public struct NetworkChange: Sendable, Hashable, Codable {
  /// The names of blocks that are left out: what they would give is what they take.
  public let leftOut: [String]

  /// A network without some blocks.
  public init(leavingOut blocks: [String]) { leftOut = blocks }

  /// Nothing.
  public static let none = NetworkChange(leavingOut: [])
}

/// A change that a network does not allow.
public enum NetworkChangeError: Error, Equatable, CustomStringConvertible {
  /// The network has no block of this name.
  case noSuchBlock(String)
  /// What the block gives is of another shape than what it takes.
  case changesShape(String)

  /// What was found.
  public var description: String {
    switch self {
    case .noSuchBlock(let path): "the network has no block \(path)"
    case .changesShape(let path):
      "the block \(path) cannot be left out: its output has a different shape from its input"
    }
  }
}

extension Architecture {
  /// The names of the blocks that can be left out, from the image on.
  ///
  /// - Parameters:
  ///   - halves: whether they are the halves of units, such as a transformer's attentions and perceptrons.
  ///   - isStudied: whether they are only those that studies take: of RepLKNet the third stage's.
  public func removableBlocks(halves: Bool, studied isStudied: Bool) -> [String] {
    let graph = graph
    let blocks = graph.namedBlocks.filter { graph.extents[$0.input] == graph.extents[$0.output] }
    return blocks.filter { $0.isHalf == halves && (!isStudied || $0.path.hasPrefix(design.studiedBlocks)) }
      .map(\.path)
  }
}
