/// Which buffer each value lies in: worked out once, a buffer taken again as soon as its value was read last.
///
/// The first operations of a convolutional network read few weights and write large maps. They are computed image by
/// image, so that the maps stay in the cache; their buffers are as large as one image needs.
struct StoragePlan: Sendable {
  /// A buffer's size in numbers, and whether it is of one image or of each image of the batch.
  struct Buffer: Sendable, Equatable {
    var count: Int
    let isOfOneImage: Bool
  }

  /// The operations before this one are computed image by image.
  let batchStart: Int
  /// The buffer of each value; that of the image is -1, which the caller owns.
  let placement: [Int]
  let buffers: [Buffer]

  init(_ graph: Graph) {
    let lastUse = graph.lastUses
    let batchStart = Self.batchStart(graph, lastUse)
    var placement = [Int](repeating: -1, count: graph.extents.count)
    var buffers: [Buffer] = []
    var busyUntil: [Int] = []
    for (index, node) in graph.nodes.enumerated() {
      let count = graph.extents[node.output].count
      // What the last of the first operations gives is kept for all images.
      let isOfOneImage = index + 1 < batchStart
      let free = buffers.indices.filter { busyUntil[$0] < index && buffers[$0].isOfOneImage == isOfOneImage }
      // The smallest that is large enough, or else the largest, which grows.
      let chosen =
        free.filter { buffers[$0].count >= count }.min { buffers[$0].count < buffers[$1].count }
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

  /// The longest beginning whose operations each read fewer weights than numbers of an image, and of which only the last
  /// value is read later.
  private static func batchStart(_ graph: Graph, _ lastUse: [Int]) -> Int {
    var result = 0
    var furthest = -1
    for (index, node) in graph.nodes.enumerated() {
      let features = node.inputs.reduce(graph.extents[node.output].count) { $0 + graph.extents[$1].count }
      guard node.output != graph.output, node.operation.weightCount < features else { break }
      if furthest <= index, lastUse[0] <= index { result = index + 1 }
      furthest = max(furthest, lastUse[node.output])
    }
    return result
  }
}

extension Graph {
  /// The last operation that reads each value; the output is read after all, a value that nothing reads never.
  var lastUses: [Int] {
    var lastUse = [Int](repeating: -1, count: extents.count)
    for (index, node) in nodes.enumerated() { for input in node.inputs { lastUse[input] = index } }
    lastUse[output] = nodes.count
    return lastUse
  }
}

extension Operation {
  /// Numbers that it reads from the checkpoint.
  var weightCount: Int { parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }
}
