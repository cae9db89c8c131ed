/// One unit of work: one model, one benchmark, one condition, one range of images.
public struct ShardDefinition: Sendable, Hashable {
  /// The shard's number in its run, counted from 0.
  public let id: Int64
  /// Position of the model in the manifest.
  public let model: Int
  /// Position of the benchmark in the manifest.
  public let benchmark: Int
  /// Position of the condition in the benchmark's grid.
  public let condition: Int
  /// First image of the range, counted in the benchmark's listing.
  public let firstImage: Int
  /// Images in the range.
  public let imageCount: Int

  /// A shard of `imageCount` images from `firstImage` on.
  public init(id: Int64, model: Int, benchmark: Int, condition: Int, firstImage: Int, imageCount: Int) {
    self.id = id
    self.model = model
    self.benchmark = benchmark
    self.condition = condition
    self.firstImage = firstImage
    self.imageCount = imageCount
  }
}

/// All images of one model, benchmark and condition, cut into ranges of one size; the last may be shorter.
public struct ShardCell: Sendable, Hashable {
  /// Position of the model in the manifest.
  public let model: Int
  /// Position of the benchmark in the manifest.
  public let benchmark: Int
  /// Position of the condition in the benchmark's grid.
  public let condition: Int
  /// Images of the cell.
  public let imageCount: Int
  /// Images of each shard but the last.
  public let shardImages: Int

  /// A cell of `imageCount` images in shards of `shardImages`; negative counts are 0 and a shard has 1 at least.
  public init(model: Int, benchmark: Int, condition: Int, imageCount: Int, shardImages: Int) {
    self.model = model
    self.benchmark = benchmark
    self.condition = condition
    self.imageCount = max(0, imageCount)
    self.shardImages = max(1, shardImages)
  }

  /// How many shards it has.
  public var shardCount: Int { imageCount / shardImages + (imageCount % shardImages > 0 ? 1 : 0) }
}

/// Every shard of a run by its number. Only the cells are kept, so millions of shards take no memory.
public struct ShardTable: Sendable, Hashable, RandomAccessCollection {
  /// The cells in the order of their shards' numbers; none is empty.
  public let cells: [ShardCell]
  /// The number of each cell's first shard.
  private let firstShards: [Int]
  /// How many shards there are.
  public let count: Int

  /// The shards of these cells, numbered through from 0; empty cells are left out.
  public init(cells: [ShardCell]) {
    self.cells = cells.filter { $0.imageCount > 0 }
    var firstShards: [Int] = []
    var count = 0
    for cell in self.cells {
      firstShards.append(count)
      count += cell.shardCount
    }
    self.firstShards = firstShards
    self.count = count
  }

  /// 0.
  public var startIndex: Int { 0 }
  /// The number of shards.
  public var endIndex: Int { count }

  /// The shard of a number below ``count``, in the logarithm of the number of cells.
  public subscript(index: Int) -> ShardDefinition {
    let position = position(of: index)
    let cell = cells[position]
    let firstImage = (index - firstShards[position]) * cell.shardImages
    return ShardDefinition(
      id: Int64(index), model: cell.model, benchmark: cell.benchmark, condition: cell.condition,
      firstImage: firstImage, imageCount: Swift.min(cell.shardImages, cell.imageCount - firstImage))
  }

  /// The shard of a number; nil where there is none.
  public func definition(of id: Int64) -> ShardDefinition? { cellPosition(of: id).map { _ in self[Int(id)] } }

  /// Position in ``cells`` of the cell that a shard belongs to; nil where there is no shard of that number.
  public func cellPosition(of id: Int64) -> Int? { id >= 0 && id < Int64(count) ? position(of: Int(id)) : nil }

  /// The last cell that begins at or before a shard.
  private func position(of shard: Int) -> Int {
    var low = 0
    var high = cells.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if firstShards[middle] <= shard { low = middle } else { high = middle }
    }
    return low
  }
}
