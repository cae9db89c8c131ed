import Attacks
import Benchmarks
import Foundation
import Imaging
import Kernels
import Networks
import Planning
import Records
import Tensors

/// Computes shards: reads, decodes, corrupts and preprocesses images, runs the network, gives logits.
///
/// Any number of threads may call it at once. Models are shared; each thread uses a session of its own.
public final class ShardEvaluator: ShardComputer {
  private let batch: Int
  private let provenance: [String: String]
  private let times: StreamTimes
  private let models: ModelStore
  private let frosts: FrostStore

  /// An evaluator that runs the network on up to `batch` images at a time; the logits do not depend on it. `times` is
  /// told where the time goes.
  ///
  /// - Parameter memory: bytes that models, their sessions and the pictures of frost may take.
  public init(batch: Int, memory: Int, version: String, times: StreamTimes = StreamTimes()) {
    self.times = times
    self.batch = max(1, batch)
    let models = ModelStore(memory: memory, batch: self.batch)
    self.models = models
    frosts = FrostStore { models.charge($0) }
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
    let needsGradients = task.condition.attack?.method.needsGradients == true
    let loan = try times.measure(.loading) {
      try WorkerTrouble.telling { try models.take(task.model, withGradients: needsGradients) }
    }
    defer { models.giveBack(loan) }
    let change = task.condition.lesion?.change(of: loan.classifier.architecture, seed: task.seed) ?? .none
    try times.measure(.loading) { try WorkerTrouble.telling { try models.use(change, in: loan) } }
    let frost = try WorkerTrouble.telling { try frosts.pictures(of: task.condition.frost) }
    let gradients = try times.measure(.loading) {
      try WorkerTrouble.telling { needsGradients ? try models.gradients(of: loan) : nil }
    }
    var evaluation = ShardEvaluation(
      task: task, frostPictures: frost, classifier: loan.classifier, session: loan.session, gradients: gradients,
      batch: batch, times: times)
    try evaluation.run()
    var provenance = provenance
    provenance["gemm"] = task.model.gemm.rawValue
    if !change.leftOut.isEmpty { provenance["left_out"] = change.leftOut.joined(separator: " ") }
    return try evaluation.output(provenance: provenance).encoded()
  }

  /// The checkpoints of the models that are in memory, by the models' names; for tests.
  package var modelsInMemory: Set<String> { models.names }
}

/// One shard on its way from paths to logits.
private struct ShardEvaluation {
  let task: ShardTask
  let classifier: Classifier
  let session: InferenceSession
  /// Where images are attacked by gradients.
  let gradients: GradientSession?
  let batch: Int
  let times: StreamTimes
  private let preparation: ImagePreparation
  private let imageSize: Int
  private var logits: [Float]
  private var failures: [ImageFailure] = []

  init(
    task: ShardTask, frostPictures: [RGBImage], classifier: Classifier, session: InferenceSession,
    gradients: GradientSession?, batch: Int, times: StreamTimes
  ) {
    self.task = task
    self.classifier = classifier
    self.session = session
    self.gradients = gradients
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
    let classes = classifier.classCount
    var rows = [Float](repeating: .nan, count: waiting.count * classes)
    try times.measure(.computing) {
      try attacked(pixels, waiting).withUnsafeBufferPointer { images in
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

  /// The images of some places of the shard as the network takes them; where they are attacked, after that.
  private func attacked(_ pixels: [Float], _ offsets: [Int]) throws -> [Float] {
    guard let attack = task.condition.attack, let labels = task.labels else { return pixels }
    let size = imageSize
    var values = Array(pixels[..<(offsets.count * size)])
    // What an image shows must be known.
    let places = offsets.indices.filter { labels[offsets[$0]] >= 0 }
    let network = NetworkUnderAttack(
      inference: session, session: gradients, preprocessing: task.model.preprocessing,
      classCount: classifier.classCount, height: classifier.inputHeight, width: classifier.inputWidth)
    let found = try Attacker(attack, on: network).attacked(
      places.flatMap { values[($0 * size)..<(($0 + 1) * size)] }, labels: places.map { Int(labels[offsets[$0]]) },
      randoms: places.map { CounterRandom(key: task.seed, stream: StableHash.of("\(task.paths[offsets[$0]])\tattack")) }
    )
    for (index, place) in places.enumerated() {
      values.replaceSubrange((place * size)..<((place + 1) * size), with: found[(index * size)..<((index + 1) * size)])
    }
    task.model.preprocessing.normalise(&values)
    return values
  }

  func output(provenance: [String: String]) -> ShardOutput {
    var provenance = provenance
    provenance[ShardBytes.attribute] = preparation.readBytes.sha256
    return ShardOutput(
      shard: task.shard, subject: ShardSubject(task),
      observations: [.logits(logits, classes: classifier.classCount)], failures: failures, provenance: provenance)
  }
}
