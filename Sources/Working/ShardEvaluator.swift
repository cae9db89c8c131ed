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
  private let answerer: (any LogitsAnswerer)?

  /// An evaluator that runs the network on up to `batch` images at a time; the logits do not depend on it. `times` is
  /// told where the time goes.
  ///
  /// - Parameters:
  ///   - memory: bytes that models, their sessions and the pictures of frost may take.
  ///   - answerer: computes the logits, of models that Python computes; nil: this program does, of all others.
  public init(
    batch: Int, memory: Int, version: String, times: StreamTimes = StreamTimes(),
    answerer: (any LogitsAnswerer)? = nil
  ) {
    self.answerer = answerer
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
  public func compute(task data: Data) throws -> Data { try compute(task: data, counting: PassCounter()) }

  /// The same, counting passes while it goes on.
  public func compute(task data: Data, counting passes: PassCounter) throws -> Data {
    let task = try ShardTask(decoding: data)
    if let python = task.model.python { return try answered(task, python, counting: passes) }
    guard answerer == nil else {
      throw ShardExchangeError.malformed(
        "\(task.model.name) is not computed by Python, the only kind this worker computes")
    }
    var provenance = provenance
    provenance["gemm"] = task.model.gemm.rawValue
    guard task.observed.isOfImages else {
      return try ShardOutput(
        shard: task.shard, subject: ShardSubject(task),
        observations: try stores.kernelDistances(of: task, times: times), failures: [], provenance: provenance
      ).encoded()
    }
    let frost = try stores.frost(of: task)
    // What cannot be read is known before hours of an attack are spent.
    stores.models.keep(models: 1 + task.others.count)
    for other in task.others { try stores.withSession(of: other, times: times) { _ in } }
    var (output, kept) = try stores.withNetwork(of: task, times: times, counting: passes) { network in
      let preparation = ImagePreparation(
        task: task, frostPictures: frost, inputHeight: network.classifier.inputHeight,
        inputWidth: network.classifier.inputWidth)
      var evaluation = ShardEvaluation(
        preparation, try ImageObserver(task, network), counting: passes, batch: batch, times: times)
      try evaluation.run()
      if !network.change.leftOut.isEmpty { provenance["left_out"] = network.change.leftOut.joined(separator: " ") }
      return (evaluation.output(provenance: provenance), evaluation.kept)
    }
    // One model at a time is held, so that no two threads wait for each other's.
    for (place, other) in task.others.enumerated() {
      let (logits, failures) = try logits(of: other, kept, task, passes)
      output = output.replacing(place + 1, with: logits, failing: failures)
    }
    return try output.encoded()
  }

  /// The output of a shard whose model Python computes.
  private func answered(_ task: ShardTask, _ python: PythonModel, counting passes: PassCounter) throws -> Data {
    guard let answerer else {
      throw ShardExchangeError.malformed("\(task.model.name) is computed by Python, which this worker lacks")
    }
    let observer = try AnsweredObserver(task, python, answerer)
    let preparation = ImagePreparation(
      task: task, frostPictures: try stores.frost(of: task), inputHeight: observer.height, inputWidth: observer.width)
    var evaluation = ShardEvaluation(preparation, observer, counting: passes, batch: batch, times: times)
    try evaluation.run()
    var provenance = provenance
    (provenance["engine"], provenance["answered_by"]) = ("python", answerer.summary)
    return try evaluation.output(provenance: provenance).encoded()
  }

  /// What another model of the run answers to the values of images, [image, class]; NaN for images that there are none of.
  private func logits(
    of model: ModelSpecification, _ images: [(offset: Int, values: [Float])], _ task: ShardTask,
    _ passes: PassCounter
  ) throws -> (logits: [Float], failures: [ImageFailure]) {
    var failures: [ImageFailure] = []
    var logits = [Float](repeating: .nan, count: task.paths.count * model.classCount)
    try stores.withSession(of: model, times: times) { session in
      for start in stride(from: 0, to: images.count, by: batch) {
        let part = images[start..<min(start + batch, images.count)]
        var values = part.flatMap(\.values)
        model.preprocessing.normalise(&values)
        var rows = [Float](repeating: .nan, count: part.count * model.classCount)
        passes.add(part.count)
        try times.measure(.computing) {
          try values.withUnsafeBufferPointer { images in
            try rows.withUnsafeMutableBufferPointer { try session.logits(images: images, count: part.count, into: $0) }
          }
        }
        for (row, image) in part.enumerated() {
          let found = rows[(row * model.classCount)..<((row + 1) * model.classCount)]
          if let problem = Logits.problem(in: found) {
            failures.append(
              ImageFailure(offset: image.offset, reason: "\(task.paths[image.offset]): \(model.name) gives \(problem)"))
            continue
          }
          logits.replaceSubrange(
            (image.offset * model.classCount)..<((image.offset + 1) * model.classCount), with: found)
        }
      }
    }
    return (logits, failures)
  }

  /// The checkpoints of the models that are in memory, by the models' names; for tests.
  package var modelsInMemory: Set<String> { stores.models.names }
}

