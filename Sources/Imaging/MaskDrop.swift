/// Occlusion by a mask: what the mask says is seen first, or last, is set to 0.
///
/// Naseer et al., "Intriguing properties of vision transformers" (2021), order patches by the attention of a network that was trained
/// without labels (DINO). Here a mask is a grey picture, from wherever; a patch has the share of the mask's sum that lies in it.
public struct MaskDrop: Sendable, Hashable, Codable {
  /// What is dropped.
  public enum Part: String, Sendable, Hashable, Codable, CaseIterable {
    /// The fewest patches, those of largest shares, that hold at least some percents of the mask.
    case salient
    /// All but the fewest patches that hold at least the rest: at most those percents, of the smallest shares.
    case nonSalient = "non-salient"
    /// The pixels where the mask is as bright as a threshold.
    case foreground
    /// The others.
    case background

    /// Whether patches are put in order and a share of the mask is dropped.
    public var isOrdered: Bool { self == .salient || self == .nonSalient }
  }

  /// What is dropped.
  public let part: Part
  /// The patches that are put in order.
  public let grid: PatchGrid
  /// How much of the mask is dropped, percent.
  public let percent: Int
  /// The least value of the foreground.
  public let threshold: Int

  /// A share of the mask, in the order of its patches.
  ///
  /// - Parameter isSalient: whether the largest shares go first.
  public init(isSalient: Bool, grid: PatchGrid, percent: Int) {
    (part, self.grid, self.percent, threshold) = (isSalient ? .salient : .nonSalient, grid, percent, 0)
  }

  /// All of the foreground or background.
  public init(isForeground: Bool, threshold: Int) {
    (part, grid, percent) = (isForeground ? .foreground : .background, PatchGrid(side: 1), 100)
    self.threshold = threshold
  }

  /// The picture without what is dropped.
  ///
  /// - Parameter mask: a picture whose sides go into the picture's; its red is what counts.
  /// - Throws: `ImageError.wrongSize` for a mask that does not fit.
  public func apply(_ image: RGBImage, mask: RGBImage) throws(ImageError) -> RGBImage {
    guard mask.width > 0, mask.height > 0, image.width % mask.width == 0, image.height % mask.height == 0 else {
      throw .wrongSize(
        width: mask.width, height: mask.height,
        expected:
          "a mask must have the size of its picture, or of what the network takes (\(image.size)) or of a patch a pixel of it"
      )
    }
    guard part.isOrdered else { return dropped(image, mask) }
    guard grid.divides(image.size) else {
      throw .wrongSize(width: image.width, height: image.height, expected: "sides must be multiples of \(grid)")
    }
    let shares = shares(mask, image.size)
    guard shares.contains(where: { $0 > 0 }) else {
      throw .wrongSize(
        width: mask.width, height: mask.height, expected: "its mask is all black, so its patches cannot be ordered"
      )
    }
    return image.without(patches(of: shares).lazy.map { self.grid.pixels(of: $0, in: image.size) })
  }

  /// The numbers of the patches that are dropped, ascending.
  ///
  /// With the shares in ascending order, of equal ones the first first, and their sums c of 1: a patch is among the fewest that hold at
  /// least a share l where c > 1 - l. Sums are of whole numbers, so that no rounding decides.
  ///
  /// - Parameter shares: of each patch, in any unit.
  public func patches(of shares: [Int]) -> [Int] {
    let bound = part == .salient ? 100 - percent : percent
    // A mask may have patches of no share, which no sum reaches.
    guard percent > 0, percent < 100 else { return percent > 0 ? Array(shares.indices) : [] }
    let all = shares.reduce(0, +)
    var (sum, salient) = (0, [Int]())
    for patch in shares.indices.sorted(by: { shares[$0] == shares[$1] ? $0 < $1 : shares[$0] < shares[$1] }) {
      sum += shares[patch]
      if 100 * sum > bound * all { salient.append(patch) }
    }
    guard part != .salient else { return salient.sorted() }
    let seen = Set(salient)
    return shares.indices.filter { !seen.contains($0) }
  }

  /// The sum of a mask over each patch of a picture that it covers.
  private func shares(_ mask: RGBImage, _ size: PictureSize) -> [Int] {
    (0..<grid.count).map { patch in
      let place = grid.pixels(of: patch, in: size)
      return place.rows.reduce(0) { sum, row in
        place.columns.reduce(sum) { $0 + value(of: mask, row, $1, size) }
      }
    }
  }

  private func value(of mask: RGBImage, _ row: Int, _ column: Int, _ size: PictureSize) -> Int {
    let place = row * mask.height / size.height * mask.width + column * mask.width / size.width
    return Int(mask.pixels[3 * place])
  }

  private func dropped(_ image: RGBImage, _ mask: RGBImage) -> RGBImage {
    var pixels = image.pixels
    for row in 0..<image.height {
      for column in 0..<image.width
      where (value(of: mask, row, column, image.size) >= threshold) == (part == .foreground) {
        for channel in 0..<3 { pixels[3 * (row * image.width + column) + channel] = 0 }
      }
    }
    return RGBImage(width: image.width, height: image.height, pixels: pixels)
  }
}
