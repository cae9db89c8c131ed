import Benchmarks
import Foundation
import Imaging
import Kernels
import Networks
import Planning
import Synchronization

/// Computes shards: reads, decodes, corrupts and preprocesses images, runs the network, gives logits.
///
/// Any number of threads may call it at once. Models are loaded once and shared; each thread uses a session of its own.
public final class ShardEvaluator: ShardComputer {
  private let batch: Int
  private let provenance: [String: String]
  private let times: StreamTimes
  private let models = Mutex<[ModelSpecification: LoadedModel]>([:])
  private let frosts = Mutex<[FrostFolder: [RGBImage]]>([:])

  /// An evaluator that runs the network on up to `batch` images at a time; the logits do not depend on it. `times` is
  /// told where the time goes.
  public init(batch: Int, version: String, times: StreamTimes = StreamTimes()) {
    self.times = times
    self.batch = max(1, batch)
    provenance = [
      "host": ProcessInfo.processInfo.hostName, "process": String(ProcessInfo.processInfo.processIdentifier),
      "instruction_set": InstructionSet.best.rawValue, "version": version,
    ]
  }

  /// Computes the shard of an encoded `ShardTask` and gives an encoded `ShardOutput`.
  ///
  /// An image that cannot be read, decoded or fitted is set aside with its reason; the others keep their logits.
  ///
  /// - Throws: what makes the whole shard fail: a checkpoint that is missing, damaged or not the planned one.
  public func compute(task data: Data) throws -> Data {
    let task = try ShardTask(decoding: data)
    let model = try times.measure(.loading) { try loadedModel(task.model) }
    let session = model.takeSession(maximumBatch: batch)
    defer { model.giveBack(session) }
    var evaluation = ShardEvaluation(
      task: task, frostPictures: try frostPictures(task.benchmark.making.frost), classifier: model.classifier,
      session: session, batch: batch, times: times)
    try evaluation.run()
    var provenance = provenance
    provenance["gemm"] = task.model.gemm.rawValue
    return try evaluation.output(provenance: provenance).encoded()
  }

  private func frostPictures(_ folder: FrostFolder?) throws -> [RGBImage] {
    guard let folder else { return [] }
    return try frosts.withLock { frosts in
      if let pictures = frosts[folder] { return pictures }
      let pictures = try folder.pictures()
      frosts[folder] = pictures
      return pictures
    }
  }

  private func loadedModel(_ specification: ModelSpecification) throws -> LoadedModel {
    // Loading under the lock keeps two threads from reading the same checkpoint twice.
    try models.withLock { models in
      if let model = models[specification] { return model }
      guard try FileDigest.checkpoint(specification.checkpoint) == specification.checkpointDigest else {
        throw RunFolderError.changedCheckpoint(model: specification.name, path: specification.checkpoint)
      }
      guard
        let architecture = try Architecture.named(specification.architecture, checkpoint: specification.checkpoint)
      else {
        throw ShardExchangeError.malformed("this worker knows no architecture \(specification.architecture)")
      }
      let classifier = try Classifier(
        architecture: architecture, checkpoint: specification.checkpoint,
        options: ComputeOptions(gemm: specification.gemm, precision: specification.precision))
      let model = LoadedModel(classifier: classifier)
      models[specification] = model
      return model
    }
  }
}

/// A classifier with the sessions that no thread uses at the moment.
private final class LoadedModel: Sendable {
  let classifier: Classifier
  private let idle = Mutex<[Handover]>([])

  /// A session on its way from one thread to the next; the lock orders their uses.
  private struct Handover: @unchecked Sendable {
    let session: InferenceSession
  }

  init(classifier: Classifier) {
    self.classifier = classifier
  }

  func takeSession(maximumBatch: Int) -> InferenceSession {
    if let handover = idle.withLock({ $0.popLast() }) { return handover.session }
    return classifier.makeSession(maximumBatch: maximumBatch)
  }

  func giveBack(_ session: InferenceSession) {
    let handover = Handover(session: session)
    idle.withLock { $0.append(handover) }
  }
}

/// One shard on its way from paths to logits.
private struct ShardEvaluation {
  let task: ShardTask
  let classifier: Classifier
  let session: InferenceSession
  let batch: Int
  let times: StreamTimes
  private let preparation: ImagePreparation
  private let imageSize: Int
  private var logits: [Float]
  private var failures: [ImageFailure] = []

  init(
    task: ShardTask, frostPictures: [RGBImage], classifier: Classifier, session: InferenceSession, batch: Int,
    times: StreamTimes
  ) {
    self.task = task
    self.classifier = classifier
    self.session = session
    self.batch = batch
    self.times = times
    preparation = ImagePreparation(
      task: task, frostPictures: frostPictures, inputHeight: classifier.inputHeight, inputWidth: classifier.inputWidth)
    imageSize = classifier.inputHeight * classifier.inputWidth * 3
    logits = Array(repeating: .nan, count: task.paths.count * classifier.classCount)
  }

  /// Two batches are prepared ahead: one for the network to take at once, one to fill meanwhile. The first image goes
  /// alone, so that the network does not wait for a batch at the start of every shard; logits do not depend on it.
  mutating func run() throws {
    let images = PreparedImages(count: task.paths.count, ahead: 2 * batch, times: times) { [preparation, task] in
      try preparation.values(of: task.paths[$0])
    }
    defer { images.end() }
    var pixels = [Float](repeating: 0, count: batch * imageSize)
    var waiting: [Int] = []
    for offset in task.paths.indices {
      switch images.next() {
      case .success(let values):
        let start = waiting.count * imageSize
        pixels.replaceSubrange(start..<start + imageSize, with: values)
        waiting.append(offset)
      case .failure(let error): failures.append(ImageFailure(offset: offset, reason: "\(error)"))
      }
      if waiting.count == batch || offset == 0 { try classify(&waiting, pixels) }
    }
    try classify(&waiting, pixels)
  }

  private mutating func classify(_ waiting: inout [Int], _ pixels: [Float]) throws {
    guard !waiting.isEmpty else { return }
    let classes = classifier.classCount
    var rows = [Float](repeating: .nan, count: waiting.count * classes)
    try times.measure(.computing) {
      try pixels.withUnsafeBufferPointer { images in
        try rows.withUnsafeMutableBufferPointer { rows in
          try session.logits(images: images, count: waiting.count, into: rows)
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

  func output(provenance: [String: String]) -> ShardOutput {
    ShardOutput(
      shard: task.shard, subject: ShardSubject(task), classCount: classifier.classCount, logits: logits,
      failures: failures, provenance: provenance)
  }
}