/// One shard on its way from paths to what is observed.
private struct ShardEvaluation {
  let task: ShardTask
  let batch: Int
  let times: StreamTimes
  /// The values in [0, 1] of images of which other models are asked, too.
  private(set) var kept: [(offset: Int, values: [Float])] = []
  private let observer: any ImageObserving
  private let passes: PassCounter
  private let preparation: ImagePreparation
  private let imageSize: Int
  /// Each variable's numbers, [image, numbers].
  private var numbers: [[Float]]
  private var failures: [ImageFailure] = []

  init(
    _ preparation: ImagePreparation, _ observer: any ImageObserving, counting passes: PassCounter, batch: Int,
    times: StreamTimes
  ) {
    (self.preparation, self.observer, self.batch, self.times) = (preparation, observer, batch, times)
    self.passes = passes
    task = preparation.task
    imageSize = observer.imageSize
    numbers = observer.counts.map { Array(repeating: .nan, count: preparation.task.paths.count * $0) }
  }

  /// Two batches are prepared ahead: one for the network to take at once, one to fill meanwhile. The first image goes
  /// alone, so that the network does not wait for a batch at the start of every shard; logits do not depend on it.
  mutating func run() throws {
    let takesUnitValues = observer.takesUnitValues
    let prepare: @Sendable (Int) throws -> [Float] = { [preparation] in
      takesUnitValues ? try preparation.unitValues(of: $0) : try preparation.values(of: $0)
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
      if waiting.count == batch || offset == 0 { try observe(&waiting, pixels) }
    }
    // What was away may be back.
    for offset in unreadable {
      take(offset, Result { try prepare(offset) })
      if waiting.count == batch { try observe(&waiting, pixels) }
    }
    try observe(&waiting, pixels)
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

  private mutating func observe(_ waiting: inout [Int], _ pixels: [Float]) throws {
    guard !waiting.isEmpty else { return }
    var values: [Float] = []
    let seen = try times.measure(.computing) { try observer.observe(pixels, at: waiting) { values = $0 } }
    times.countImages(waiting.count)
    passes.add(waiting.count)
    for (row, offset) in waiting.enumerated() {
      let found = zip(seen, observer.counts).map { $0[(row * $1)..<((row + 1) * $1)] }
      // Its numbers stay NaN, which the archive has for what is missing.
      if let problem = observer.problem(in: found) {
        failures.append(ImageFailure(offset: offset, reason: "\(task.paths[offset]): the network gives \(problem)"))
        continue
      }
      for (place, count) in observer.counts.enumerated() {
        numbers[place].replaceSubrange((offset * count)..<((offset + 1) * count), with: found[place])
      }
      if !task.others.isEmpty {
        kept.append((offset, Array(values[(row * imageSize)..<((row + 1) * imageSize)])))
      }
    }
    waiting.removeAll(keepingCapacity: true)
  }

  func output(provenance: [String: String]) -> ShardOutput {
    var provenance = provenance
    provenance[ShardBytes.attribute] = preparation.readBytes.sha256
    return ShardOutput(
      shard: task.shard, subject: ShardSubject(task),
      observations: zip(observer.shape.variables, numbers).map { Observation($0, $1) }, failures: failures,
      provenance: provenance)
  }
}
