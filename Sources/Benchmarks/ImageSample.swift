import Tensors

/// A part of a benchmark's images that is drawn at random, the same one whatever the run's seed.
public struct ImageSample: Sendable, Hashable, Codable {
  /// Images, at most.
  public let count: Int

  /// So many images.
  public init(_ count: Int) { self.count = count }

  /// The images that are drawn, in their order: those whose paths have the smallest hashes. A larger sample holds a smaller one.
  func drawn(of paths: [String]) -> [String] {
    guard paths.count > count else { return paths }
    let hashes = paths.map { StableHash.of("sample\t" + $0) }
    let chosen = Set(
      paths.indices.sorted { hashes[$0] == hashes[$1] ? $0 < $1 : hashes[$0] < hashes[$1] }.prefix(count))
    return paths.indices.filter(chosen.contains).map { paths[$0] }
  }
}
