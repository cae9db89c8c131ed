import Imaging

/// What of a network's input is set to 0, in the order in which a network looks at its patches: what it sees first, or last.
/// After Naseer et al., "Intriguing properties of vision transformers" (2021), who ask a transformer that was trained without
/// labels (DINO).
public struct SaliencyDrop: Sendable, Hashable, Codable {
  /// Who says which patches are salient.
  public enum Source: Sendable, Hashable, Codable {
    /// How much the class token of a transformer attends to each patch in its last block.
    case attention(SaliencyNetwork)
    /// Over each patch the sum of magnitudes of the evaluated network's own gradient of the label's logit.
    case gradient(PatchGrid)
  }

  /// Whether the salient patches go first, not the others.
  public let isSalient: Bool
  /// How much of the saliency is dropped, percent.
  public let percent: Int
  /// Who says it.
  public let source: Source

  /// A share of the saliency.
  public init(isSalient: Bool, percent: Int, source: Source) {
    (self.isSalient, self.percent, self.source) = (isSalient, percent, source)
  }

  /// The patches.
  public var grid: PatchGrid {
    switch source {
    case .attention(let network): network.grid
    case .gradient(let grid): grid
    }
  }

  /// The numbers of the patches that are dropped, ascending.
  ///
  /// As in the authors' code: with the patches in ascending order and the sums c of their shares, in float32, those of
  /// c > 1 - l are the fewest that hold at least a share l. Of equal patches the first is taken as the less salient one.
  ///
  /// - Parameter saliency: of each patch, finite and not negative, in any unit.
  public func patches(of saliency: [Float]) -> [Int] {
    guard percent > 0, percent < 100 else { return percent > 0 ? Array(saliency.indices) : [] }
    let share = Double(isSalient ? percent : 100 - percent) / 100
    let bound = Float(1 - share)
    let all = Float(saliency.reduce(0.0) { $0 + Double($1) })
    // Where nothing is salient, all patches are alike.
    guard all > 0 else { return saliency.isEmpty ? [] : patches(of: saliency.map { _ in 1 }) }
    var (sum, seen) = (0.0, Set<Int>())
    for patch in saliency.indices.sorted(by: {
      saliency[$0] == saliency[$1] ? $0 < $1 : saliency[$0] < saliency[$1]
    }) {
      sum += Double(saliency[patch] / all)
      if Float(sum) > bound { seen.insert(patch) }
    }
    return saliency.indices.filter { seen.contains($0) == isSalient }
  }

  /// Sets the dropped patches of an image to 0.
  ///
  /// - Parameters:
  ///   - values: `[height][width][3]`.
  ///   - saliency: of each patch.
  public func apply(to values: inout [Float], size: PictureSize, saliency: [Float]) {
    for patch in patches(of: saliency) {
      let place = grid.pixels(of: patch, in: size)
      for row in place.rows {
        let start = 3 * (row * size.width + place.columns.lowerBound)
        for index in start..<(start + 3 * place.columns.count) { values[index] = 0 }
      }
    }
  }
}

/// A transformer whose class token says which patches are salient.
public struct SaliencyNetwork: Sendable, Hashable, Codable {
  /// The architecture's name; its checkpoint may lack the head.
  public let architecture: String
  /// The checkpoint's absolute path.
  public let checkpoint: String
  /// SHA-256 of the checkpoint, hexadecimal.
  public let checkpointDigest: String
  /// Which head of the last block, from 0; nil: the mean of all.
  public let head: Int?
  /// Its patches.
  public let grid: PatchGrid
  /// The mean of its input's colours.
  public let mean: [Float]
  /// The standard deviation of its input's colours.
  public let std: [Float]

  /// A transformer.
  public init(
    architecture: String, checkpoint: String, checkpointDigest: String, head: Int?, grid: PatchGrid, mean: [Float],
    std: [Float]
  ) {
    (self.architecture, self.checkpoint, self.checkpointDigest) = (architecture, checkpoint, checkpointDigest)
    (self.head, self.grid, self.mean, self.std) = (head, grid, mean, std)
  }
}
