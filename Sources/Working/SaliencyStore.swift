import Benchmarks
import Crypto
import Foundation
import Networks
import Planning
import Synchronization

/// Networks that say what is salient, and what they said of images: the conditions of a benchmark drop more and more of the
/// same images.
final class SaliencyStore: Sendable {
  private struct Key: Hashable {
    let network: SaliencyNetwork
    /// SHA-256 of the values.
    let image: Data
  }

  private struct State {
    var networks: [SaliencyNetwork: Loaded] = [:]
    var known: [Key: [Float]] = [:]
    /// The keys in the order in which they came.
    var order: [Key] = []
  }

  private struct Loaded {
    let network: AttentionNetwork
    var idle: [Idle] = []
  }

  /// Handed from thread to thread, each of which has it alone.
  private struct Idle: @unchecked Sendable {
    let observer: Observer
  }

  /// Numbers that are remembered, 40 MB.
  private static let most = 10_000_000

  private let batch: Int
  private let charge: @Sendable (Int) -> Void
  private let state = Mutex(State())
  private let loading = Mutex(())

  /// - Parameter charge: told the bytes that networks take.
  init(batch: Int, charge: @escaping @Sendable (Int) -> Void) { (self.batch, self.charge) = (batch, charge) }

  /// How much the class token attends to each patch, of each image.
  ///
  /// - Parameter values: [count, height, width, 3] in [0, 1].
  /// - Throws: `RunFolderError.changedCheckpoint`, or what reading the checkpoint throws.
  func attention(of values: [Float], count: Int, by network: SaliencyNetwork) throws -> [[Float]] {
    guard count > 0 else { return [] }
    let size = values.count / count
    let images = (0..<count).map { values[($0 * size)..<(($0 + 1) * size)] }
    let keys = images.map { Key(network: network, image: Self.digest(of: $0)) }
    var found = state.withLock { state in keys.map { state.known[$0] } }
    let missing = found.indices.filter { found[$0] == nil }
    for start in stride(from: 0, to: missing.count, by: batch) {
      let places = Array(missing[start..<min(start + batch, missing.count)])
      for (place, shares) in zip(places, try look(places.map { images[$0] }, by: network)) { found[place] = shares }
    }
    remember(missing.compactMap { place in found[place].map { (keys[place], $0) } })
    return found.map { $0 ?? [] }
  }

  private static func digest(of values: ArraySlice<Float>) -> Data {
    values.withUnsafeBytes { Data(SHA256.hash(data: $0)) }
  }

  private func remember(_ entries: [(key: Key, shares: [Float])]) {
    state.withLock { state in
      for (key, shares) in entries where state.known.updateValue(shares, forKey: key) == nil { state.order.append(key) }
      let patches = entries.first?.shares.count ?? 1
      let surplus = max(0, state.order.count - Self.most / max(1, patches))
      for key in state.order.prefix(surplus) { state.known[key] = nil }
      state.order.removeFirst(surplus)
    }
  }

  private func look(_ images: [ArraySlice<Float>], by network: SaliencyNetwork) throws -> [[Float]] {
    let loaded = try load(network)
    let idle = state.withLock { $0.networks[network]?.idle.popLast() }
    let observer = idle?.observer ?? loaded.makeObserver(maximumBatch: batch)
    if idle == nil { charge(observer.needs.session) }
    let lent = Idle(observer: observer)
    defer { state.withLock { $0.networks[network]?.idle.append(lent) } }
    var values = images.flatMap { $0 }
    for start in stride(from: 0, to: values.count, by: 3) {
      for colour in 0..<3 {
        values[start + colour] = (values[start + colour] - network.mean[colour]) / network.std[colour]
      }
    }
    let seen = try values.withUnsafeBufferPointer { try observer.observe($0, count: images.count) }
    let (heads, patches) = (loaded.heads, network.grid.count)
    return images.indices.map { image in
      let rows = seen[0][(image * heads * patches)..<((image + 1) * heads * patches)]
      func share(_ head: Int, _ patch: Int) -> Float { rows[rows.startIndex + head * patches + patch] }
      if let head = network.head { return (0..<patches).map { share(head, $0) } }
      return (0..<patches).map { patch in
        Float((0..<heads).reduce(0.0) { $0 + Double(share($1, patch)) } / Double(heads))
      }
    }
  }

  /// One thread loads a network, others wait for it.
  private func load(_ network: SaliencyNetwork) throws -> AttentionNetwork {
    if let known = state.withLock({ $0.networks[network]?.network }) { return known }
    return try loading.withLock { _ in
      if let known = state.withLock({ $0.networks[network]?.network }) { return known }
      guard try FileDigest.checkpoint(network.checkpoint) == network.checkpointDigest else {
        throw RunFolderError.changedCheckpoint(model: network.architecture, path: network.checkpoint)
      }
      guard let architecture = try Architecture.named(network.architecture, checkpoint: network.checkpoint) else {
        throw ShardExchangeError.malformed("this worker does not know the architecture \(network.architecture)")
      }
      let made = try AttentionNetwork(architecture, checkpoint: network.checkpoint)
      charge(made.byteCount)
      state.withLock { $0.networks[network] = Loaded(network: made) }
      return made
    }
  }
}
