import Attacks
import Benchmarks
import Imaging
import Networks
import Planning
import Records
import Tensors

/// The models and the pictures of frost that shards are computed with, shared by threads.
final class ShardStores: Sendable {
  let models: ModelStore
  private let frosts: FrostStore
  private let saliency: SaliencyStore

  /// Stores that keep to `memory` bytes, for sessions of up to `batch` images.
  init(memory: Int, batch: Int) {
    let models = ModelStore(memory: memory, batch: batch)
    self.models = models
    frosts = FrostStore { models.charge($0) }
    saliency = SaliencyStore(batch: batch) { models.charge($0) }
  }

  /// The pictures of frost that a shard needs.
  ///
  /// - Throws: `WorkerTrouble` where they cannot be read.
  func frost(of task: ShardTask) throws -> [RGBImage] {
    try WorkerTrouble.telling { try frosts.pictures(of: task.condition.frost) }
  }

  /// Lends `body` a shard's network as the shard's condition has it, with gradients where it is attacked by them.
  ///
  /// - Throws: what `body` throws; `WorkerTrouble` where the checkpoint cannot be read.
  func withNetwork<Value>(
    of task: ShardTask, times: StreamTimes, counting passes: PassCounter = PassCounter(),
    _ body: (ShardNetwork) throws -> Value
  ) throws -> Value {
    func load<Loaded>(_ loading: () throws -> Loaded) throws -> Loaded {
      try times.measure(.loading) { try WorkerTrouble.telling(loading) }
    }
    let needsGradients = task.condition.needsGradients || task.observed.needsLabels
    let loan = try load {
      try models.take(task.model, withGradients: needsGradients || task.observed.needsGradients)
    }
    defer { models.giveBack(loan) }
    let change = task.condition.lesion?.change(of: loan.classifier.architecture, seed: task.seed) ?? .none
    try load { try models.use(change, in: loan) }
    let gradients = try load { needsGradients ? try models.gradients(of: loan) : nil }
    let view = try load { try task.observed.view.map { try models.observer(of: $0, in: loan) } }
    return try body(
      ShardNetwork(
        classifier: loan.classifier, session: loan.session, gradients: gradients, view: view, saliency: saliency,
        change: change, passes: passes))
  }

  /// Lends `body` a session of a model as it is.
  ///
  /// - Throws: what `body` throws; `WorkerTrouble` where the checkpoint cannot be read.
  func withSession<Value>(
    of model: ModelSpecification, times: StreamTimes, _ body: (InferenceSession) throws -> Value
  ) throws -> Value {
    let loan = try times.measure(.loading) { try WorkerTrouble.telling { try models.take(model) } }
    defer { models.giveBack(loan) }
    try WorkerTrouble.telling { try models.use(.none, in: loan) }
    return try body(loan.session)
  }

  /// How far the large kernels of a task's model look, as an observation of one image.
  ///
  /// - Throws: `WorkerTrouble` where the checkpoint cannot be read.
  func kernelDistances(of task: ShardTask, times: StreamTimes) throws -> [Observation] {
    try times.measure(.loading) {
      try WorkerTrouble.telling {
        let loan = try models.take(task.model)
        defer { models.giveBack(loan) }
        let shape = try task.observed.shape(
          of: loan.classifier.architecture, classCount: loan.classifier.classCount)
        return KernelVariables.observations(try models.kernelDistances(of: loan), shape)
      }
    }
  }
}

/// The network of a shard as its condition has it; one thread uses it at a time.
struct ShardNetwork {
  let classifier: Classifier
  let session: InferenceSession
  /// Where images are attacked by gradients.
  let gradients: GradientSession?
  /// What looks into it; nil where its answer is wanted.
  let view: Observer?
  /// Networks that say what is salient.
  let saliency: SaliencyStore
  /// What is left out of it.
  let change: NetworkChange
  /// Told of each pass.
  let passes: PassCounter
  /// Values of an image.
  var imageSize: Int { classifier.inputHeight * classifier.inputWidth * 3 }

