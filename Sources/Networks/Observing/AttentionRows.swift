import Tensors

/// The softmax of queries and keys as attention computes it, [tokens, 3, heads, channels a head], in float64.
private struct AttentionRows {
  let heads: Int
  let tokens: Int
  let headSize: Int

  init(heads: Int, _ projected: Graph.Extents) {
    (self.heads, tokens) = (heads, projected.pixels)
    headSize = projected.channels / 3 / heads
  }

  /// A head's keys, [channel][token].
  func keys(of head: Int, _ projected: UnsafeBufferPointer<Float>) -> [Double] {
    let row = 3 * heads * headSize
    return (0..<headSize).flatMap { channel in
      (0..<tokens).map { Double(projected[$0 * row + (heads + head) * headSize + channel]) }
    }
  }

  /// How much a token attends to each of those from `first` on; they add up to 1.
  func weights(
    of query: Int, head: Int, keys: [Double], from first: Int, _ projected: UnsafeBufferPointer<Float>
  ) -> [Double] {
    let start = query * 3 * heads * headSize + head * headSize
    var scores = [Double](repeating: 0, count: tokens)
    for channel in 0..<headSize {
      let value = Double(projected[start + channel])
      for token in 0..<tokens { scores[token] += value * keys[channel * tokens + token] }
    }
    let scale = 1 / Double(headSize).squareRoot()
    let largest = scores[first...].reduce(-Double.infinity, max)
    var sum = 0.0
    for token in first..<tokens {
      scores[token] = ReproducibleMath.exponential((scores[token] - largest) * scale)
      sum += scores[token]
    }
    return scores[first...].map { $0 / sum }
  }
}

/// How far each head looks, [heads]: of a patch's attention to the patches the mean distance between their middles, in pixels
/// of the image, the mean over patches (Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, figure 7). Tokens that
/// stand for no patch are left out.
struct AttentionDistance: Layer {
  let heads: Int
  /// Pixels from one patch to the next, down and across.
  let spacing: (down: Double, across: Double)

  func extents(of input: Graph.Extents) -> Graph.Extents { Graph.Extents(height: 1, width: 1, channels: heads) }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    let (rows, map) = (AttentionRows(heads: heads, preparation.from), MapView(preparation.from))
    let (heads, spacing) = (heads, spacing)
    // Distances by how many rows and columns patches are apart.
    let distances = (0..<map.pixels).map { place in
      let (down, across) = (Double(place / map.width) * spacing.down, Double(place % map.width) * spacing.across)
      return (down * down + across * across).squareRoot()
    }
    return ImageByImage(preparation) { projected, means, _, _ in
      for head in 0..<heads {
        let keys = rows.keys(of: head, projected)
        var sum = 0.0
        for query in 0..<map.pixels {
          let weights = rows.weights(of: map.first + query, head: head, keys: keys, from: map.first, projected)
          let (row, column) = (query / map.width, query % map.width)
          for (key, weight) in weights.enumerated() {
            sum += weight * distances[abs(key / map.width - row) * map.width + abs(key % map.width - column)]
          }
        }
        means[head] = Float(sum / Double(map.pixels))
      }
    }
  }
}

/// How much the class token attends to each patch, [heads, patches]; what it attends to besides is left out, so that a row
/// adds up to less than 1.
struct ClassAttention: Layer {
  let heads: Int

  func extents(of input: Graph.Extents) -> Graph.Extents {
    Graph.Extents(height: heads, width: 1, channels: MapView(input).pixels)
  }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    let (rows, map) = (AttentionRows(heads: heads, preparation.from), MapView(preparation.from))
    let heads = heads
    return ImageByImage(preparation) { projected, attention, _, _ in
      for head in 0..<heads {
        let weights = rows.weights(of: 0, head: head, keys: rows.keys(of: head, projected), from: 0, projected)
        for patch in 0..<map.pixels { attention[head * map.pixels + patch] = Float(weights[map.first + patch]) }
      }
    }
  }
}
