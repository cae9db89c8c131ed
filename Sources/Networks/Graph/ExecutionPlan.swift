/// What is left of a graph when all that need not be computed, read or written is gone; for tests and reports.
package struct ExecutionPlan: Sendable {
  /// A value's buffer, and the operations that write it and read it last.
  package struct Use: Sendable {
    package let buffer: Int
    package let written: Int
    package let lastRead: Int
  }

  /// A part of the network that can be named: between values of one shape where it can be left out.
  package struct Block: Sendable, Hashable {
    package let path: String
    package let keepsItsShape: Bool
    package let isHalf: Bool
    fileprivate let ends: [Int]

    /// The places of what it takes and gives.
    package func isSamePlace(as other: Block) -> Bool { ends == other.ends }
  }

  /// The blocks that the network's description names.
  package let blocks: [Block]
  /// The residual units that are found where none are named.
  package let residualUnits: [Block]
  /// Operations in the order in which they run.
  package let operations: Int
  /// Of these, the first that run image by image.
  package let operationsImageByImage: Int
  /// Multiply-adds an image.
  package let multiplyAdds: Int
  /// Where each value lies and how long.
  package let uses: [Use]
  /// Bytes that a session's buffers take for each image of its batch.
  package let bytesOfEachImage: Int
  /// Bytes that they take besides.
  package let bytesOfOneImage: Int

  init(_ graph: Graph) {
    func blocks(_ found: [Graph.Block]) -> [Block] {
      found.map {
        Block(
          path: $0.path, keepsItsShape: graph.extents[$0.input] == graph.extents[$0.output], isHalf: $0.isHalf,
          ends: [$0.input, $0.output])
      }
    }
    self.blocks = blocks(graph.namedBlocks)
    residualUnits = blocks(graph.residualUnits)
    let graph = graph.optimised
    let storage = StoragePlan(graph)
    let lastUses = graph.lastUses
    operations = graph.nodes.count
    operationsImageByImage = storage.batchStart
    multiplyAdds = graph.multiplyAdds
    uses = graph.nodes.enumerated().filter { storage.placement[$0.element.output] >= 0 }.map { index, node in
      Use(buffer: storage.placement[node.output], written: index, lastRead: lastUses[node.output])
    }
    func bytes(_ isOfOneImage: Bool) -> Int {
      storage.buffers.reduce(0) { $1.isOfOneImage == isOfOneImage ? $0 + 4 * $1.count : $0 }
    }
    (bytesOfEachImage, bytesOfOneImage) = (bytes(false), bytes(true))
  }
}

extension Architecture {
  /// How the network runs.
  package var executionPlan: ExecutionPlan { ExecutionPlan(graph) }
}