  /// The network as attacks and gradients ask it.
  func underAttack(_ task: ShardTask) -> NetworkUnderAttack {
    NetworkUnderAttack(
      inference: session, session: gradients, passes: passes, preprocessing: task.model.preprocessing,
      classCount: classifier.classCount, height: classifier.inputHeight, width: classifier.inputWidth)
  }

  /// Images of a shard after all that its condition asks networks for: what is salient is dropped, then this network is
  /// attacked; without, as they are.
  ///
  /// - Parameters:
  ///   - values: [count, height, width, 3] in [0, 1].
  ///   - offsets: which images of the shard they are.
  /// - Returns: the same in [0, 1].
  func attacked(_ values: [Float], at offsets: [Int], of task: ShardTask) throws -> [Float] {
    var values = try occluded(values, at: offsets, of: task)
    guard let attack = task.condition.attack, let labels = task.labels else { return values }
    let size = imageSize
    // What an image shows must be known.
    let places = offsets.indices.filter { labels[offsets[$0]] >= 0 }
    let found = try Attacker(attack, on: underAttack(task)).attacked(
      places.flatMap { values[($0 * size)..<(($0 + 1) * size)] }, labels: places.map { Int(labels[offsets[$0]]) },
      randoms: places.map { CounterRandom(key: task.seed, stream: StableHash.of("\(task.paths[offsets[$0]])\tattack")) }
    )
    for (index, place) in places.enumerated() {
      values.replaceSubrange((place * size)..<((place + 1) * size), with: found[(index * size)..<((index + 1) * size)])
    }
    return values
  }
}

// MARK: - What is salient

extension ShardNetwork {
  /// The images without what is salient in them, or without the rest, as their condition says.
  private func occluded(_ values: [Float], at offsets: [Int], of task: ShardTask) throws -> [Float] {
    guard let drop = task.condition.saliency else { return values }
    let size = PictureSize(width: classifier.inputWidth, height: classifier.inputHeight)
    let shares: [[Float]] =
      switch drop.source {
      case .attention(let network):
        try WorkerTrouble.telling { try saliency.attention(of: values, count: offsets.count, by: network) }
      case .gradient(let grid): try gradientShares(values, at: offsets, of: task, grid, size)
      }
    var values = values
    for place in offsets.indices {
      let range = (place * imageSize)..<((place + 1) * imageSize)
      guard shares[place].allSatisfy(\.isFinite) else {
        // What is salient is not known: the image has no result, as one that a network overflows on.
        values.replaceSubrange(range, with: repeatElement(.nan, count: imageSize))
        continue
      }
      var image = Array(values[range])
      drop.apply(to: &image, size: size, saliency: shares[place])
      values.replaceSubrange(range, with: image)
    }
    return values
  }

  /// Of each image and patch the sum of magnitudes of the gradient of the label's logit, of a label that is not known the
  /// answer's.
  private func gradientShares(
    _ values: [Float], at offsets: [Int], of task: ShardTask, _ grid: PatchGrid, _ size: PictureSize
  ) throws -> [[Float]] {
    let images = Array(values[..<(offsets.count * imageSize)])
    let network = underAttack(task)
    let classes = try network.labelsOrAnswers(task, images, at: offsets)
    let gradients = try network.gradients(of: images, losses: classes.map { .logit(of: $0) }).gradients
    return offsets.indices.map { place in
      (0..<grid.count).map { patch in
        let pixels = grid.pixels(of: patch, in: size)
        return Float(
          pixels.rows.reduce(0.0) { sum, row in
            let start = place * imageSize + (row * size.width + pixels.columns.lowerBound) * 3
            return (start..<(start + 3 * pixels.columns.count)).reduce(sum) { $0 + Double(abs(gradients[$1])) }
          })
      }
    }
  }
}

extension NetworkUnderAttack {
  /// What images show; of one whose class is not known, or none of the network's, what the network answers.
  func labelsOrAnswers(_ task: ShardTask, _ images: [Float], at offsets: [Int]) throws -> [Int] {
    let answers = self.answers(try logits(of: images, count: offsets.count))
    return offsets.enumerated().map { place, offset in
      let label = Int(task.labels?[offset] ?? -1)
      return (0..<classCount).contains(label) ? label : answers[place]
    }
  }
}
