import Benchmarks
import Foundation
import Imaging
import Kernels
import Networks
import Planning
import Synchronization
import Tensors
import Videos

/// Computes shards: reads, decodes, corrupts and preprocesses images, runs the network, gives logits.
///
/// Any number of threads may call it at once. Models are loaded once and shared; each thread uses a session of its own.
public final class ShardEvaluator: ShardComputer {
  private let batch: Int
  private let provenance: [String: String]
  private let models = Mutex<[ModelSpecification: LoadedModel]>([:])
  private let frosts = Mutex<[FrostFolder: [RGBImage]]>([:])

  /// An evaluator that runs the network on up to `batch` images at a time; the logits do not depend on it.
  public init(batch: Int, version: String) {
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
    let model = try loadedModel(task.model)
    let session = model.takeSession(maximumBatch: batch)
    defer { model.giveBack(session) }
    var evaluation = ShardEvaluation(
      task: task, frostPictures: try frostPictures(task.benchmark.making.frost), classifier: model.classifier,
      session: session, batch: batch)
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
  let frostPictures: [RGBImage]
  let classifier: Classifier
  let session: InferenceSession
  let batch: Int
  private var logits: [Float]
  private var failures: [ImageFailure] = []

  init(
    task: ShardTask, frostPictures: [RGBImage], classifier: Classifier, session: InferenceSession, batch: Int
  ) {
    self.task = task
    self.frostPictures = frostPictures
    self.classifier = classifier
    self.session = session
    self.batch = batch
    logits = Array(repeating: .nan, count: task.paths.count * classifier.classCount)
  }

  mutating func run() throws {
    let imageSize = classifier.inputHeight * classifier.inputWidth * 3
    var pixels = [Float](repeating: 0, count: batch * imageSize)
    var waiting: [Int] = []
    for (offset, path) in task.paths.enumerated() {
      do {
        let image = try prepare(path)
        try pixels.withUnsafeMutableBufferPointer { buffer in
          let start = waiting.count * imageSize
          try task.model.preprocessing.normalise(
            image, into: UnsafeMutableBufferPointer(rebasing: buffer[start..<start + imageSize]))
        }
        waiting.append(offset)
      } catch {
        failures.append(ImageFailure(offset: offset, reason: "\(error)"))
      }
      if waiting.count == batch { try classify(&waiting, pixels) }
    }
    try classify(&waiting, pixels)
  }

  private func prepare(_ path: String) throws -> RGBImage {
    let file = task.benchmark.file(of: path, under: task.condition)
    let image = try fitted(decoded(file), path)
    guard image.width == classifier.inputWidth, image.height == classifier.inputHeight else {
      throw EvaluationError.wrongSize(
        path: file, width: image.width, height: image.height, expectedWidth: classifier.inputWidth,
        expectedHeight: classifier.inputHeight)
    }
    if let drop = task.benchmark.patchDrop(of: task.condition) {
      return drop.apply(image, random: CounterRandom(key: task.seed, stream: StableHash.of("\(path)\tocclusion")))
    }
    guard let (corruption, severity) = task.benchmark.liveCorruption(of: task.condition) else { return image }
    let random = CounterRandom(
      key: task.seed, stream: StableHash.of("\(path)\t\(corruption.rawValue)\t\(severity)"))
    return try task.benchmark.making.apply(
      corruption, to: image, severity: severity, random: random, frostPictures: frostPictures)
  }

  private func decoded(_ file: String) throws -> RGBImage {
    let bytes = try FileTree.contents(of: file)
    guard task.benchmark.isVideo, let frame = task.benchmark.frame(of: task.condition) else {
      return try ImageDecoder.decode(bytes, name: file)
    }
    return try VideoDecoder.frame(frame, of: bytes, name: file)
  }

  /// At the network's size; a perturbation made on the fly moves the picture before it is cropped.
  private func fitted(_ image: RGBImage, _ path: String) throws -> RGBImage {
    if task.benchmark.isFittedAlready { return image }
    if let (perturbation, frame) = task.benchmark.livePerturbation(of: task.condition) {
      return try perturbation.frame(
        frame, of: image, preprocessing: task.model.preprocessing,
        random: CounterRandom(key: task.seed, stream: StableHash.of("\(path)\t\(perturbation.rawValue)")))
    }
    return try task.model.preprocessing.geometry(image)
  }

  private mutating func classify(_ waiting: inout [Int], _ pixels: [Float]) throws {
    guard !waiting.isEmpty else { return }
    let classes = classifier.classCount
    var rows = [Float](repeating: .nan, count: waiting.count * classes)
    try pixels.withUnsafeBufferPointer { images in
      try rows.withUnsafeMutableBufferPointer { rows in
        try session.logits(images: images, count: waiting.count, into: rows)
      }
    }
    for (row, offset) in waiting.enumerated() {
      logits.replaceSubrange(offset * classes..<(offset + 1) * classes, with: rows[row * classes..<(row + 1) * classes])
    }
    waiting.removeAll(keepingCapacity: true)
  }

  func output(provenance: [String: String]) -> ShardOutput {
    ShardOutput(
      shard: task.shard, subject: ShardSubject(task), classCount: classifier.classCount, logits: logits,
      failures: failures, provenance: provenance)
  }
}

/// An image that the network cannot take.
enum EvaluationError: Error, CustomStringConvertible {
  case wrongSize(path: String, width: Int, height: Int, expectedWidth: Int, expectedHeight: Int)

  var description: String {
    switch self {
    case .wrongSize(let path, let width, let height, let expectedWidth, let expectedHeight):
      "\(path) is \(width)x\(height), but the network takes \(expectedWidth)x\(expectedHeight)"
    }
  }
}
