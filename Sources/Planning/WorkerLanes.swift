import Shards

/// The kinds of workers that a plan's shards are for: lane 0 is this program's, then each model that Python computes has its own,
/// since a worker has but the one that it was given.
public struct WorkerLanes: Sendable, Hashable {
  /// The models that Python computes, in the order of their lanes from 1 on.
  public let models: [String]
  /// The lane of each of the plan's models; of one beyond them 0.
  public let ofModel: [Int]

  /// Lanes of models by their names; one lane without any.
  public init(models: [String] = [], ofModel: [Int] = []) { (self.models, self.ofModel) = (models, ofModel) }

  /// The lanes of a manifest's models.
  public init(of specifications: [ModelSpecification]) {
    var models: [String] = []
    ofModel = specifications.map { model in
      guard model.python != nil else { return 0 }
      models.append(model.name)
      return models.count
    }
    self.models = models
  }

  /// The lane of a worker that says what it computes.
  ///
  /// - Throws: `WorkerLaneError` for a model that none is of.
  public func lane(of kind: WorkerKind) throws(WorkerLaneError) -> Int {
    switch kind {
    case .native: return 0
    case .python(nil):
      guard models.count == 1 else { throw WorkerLaneError(model: nil, models: models) }
      return 1
    case .python(let name?):
      guard let place = models.firstIndex(of: name) else { throw WorkerLaneError(model: name, models: models) }
      return place + 1
    }
  }
}

/// A worker says of a model that it computes it, but the run has no such model for it.
public struct WorkerLaneError: Error, Equatable, CustomStringConvertible {
  /// Which it named.
  public let model: String?
  /// Those that there are.
  public let models: [String]

  /// What was found and what to do.
  public var description: String {
    guard !models.isEmpty else {
      return "the run has no model with engine: python, the only kind this worker computes"
    }
    let all = models.joined(separator: ", ")
    return model.map { "the run has no model \($0.prefix(100)) with engine: python; it has \(all)" }
      ?? "the run has several models with engine: python, \(all); say which this worker computes"
  }
}

extension Plan {
  /// The kinds of workers that its shards are for.
  public var lanes: WorkerLanes { WorkerLanes(of: manifest.models) }
}
