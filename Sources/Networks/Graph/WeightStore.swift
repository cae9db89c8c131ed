import Synchronization

/// Packed weights of one model, shared by all programs that are made of it: a program that leaves out a block, or gives
/// more than logits, packs nothing a second time. A ViT's last block is computed of the class token's row alone, so a block
/// that becomes the last one, or is it no more, is packed in the other form, too.
final class WeightStore: Sendable {
  private let packed = Mutex<[Key: any Sendable]>([:])

  private struct Key: Hashable, @unchecked Sendable {
    /// Immutable: a layer's description, all of whose parts are values.
    let layer: AnyHashable
    let options: ComputeOptions
    let from: Graph.Extents
    let takesProductsInBlocks: Bool
  }

  /// What `make` gave for this layer on these extents before, or gives now.
  func shared<Packed: Sendable>(
    _ layer: some Hashable & Sendable, _ preparation: Preparation, make: () throws(CheckpointError) -> Packed
  ) throws(CheckpointError) -> Packed {
    let key = Key(
      layer: AnyHashable(layer), options: preparation.options, from: preparation.from,
      takesProductsInBlocks: preparation.takesProductsInBlocks)
    if let known = packed.withLock({ $0[key] }) as? Packed { return known }
    // Two layers at once may make the same; the first to come stays.
    let made = try make()
    return packed.withLock { packed in
      if let known = packed[key] as? Packed { return known }
      packed[key] = made
      return made
    }
  }
}
