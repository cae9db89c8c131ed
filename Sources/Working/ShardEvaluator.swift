import Benchmarks
import Foundation
import Kernels
import Networks
import Planning
import Records

/// Computes shards: reads, decodes, corrupts and preprocesses images, runs the network, gives logits.
///
/// Any number of threads may call it at once. Models are shared; each thread uses a session of its own.
public final class ShardEvaluator: ShardComputer {
  private let batch: Int
  private let provenance: [String: String]
  private let times: StreamTimes
  private let stores: ShardStores

  /// An evaluator that runs the network on up to `batch` images at a time; the logits do not depend on it. `times` is
  /// told where the time goes.
  ///
  /// - Parameter memory: bytes that models, their sessions and the pictures of frost may take.
  public init(batch: Int, memory: Int, version: String, times: StreamTimes = StreamTimes()) {
    self.times = times
    self.batch = max(1, batch)
    stores = ShardStores(memory: memory, batch: self.batch)
    provenance = [
      "host": ProcessInfo.processInfo.hostName, "process": String(ProcessInfo.processInfo.processIdentifier),
      "instruction_set": InstructionSet.chosen.rawValue, "version": version,
    ]
  }

  /// Computes the shard of an encoded `ShardTask` and gives an encoded `ShardOutput`.
  ///
  /// An image that cannot be decoded or fitted is set aside with its reason; the others keep their logits. So is one that
  /// cannot be read, in a shard's last attempt; before, the shard fails.
  ///
  /// - Throws: what makes the whole shard fail; `WorkerTrouble` where it is this machine that cannot read data or checkpoint.
  public func compute(task data: Data) throws -> Data {
    let task = try ShardTask(decoding: data)
    let frost = try stores.frost(of: task)
    return try stores.withNetwork(of: task, times: times) { network in
      let preparation = ImagePreparation(
        task: task, frostPictures: frost, inputHeight: network.classifier.inputHeight,
        inputWidth: network.classifier.inputWidth)
      var evaluation = ShardEvaluation(preparation, network, batch: batch, times: times)
      try evaluation.run()
      var provenance = provenance
      provenance["gemm"] = task.model.gemm.rawValue
      if !network.change.leftOut.isEmpty { provenance["left_out"] = network.change.leftOut.joined(separator: " ") }
      return try evaluation.output(provenance: provenance).encoded()
    }
  }

  /// The checkpoints of the models that are in memory, by the models' names; for tests.
  package var modelsInMemory: Set<String> { stores.models.names }
}

/// One shard on its way from paths to logits.
private struct ShardEvaluation {
  let task: ShardTask
  let network: ShardNetwork
  let batch: Int
  let times: StreamTimes
  private let preparation: ImagePreparation
  private let imageSize: Int
  private var logits: [Float]
  private var failures: [ImageFailure] = []

  init(_ preparation: ImagePreparation, _ network: ShardNetwork, batch: Int, times: StreamTimes) {
    (self.preparation, self.network, self.batch, self.times) = (preparation, network, batch, times)
    task = preparation.task
    imageSize = network.imageSize
    logits = Array(repeating: .nan, count: task.paths.count * network.classifier.classCount)
  }

  /// Two batches are prepared ahead: one for the network to take at once, one to fill meanwhile. The first image goes
  /// alone, so that the network does not wait for a batch at the start of every shard; logits do not depend on it.
  mutating func run() throws {
    let isAttacked = task.condition.attack != nil
    let prepare: @Sendable (Int) throws -> [Float] = { [preparation] in
      isAttacked ? try preparation.unitValues(of: $0) : try preparation.values(of: $0)
    }
    let images = PreparedImages(count: task.paths.count, ahead: 2 * batch, times: times, prepare: prepare)
    defer { images.end() }
    var unreadable: [Int] = []
    var pixels = [Float](repeating: 0, count: batch * imageSize)
    var waiting: [Int] = []
    func take(_ offset: Int, _ image: Result<[Float], any Error>) {
      switch image {
      case .success(let values):
        let start = waiting.count * imageSize
        pixels.replaceSubrange(start..<start + imageSize, with: values)
        waiting.append(offset)
      case .failure(let error):
        failures.append(
          ImageFailure(offset: offset, reason: "\(error)", isUnreadable: error is UnreadableFile))
      }
    }
    for offset in task.paths.indices {
      let image = images.next()
      if case .failure(let error as UnreadableFile) = image {
        try weigh(error)
        unreadable.append(offset)
      } else {
        take(offset, image)
      }
      if waiting.count == batch || offset == 0 { try classify(&waiting, pixels) }
    }
    // What was away may be back.
    for offset in unreadable {
      take(offset, Result { try prepare(offset) })
      if waiting.count == batch { try classify(&waiting, pixels) }
    }
    try classify(&waiting, pixels)
    if let failure = failures.first(where: \.isUnreadable), !preparation.canReadAny {
      throw dataTrouble(failure.reason)
    }
  }

  private func dataTrouble(_ reason: String) -> WorkerTrouble {
    WorkerTrouble("the data of \(task.benchmark): \(reason)")
  }

  /// A file cannot be read. Where nothing of the data set can, that is this machine's trouble; otherwise the shard is
  /// tried elsewhere, as long as it is tried at all.
  private func weigh(_ error: UnreadableFile) throws {
    guard preparation.canReadAny else { throw dataTrouble("\(error)") }
    guard task.isLastAttempt else { throw UnreadableImage(file: error) }
  }

  private mutating func classify(_ waiting: inout [Int], _ pixels: [Float]) throws {
    guard !waiting.isEmpty else { return }
    let classes = network.classifier.classCount
    var rows = [Float](repeating: .nan, count: waiting.count * classes)
    try times.measure(.computing) {
      try attacked(pixels, waiting).withUnsafeBufferPointer { images in
        try rows.withUnsafeMutableBufferPointer { rows in
          try network.session.logits(images: images, count: waiting.count, into: rows)
        }
      }
    }
    times.countImages(waiting.count)
    for (row, offset) in waiting.enumerated() {
      let found = rows[row * classes..<(row + 1) * classes]
      // Its logits stay NaN, which the archive has for what is missing.
      if let problem = Logits.problem(in: found) {
        failures.append(ImageFailure(offset: offset, reason: "\(task.paths[offset]): the network gives \(problem)"))
      } else {
        logits.replaceSubrange(offset * classes..<(offset + 1) * classes, with: found)
      }
    }
    waiting.removeAll(keepingCapacity: true)
  }

  /// The images of some places of the shard as the network takes them; where they are attacked, after that.
  private func attacked(_ pixels: [Float], _ offsets: [Int]) throws -> [Float] {
    guard task.condition.attack != nil else { return pixels }
    var values = try network.attacked(Array(pixels[..<(offsets.count * imageSize)]), at: offsets, of: task)
    task.model.preprocessing.normalise(&values)
    return values
  }

  func output(provenance: [String: String]) -> ShardOutput {
    var provenance = provenance
    provenance[ShardBytes.attribute] = preparation.readBytes.sha256
    return ShardOutput(
      shard: task.shard, subject: ShardSubject(task),
      observations: [.logits(logits, classes: network.classifier.classCount)], failures: failures,
      provenance: provenance)
  }
}
