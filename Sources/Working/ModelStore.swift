import Dispatch
import Machine
import Networks
import Planning
import Synchronization

/// The models that a worker has in memory, shared by its threads, each of which computes in a session of its own.
///
/// A model is loaded by the thread that needs it first, while others go on with theirs; what is not used any more goes as
/// `Residency` says, and its memory goes back to the system.
final class ModelStore: Sendable {
  private typealias Plan = Residency<ModelSpecification>

  /// A model and a session that a thread has for a while.
  struct Loan {
    fileprivate let specification: ModelSpecification
    let classifier: Classifier
    let session: InferenceSession
  }

  private struct State {
    var plan: Plan
    var models: [ModelSpecification: LoadedModel] = [:]
    /// Threads that ask again when something has changed.
    var waiting: [DispatchSemaphore] = []

    /// What goes, for the caller to let go of outside the lock.
    mutating func take(_ departures: [Plan.Departure]) -> Departed {
      var departed = Departed()
      for departure in departures {
        switch departure {
        case .model(let key): departed.models += models.removeValue(forKey: key).map { [$0] } ?? []
        case .session(let key): departed.sessions += models[key]?.takeIdle().map { [$0] } ?? []
        }
      }
      return departed
    }
  }

  private struct Departed {
    var models: [LoadedModel] = []
    var sessions: [LoadedModel.Handover] = []
    var isEmpty: Bool { models.isEmpty && sessions.isEmpty }
  }

  private let batch: Int
  private let state: Mutex<State>

  /// A store that keeps to `memory` bytes, for sessions of up to `batch` images.
  init(memory: Int, batch: Int, maximumModels: Int = 3) {
    self.batch = batch
    state = Mutex(State(plan: Plan(limit: memory, maximumModels: maximumModels)))
  }

  /// The model with a session, loaded if it is not there; waits where memory is short until other threads give some back.
  ///
  /// - Parameter withGradients: whether ``gradients(of:)`` will be asked for, so that a model is loaded where there is room
  ///   for them.
  /// - Throws: `RunFolderError.changedCheckpoint` for a checkpoint that is not the planned one, or what reading it throws.
  func take(_ specification: ModelSpecification, withGradients: Bool = false) throws -> Loan {
    let model = try model(specification, withGradients)
    let isIdle = settle { state in
      switch state.plan.seat(specification) {
      case .idle: (true, [])
      case .new(let gone): (false, gone)
      case .wait(let gone): (nil, gone)
      }
    }
    let session = (isIdle ? model.takeIdle()?.session : nil) ?? model.classifier.makeSession(maximumBatch: batch)
    return Loan(specification: specification, classifier: model.classifier, session: session)
  }

  /// Lets a loan's session compute its model after a change.
  ///
  /// - Throws: `RunFolderError.changedCheckpoint` where the checkpoint, which is read again, is not the planned one any more,
  ///   or what the change throws.
  func use(_ change: NetworkChange, in loan: Loan) throws {
    guard change != loan.session.change else { return }
    if !loan.classifier.isReady(for: change) { try Self.check(loan.specification) }
    try loan.session.use(change)
    Allocator.trim()
  }

  /// What computes gradients of a loan's model as its session computes it; they stay with the session.
  ///
  /// - Throws: as ``use(_:in:)``.
  func gradients(of loan: Loan) throws -> GradientSession {
    if !loan.classifier.isReady(for: loan.session.change, isDifferentiated: true) { try Self.check(loan.specification) }
    let gradients = try loan.session.gradients()
    grow(loan, by: gradients.needs)
    return gradients
  }

  /// What looks into a loan's model; it stays with the session.
  ///
  /// - Throws: `RunFolderError.changedCheckpoint`, `NetworkViewError`, or what reading the checkpoint throws.
  func observer(of view: NetworkView, in loan: Loan) throws -> Observer {
    if !loan.classifier.isReady(for: view) { try Self.check(loan.specification) }
    let observer = try loan.session.observer(of: view)
    grow(loan, by: observer.needs)
    return observer
  }

  /// Takes note of what a loan's model and session take beside the network itself.
  private func grow(_ loan: Loan, by needs: MemoryNeeds) {
    let plain = loan.classifier.memoryNeeds(maximumBatch: batch)
    change { state in
      state.plan.grow(
        loan.specification,
        to: Plan.Needs(model: plain.weights + needs.weights, session: plain.session + needs.session))
    }
  }

  /// Keeps so many models at least, as far as the memory reaches: a shard asks them in turn.
  func keep(models: Int) {
    change { state in
      state.plan.maximumModels = max(state.plan.maximumModels, models)
      return []
    }
  }

