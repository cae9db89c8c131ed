import Kernels
import Synchronization
import Tensors

/// A network with its weights, ready to be computed by any number of threads, each with a session of its own.
public final class Classifier: Sendable {
  /// What it is.
  public let architecture: Architecture
  /// The height of the images that it takes, in pixels.
  public let inputHeight: Int
  /// The width of the images that it takes, in pixels.
  public let inputWidth: Int
  /// Logits an image.
  public let classCount: Int
  /// Of the network as it is.
  let program: Program
  /// Opens the network again: what is packed is kept, not what it was packed from.
  private let network: @Sendable () throws(CheckpointError) -> StoredNetwork
  private let options: ComputeOptions
  private let store = WeightStore()
  /// Of changed and of differentiated networks, those that were asked for last; packed weights are shared with them.
  private let made = Mutex<[(variant: Variant, program: Program)]>([])
  private static let maximumMade = 8

  /// What a program is made of.
  private struct Variant: Hashable {
    let change: NetworkChange
    var isDifferentiated = false
    var view: NetworkView?

    var isPlain: Bool { self == Variant(change: .none) }

    func graph(of network: Graph) throws -> Graph {
      let graph = try network.leavingOut(change.leftOut)
      if let view { return try graph.showing(view) }
      return isDifferentiated ? try graph.withInputGradient() : graph.optimisedForAllTokens
    }
  }

  private let making = Mutex(())

  /// Reads a checkpoint, merged or not, and folds and packs its weights.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged or does not fit the architecture.
  public convenience init(
    architecture: Architecture, checkpoint: String, options: ComputeOptions = ComputeOptions()
  ) throws(CheckpointError) {
    try self.init(architecture, options) { () throws(CheckpointError) in
      try architecture.design.open(checkpoint, as: architecture)
    }
  }

  /// With random weights, the same ones each time, some of them 0: for benchmarks and tests.
  package convenience init(
    randomly architecture: Architecture, zeroing zeroed: Set<String> = [], options: ComputeOptions = ComputeOptions(),
    isOptimised: Bool = true
  ) throws(CheckpointError) {
    try self.init(architecture, options, isOptimised: isOptimised) { () throws(CheckpointError) in
      try architecture.design.drawn(as: architecture, zeroing: zeroed)
    }
  }

  private init(
    _ architecture: Architecture, _ options: ComputeOptions, isOptimised: Bool = true,
    network: @escaping @Sendable () throws(CheckpointError) -> StoredNetwork
  ) throws(CheckpointError) {
    let opened = try network()
    self.architecture = architecture
    (inputHeight, inputWidth) = (architecture.inputHeight, architecture.inputWidth)
    classCount = opened.graph.extents[opened.graph.logits].count
    (self.network, self.options) = (network, options)
    program = try Program(
      isOptimised ? opened.graph.optimised : opened.graph, weights: opened.weights, options: options, store: store)
  }

  /// The network after a change, or with its input's gradient. Large weights that were packed before are not packed again; the rest is read anew, so the
  /// checkpoint must be the one that was loaded.
  ///
  /// - Throws: `NetworkChangeError` for a change that it does not allow, `GradientError` where a layer has no gradient,
  ///   `CheckpointError` where weights cannot be read any more.
  func program(for change: NetworkChange, isDifferentiated: Bool = false) throws -> Program {
    try program(of: Variant(change: change, isDifferentiated: isDifferentiated))
  }

  /// What shows something within the network after a change.
  ///
  /// - Throws: as ``program(for:isDifferentiated:)``, and `NetworkViewError` for what it has nothing of.
  func program(for change: NetworkChange, seenBy view: NetworkView) throws -> Program {
    try program(of: Variant(change: change, view: view))
  }

  private func program(of variant: Variant) throws -> Program {
    if variant.isPlain { return program }
    if let known = known(variant) { return known }
    // One thread makes programs, others wait for it.
    return try making.withLock { _ in
      if let known = known(variant) { return known }
      let opened = try network()
      let program = try Program(
        variant.graph(of: opened.graph), weights: opened.weights, options: options, store: store)
      made.withLock { programs in
        programs.append((variant, program))
        if programs.count > Self.maximumMade { programs.removeFirst() }
      }
      return program
    }
  }

  /// The network as its checkpoint holds it.
  func reopened() throws(CheckpointError) -> (network: StoredNetwork, options: ComputeOptions, store: WeightStore) {
    (try network(), options, store)
  }

