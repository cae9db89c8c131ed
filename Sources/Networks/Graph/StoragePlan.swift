/// Which buffer each value lies in: worked out once, a buffer taken again as soon as its value was read last.
///
/// The first layers of a convolutional network read few weights and write large maps. They are computed image by image,
/// so that the maps stay in the cache; their buffers are as large as one image needs.
struct StoragePlan: Sendable {
  /// A buffer's size in numbers, and whether it is of one image or of each image of the batch.
  struct Buffer: Sendable, Equatable {
    var count: Int
    let isOfOneImage: Bool
  }

  /// The layers before this one are computed image by image.
  let batchStart: Int
  /// The buffer of each value; -1 for the image and the outputs, which the caller owns.
  let placement: [Int]
  let buffers: [Buffer]

  /// Numbers that all buffers take, for up to a number of images.
  func count(maximumBatch: Int) -> Int {
    buffers.reduce(0) { $0 + $1.count * ($1.isOfOneImage ? 1 : maximumBatch) }
  }

  init(_ graph: Graph) {
    let lastUse = graph.lastUses
    let batchStart = Self.batchStart(graph, lastUse)
    var placement = [Int](repeating: -1, count: graph.extents.count)
    var buffers: [Buffer] = []
    var busyUntil: [Int] = []
    for (index, node) in graph.nodes.enumerated() {
      if graph.outputs.contains(node.output) { continue }
      let count = graph.extents[node.output].count
      // What the last of the first layers gives is kept for all images.
      let isOfOneImage = index + 1 < batchStart
      let free = buffers.indices.filter { busyUntil[$0] < index && buffers[$0].isOfOneImage == isOfOneImage }
      // An input's own, then the smallest that is large enough, or else the largest, which grows.
      let chosen =
        graph.overwritten(by: node, lastUse: lastUse, at: index).map { placement[$0] }.first {
          $0 >= 0 && buffers[$0].isOfOneImage == isOfOneImage
        } ?? free.filter { buffers[$0].count >= count }.min { buffers[$0].count < buffers[$1].count }
        ?? free.max { buffers[$0].count < buffers[$1].count }
      if let chosen {
        buffers[chosen].count = max(buffers[chosen].count, count)
        busyUntil[chosen] = lastUse[node.output]
      } else {
        buffers.append(Buffer(count: count, isOfOneImage: isOfOneImage))
        busyUntil.append(lastUse[node.output])
      }
      placement[node.output] = chosen ?? buffers.count - 1
    }
    self.batchStart = batchStart
    self.placement = placement
    self.buffers = buffers
  }

  /// The longest beginning whose layers each read fewer weights than numbers of an image, and of which only the last value
  /// is read later.
  private static func batchStart(_ graph: Graph, _ lastUse: [Int]) -> Int {
    var result = 0
    var furthest = -1
    for (index, node) in graph.nodes.enumerated() {
      let features = node.inputs.reduce(graph.extents[node.output].count) { $0 + graph.extents[$1].count }
      guard !graph.outputs.contains(node.output), node.layer.weightCount < features,
        !node.layer.prefersBatches(of: node.from)
      else { break }
      if furthest <= index, lastUse[0] <= index { result = index + 1 }
      furthest = max(furthest, lastUse[node.output])
    }
    return result
  }
}

extension Graph {
  /// The inputs whose place a node's output may take: read here for the last time, of the output's count, and never read
  /// by the layer after it began to write.
  fileprivate func overwritten(by node: Node, lastUse: [Int], at index: Int) -> [Value] {
    let allowed = node.layer.overwritableInputs
    return allowed.sorted().filter { $0 < node.inputs.count }.map { node.inputs[$0] }.filter { value in
      lastUse[value] == index && extents[value].count == extents[node.output].count
        && node.inputs.indices.allSatisfy { node.inputs[$0] != value || allowed.contains($0) }
    }
  }
}
