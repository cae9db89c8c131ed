import Benchmarks
import Durable
import Foundation
import Imaging
import Planning
import Synchronization

/// Writes pictures of a plan as one of its networks is given them: PNG files of 8 bits a value, and a table of them.
///
/// Values are those of a run of the same plan, of which 8 bits keep the nearest of 255 levels. Pictures that are changed as
/// pictures (corrupted, occluded, perturbed) are kept whole; what is done to values, as by attacks, is rounded.
public struct PictureExport: Sendable {
  /// What is exported of a plan.
  public struct Selection: Sendable {
    /// The model's position in the manifest.
    public let model: Int
    /// The benchmark's position in the manifest.
    public let benchmark: Int
    /// The conditions' cells.
    public let cells: [GridCell]
    /// The images' places in the benchmark's listing, rising.
    public let images: [Int]
    /// Of each cell, by its index, the images that are wanted under it; nil: all under each.
    let chosen: [Int: [Int]]?

    /// Images under conditions of a benchmark, as a model is given them.
    public init(model: Int, benchmark: Int, cells: [GridCell], images: [Int]) {
      (self.model, self.benchmark, self.cells, self.images) = (model, benchmark, cells, images)
      chosen = nil
    }

    /// Single images, each under a condition.
    ///
    /// - Parameter places: by condition and image, rising.
    public init(model: Int, benchmark: Int, places: [(cell: GridCell, image: Int)]) {
      (self.model, self.benchmark) = (model, benchmark)
      cells = places.map(\.cell).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
      images = Set(places.map(\.image)).sorted()
      chosen = Dictionary(grouping: places, by: \.cell.index).mapValues { $0.map(\.image) }
    }

    /// The images that are wanted under a cell.
    func images(under cell: GridCell) -> [Int] { chosen.map { $0[cell.index] ?? [] } ?? images }
    /// How many pictures there are.
    var count: Int { cells.reduce(0) { $0 + images(under: $1).count } }
  }

  /// The table's name below the folder.
  public static let table = "index.csv"

  let plan: Plan
  let selection: Selection
  let folder: String

  /// An export into a folder.
  ///
  /// - Throws: `ExportError` where the folder holds something, or is among the benchmark's images.
  public init(of plan: Plan, _ selection: Selection, to folder: String) throws {
    (self.plan, self.selection) = (plan, selection)
    guard plan.manifest.benchmarks[selection.benchmark].observed.isOfImages else {
      throw ExportError.noPictures(plan.manifest.benchmarks[selection.benchmark].name)
    }
    self.folder = RunFolder(folder).path
    try Self.check(self.folder, apart: plan.manifest.benchmarks[selection.benchmark].layout)
  }

  private static func check(_ folder: String, apart layout: PictureLayout) throws {
    let place = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
    for root in [layout.root] + layout.subsets.map(\.folder) {
      let root = URL(fileURLWithPath: root).resolvingSymlinksInPath().path
      if (place + "/").hasPrefix(root + "/") { throw ExportError.amongImages(folder, root: root) }
    }
    let others: [String]
    do { others = try FileManager.default.contentsOfDirectory(atPath: folder) } catch CocoaError.fileReadNoSuchFile {
      return try RunFolder(folder).requireMakeable()
    }
    if !others.isEmpty { throw ExportError.othersFiles(folder, names: others.sorted()) }
  }

  /// Makes and writes all pictures, and then the table.
  ///
  /// - Parameters:
  ///   - memory: bytes that the network and the pictures of frost may take.
  ///   - batch: images that a thread puts through the network at once; the pictures do not depend on it.
  ///   - threads: how many make pictures at the same time.
  ///   - progress: told the share of pictures that are done, 0...1, from any thread.
  /// - Returns: the pictures, by condition and image.
  /// - Throws: `FileError` where nothing can be written, `WorkerTrouble` where the checkpoint cannot be read.
  public func write(
    memory: Int, batch: Int, threads: Int, progress: @escaping @Sendable (Double) -> Void = { _ in }
  ) throws -> [ExportedPicture] {
    try DurableFile.makeFolder(folder, mode: 0o755)
    let stores = ShardStores(memory: memory, batch: batch)
    let jobs = jobs(atMost: min(batch, max(1, selection.count / max(1, threads))))
    let done = Mutex(0)
    let (count, labels) = (
      selection.count,
      plan.labels(model: selection.model, benchmark: selection.benchmark)
    )
    let pictures = try Concurrently.map(jobs, threads: threads) { job in
      let pictures = try write(job, labels, stores)
      progress(
        done.withLock {
          $0 += pictures.count; return Double($0) / Double(count)
        })
      return pictures
    }.flatMap { $0 }
    let text = ExportTable(plan: plan, selection: selection).text(of: pictures)
    try DurableFile.write(Data(text.utf8), to: folder + "/" + Self.table, mode: 0o644)
    return pictures
  }

