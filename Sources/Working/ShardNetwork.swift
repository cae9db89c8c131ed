import Attacks
import Benchmarks
import Imaging
import Networks
import Planning
import Tensors

/// The models and the pictures of frost that shards are computed with, shared by threads.
final class ShardStores: Sendable {
  let models: ModelStore
  private let frosts: FrostStore

  /// Stores that keep to `memory` bytes, for sessions of up to `batch` images.
  init(memory: Int, batch: Int) {
    let models = ModelStore(memory: memory, batch: batch)
    self.models = models
    frosts = FrostStore { models.charge($0) }
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
    of task: ShardTask, times: StreamTimes, _ body: (ShardNetwork) throws -> Value
  ) throws -> Value {
    func load<Loaded>(_ loading: () throws -> Loaded) throws -> Loaded {
      try times.measure(.loading) { try WorkerTrouble.telling(loading) }
    }
    let needsGradients = task.condition.attack?.method.needsGradients == true
    let loan = try load { try models.take(task.model, withGradients: needsGradients) }
    defer { models.giveBack(loan) }
    let change = task.condition.lesion?.change(of: loan.classifier.architecture, seed: task.seed) ?? .none
    try load { try models.use(change, in: loan) }
    let gradients = try load { needsGradients ? try models.gradients(of: loan) : nil }
    return try body(
      ShardNetwork(classifier: loan.classifier, session: loan.session, gradients: gradients, change: change))
  }
}

/// The network of a shard as its condition has it; one thread uses it at a time.
struct ShardNetwork {
  let classifier: Classifier
  let session: InferenceSession
  /// Where images are attacked by gradients.
  let gradients: GradientSession?
  /// What is left out of it.
  let change: NetworkChange
  /// Values of an image.
  var imageSize: Int { classifier.inputHeight * classifier.inputWidth * 3 }

  /// Images of a shard after its condition's attack on this network; without an attack as they are.
  ///
  /// - Parameters:
  ///   - values: [count, height, width, 3] in [0, 1].
  ///   - offsets: which images of the shard they are.
  /// - Returns: the same in [0, 1].
  func attacked(_ values: [Float], at offsets: [Int], of task: ShardTask) throws -> [Float] {
    guard let attack = task.condition.attack, let labels = task.labels else { return values }
    let size = imageSize
    var values = values
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
    return values
  }
}