  /// Whether the network after a change, perhaps with its input's gradient, needs nothing read.
  public func isReady(for change: NetworkChange, isDifferentiated: Bool = false) -> Bool {
    let variant = Variant(change: change, isDifferentiated: isDifferentiated)
    return variant.isPlain || known(variant) != nil
  }

  /// Whether a view into it needs nothing read.
  public func isReady(for view: NetworkView) -> Bool { known(Variant(change: .none, view: view)) != nil }

  /// A program that was made before; it is the last one now that was asked for.
  private func known(_ variant: Variant) -> Program? {
    made.withLock { programs in
      guard let place = programs.firstIndex(where: { $0.variant == variant }) else { return nil }
      programs.append(programs.remove(at: place))
      return programs.last?.program
    }
  }

  /// Multiply-adds an image, as the layers are defined.
  public var multiplyAdds: Int { program.graph.multiplyAdds }

  /// Memory to compute in, for up to `maximumBatch` images at once. One thread uses it at a time.
  public func makeSession(maximumBatch: Int) -> InferenceSession {
    InferenceSession(self, maximumBatch: max(1, maximumBatch))
  }
}

/// What a network cannot compute.
public enum InferenceError: Error, Equatable, CustomStringConvertible {
  /// The number of images, or the storage for images or logits, does not fit the session.
  case wrongSize(String)

  /// What was found.
  public var description: String {
    switch self {
    case .wrongSize(let what): what
    }
  }
}

/// One stream of images through a classifier.
public final class InferenceSession {
  /// The most images at once.
  public let maximumBatch: Int
  /// What is done to the network.
  public private(set) var change = NetworkChange.none
  private let classifier: Classifier
  private var session: ProgramSession
  private var gradientSession: GradientSession?
  private var observer: (view: NetworkView, observer: Observer)?

  init(_ classifier: Classifier, maximumBatch: Int) {
    self.classifier = classifier
    self.maximumBatch = maximumBatch
    session = ProgramSession(classifier.program, maximumBatch: maximumBatch)
  }

  /// Lets the session compute the network after a change from now on.
  ///
  /// - Throws: `NetworkChangeError` for a change that it does not allow, `CheckpointError` where weights cannot be read any more.
  public func use(_ change: NetworkChange) throws {
    guard change != self.change else { return }
    let program = try classifier.program(for: change)
    // The buffers of before go first.
    gradientSession = nil
    session = ProgramSession(program, maximumBatch: 0)
    session = ProgramSession(program, maximumBatch: maximumBatch)
    self.change = change
  }

  /// What computes gradients of the network as it is now; made when it is first asked for.
  ///
  /// - Throws: as `Classifier.makeGradientSession`.
  public func gradients() throws -> GradientSession {
    if let gradientSession { return gradientSession }
    // One of both at a time: each may take hundreds of megabytes.
    observer = nil
    let made = try classifier.makeGradientSession(maximumBatch: maximumBatch, change: change)
    gradientSession = made
    return made
  }

  /// What looks into the network; made when it is first asked for, and kept until another view is.
  ///
  /// - Throws: as `Classifier.makeObserver`.
  public func observer(of view: NetworkView) throws -> Observer {
    if let observer, observer.view == view { return observer.observer }
    (observer, gradientSession) = (nil, nil)
    let made = try classifier.makeObserver(view, maximumBatch: maximumBatch)
    observer = (view, made)
    return made
  }

  /// Computes logits; those of an image do not depend on the other images.
  ///
  /// - Parameters:
  ///   - images: [count, height, width, 3], normalised.
  ///   - count: 0 to `maximumBatch`.
  ///   - logits: [count, classes].
  public func logits(
    images: UnsafeBufferPointer<Float>, count: Int, into logits: UnsafeMutableBufferPointer<Float>
  ) throws(InferenceError) {
    let (height, width) = (classifier.inputHeight, classifier.inputWidth)
    guard (0...maximumBatch).contains(count), images.count >= count * height * width * 3,
      logits.count >= count * classifier.classCount
    else {
      throw .wrongSize(
        "\(count) images of \(height)x\(width) with \(classifier.classCount) logits each do not fit "
          + "\(images.count) and \(logits.count) numbers in a session for \(maximumBatch)")
    }
    guard count > 0 else { return }
    session.run(images, count: count, into: [logits])
  }
}