  // MARK: - The work in parts

  /// Neighbouring images under one condition, with their files' names below the folder.
  private struct Job: Sendable {
    let cell: GridCell
    let images: Range<Int>
    let files: [String]
  }

  private func jobs(atMost size: Int) -> [Job] {
    var names = ExportNames()
    let paths = plan.listings[selection.benchmark].paths
    return selection.cells.flatMap { cell in
      selection.images(under: cell).neighbours(atMost: size).map { images in
        Job(cell: cell, images: images, files: images.map { names.file(of: paths[$0], at: cell) })
      }
    }
  }

  private func write(_ job: Job, _ labels: [Int32], _ stores: ShardStores) throws -> [ExportedPicture] {
    let task = try ShardTask(
      ShardDefinition(
        id: 0, model: selection.model, benchmark: selection.benchmark, condition: job.cell.index,
        firstImage: job.images.lowerBound, imageCount: job.images.count),
      of: plan, isLastAttempt: true, labels: { _, _ in labels })
    let size = plan.inputs[selection.model]
    let values = try stores.values(of: task, size: size)
    return try job.images.indices.map { image in
      let offset = image - job.images.lowerBound
      let label = labels[image] < 0 ? nil : Int(labels[image])
      let picture = ExportedPicture(
        cell: job.cell, image: task.paths[offset], label: label,
        budget: label.flatMap { _ in task.condition.attack?.budget })
      switch values[offset] {
      case .success(let values): return try write(values, size, as: job.files[offset], picture)
      case .failure(let error): return picture.failed("\(error)")
      }
    }
  }

  private func write(
    _ values: [Float], _ size: PictureSize, as file: String, _ picture: ExportedPicture
  ) throws -> ExportedPicture {
    let image = RGBImage(width: size.width, height: size.height, nearest: values)
    let data = Data(try PNGEncoder.encode(image))
    let path = folder + "/" + file
    try DurableFile.makeFolder(DurableFile.folder(of: path), mode: 0o755)
    try DurableFile.write(data, to: path, mode: 0o644)
    let rounding = zip(values, image.unitValues).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    return picture.written(as: file, sha256: FileDigest.sha256(of: data), rounding: rounding)
  }
}

extension ShardStores {
  /// The values in [0, 1] of a task's images, [height][width][3], after all that its condition does to them, attacks as well;
  /// or why there are none. The network is loaded only where it is attacked.
  fileprivate func values(of task: ShardTask, size: PictureSize) throws -> [Result<[Float], any Error>] {
    let preparation = ImagePreparation(
      task: task, frostPictures: try frost(of: task), inputHeight: size.height, inputWidth: size.width)
    var values = task.paths.indices.map { offset in Result { try preparation.unitValues(of: offset) } }
    guard task.condition.asksNetworks else { return values }
    let whole = values.enumerated().compactMap { offset, result in (try? result.get()).map { (offset, $0) } }
    let attacked = try withNetwork(of: task, times: StreamTimes()) { network in
      try network.attacked(whole.flatMap(\.1), at: whole.map(\.0), of: task)
    }
    let count = size.width * size.height * 3
    for (place, (offset, _)) in whole.enumerated() {
      values[offset] = .success(Array(attacked[(place * count)..<((place + 1) * count)]))
    }
    return values
  }
}

extension [Int] {
  /// Rising numbers as ranges of neighbours.
  fileprivate func neighbours(atMost size: Int) -> [Range<Int>] {
    reduce(into: []) { ranges, number in
      if let last = ranges.last, last.upperBound == number, last.count < size {
        ranges[ranges.count - 1] = last.lowerBound..<number + 1
      } else {
        ranges.append(number..<number + 1)
      }
    }
  }
}

/// A folder that cannot be exported to.
public enum ExportError: Error, Equatable, CustomStringConvertible {
  /// It holds something.
  case othersFiles(String, names: [String])
  /// The benchmark observes networks alone.
  case noPictures(String)
  /// It is among the images that are exported.
  case amongImages(String, root: String)

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .othersFiles(let folder, let names):
      "\(folder) already holds files (\(names.prefix(3).joined(separator: ", "))\(names.count > 3 ? " and more" : "")); "
        + "choose a new or an empty folder with --output"
    case .noPictures(let benchmark): "\(benchmark) has no pictures: it only examines networks"
    case .amongImages(let folder, let root):
      "\(folder) is in \(root), where the benchmark's own images are; choose another folder with --output"
    }
  }
}