  /// How far a loan's large kernels look.
  ///
  /// - Throws: `RunFolderError.changedCheckpoint`, or what reading the checkpoint throws.
  func kernelDistances(of loan: Loan) throws -> [KernelDistances] {
    try Self.check(loan.specification)
    return try loan.classifier.kernelDistances()
  }

  /// Ends a loan.
  func giveBack(_ loan: Loan) {
    change { state in
      state.models[loan.specification]?.giveBack(loan.session)
      return state.plan.giveBack(loan.specification)
    }
  }

  /// Takes note of other things that take more memory than before, or less.
  func charge(_ bytes: Int) { change { $0.plan.charge(bytes) } }

  /// The checkpoints of the models that are in memory.
  var names: Set<String> { state.withLock { Set($0.models.keys.map(\.name)) } }

  private func model(_ specification: ModelSpecification, _ withGradients: Bool) throws -> LoadedModel {
    // The estimate reads the checkpoint's head, which waits for a disk: not under the lock, and not for what is there.
    let isThere = state.withLock { $0.models[specification] != nil }
    let estimate = isThere ? Plan.Needs(model: 0, session: 0) : try estimate(specification, withGradients)
    let found: Result<LoadedModel, MustLoad> = settle { state in
      switch state.plan.admit(specification, estimate: estimate) {
      case .ready: (state.models[specification].map { .success($0) } ?? .failure(MustLoad()), [])
      case .load(let gone): (.failure(MustLoad()), gone)
      case .wait(let gone): (nil, gone)
      }
    }
    if case .success(let model) = found { return model }
    do {
      let model = LoadedModel(classifier: try Self.load(specification))
      let needs = model.classifier.memoryNeeds(maximumBatch: batch)
      change { state in
        state.models[specification] = model
        return state.plan.loaded(specification, needs: Plan.Needs(model: needs.weights, session: needs.session))
      }
      return model
    } catch {
      change { state in
        state.plan.failed(specification)
        return []
      }
      throw error
    }
  }

  private struct MustLoad: Error {}

  private static func load(_ specification: ModelSpecification) throws -> Classifier {
    try check(specification)
    return try Classifier(
      architecture: architecture(of: specification), checkpoint: specification.checkpoint,
      options: ComputeOptions(gemm: specification.gemm, precision: specification.precision))
  }

  private static func check(_ specification: ModelSpecification) throws {
    guard try FileDigest.checkpoint(specification.checkpoint) == specification.checkpointDigest else {
      throw RunFolderError.changedCheckpoint(model: specification.name, path: specification.checkpoint)
    }
  }

  private func estimate(_ specification: ModelSpecification, _ withGradients: Bool) throws -> Plan.Needs {
    let needs = try Self.architecture(of: specification).estimatedMemory(
      maximumBatch: batch, precision: specification.precision, withGradients: withGradients)
    return Plan.Needs(model: needs.weights, session: needs.session)
  }

  private static func architecture(of specification: ModelSpecification) throws -> Architecture {
    guard let found = try specification.ownArchitecture() else {
      throw ShardExchangeError.malformed("\(specification.name) is computed by Python, not by this worker")
    }
    return found
  }

  /// Asks under the lock until there is an answer, and lets go of what goes.
  private func settle<Answer>(_ question: (inout State) -> (Answer?, [Plan.Departure])) -> Answer {
    while true {
      let turn = DispatchSemaphore(value: 0)
      var departed = Departed()
      let answer = state.withLock { state in
        let (answer, gone) = question(&state)
        departed = state.take(gone)
        if answer == nil { state.waiting.append(turn) }
        return answer
      }
      Self.letGo(&departed)
      if let answer { return answer }
      turn.wait()
    }
  }

  /// Changes something, lets go of what goes, and has those that wait ask again.
  private func change(_ body: (inout State) -> [Plan.Departure]) {
    var departed = Departed()
    state.withLock { state in
      departed = state.take(body(&state))
      for turn in state.waiting { turn.signal() }
      state.waiting = []
    }
    Self.letGo(&departed)
  }

  private static func letGo(_ departed: inout Departed) {
    guard !departed.isEmpty else { return }
    departed = Departed()
    // What is freed stays in the allocator's arenas otherwise, a little in each.
    Allocator.trim()
  }
}

/// A classifier with the sessions that no thread uses at the moment.
private final class LoadedModel: Sendable {
  let classifier: Classifier
  private let idle = Mutex<[Handover]>([])

  /// A session on its way from one thread to the next; the lock orders their uses.
  struct Handover: @unchecked Sendable {
    let session: InferenceSession
  }

  init(classifier: Classifier) {
    self.classifier = classifier
  }

  func takeIdle() -> Handover? { idle.withLock { $0.popLast() } }

  func giveBack(_ session: InferenceSession) {
    let handover = Handover(session: session)
    idle.withLock { $0.append(handover) }
  }
}
