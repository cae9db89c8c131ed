import Benchmarks
import Durable
import Foundation
import Records

/// All that a worker needs to compute one shard. It holds no state of the run, so any worker can take it.
public struct ShardTask: Sendable, Hashable, Codable {
  /// The shard's number in the plan.
  public let shard: Int64
  /// The model to run.
  public let model: ModelSpecification
  /// The benchmark's name.
  public let benchmark: String
  /// Where the benchmark's pictures lie.
  public let layout: PictureLayout
  /// The condition to evaluate.
  public let condition: Condition
  /// The first image's place in the benchmark's listing.
  public let firstImage: Int
  /// Paths below the cell's folder.
  public let paths: [String]
  /// Which output each image should have, -1 where that is unknown; nil where nothing that is done needs it.
  public let labels: [Int32]?
  /// What is observed of each image.
  public let observed: Observed
  /// Models that answer to the same values, too.
  public let others: [ModelSpecification]
  /// The run's seed, for corruptions made on the fly.
  public let seed: UInt64
  /// Images all over the benchmark. A worker that can read one of them sees the data, whatever file it misses.
  public let probes: [ImagePlace]
  /// The shard will not be handed out again: images that cannot be read are set aside, the others computed.
  public let isLastAttempt: Bool

  /// An image of a benchmark at a cell of its grid.
  public struct ImagePlace: Sendable, Hashable, Codable {
    /// The cell.
    public let cell: GridCell
    /// The path below the cell's folder.
    public let path: String
  }

  /// The task as it goes over the wire: JSON.
  public func encoded() throws -> Data { try JSONEncoder().encode(self) }

  /// Reads a task from the wire.
  public init(decoding data: Data) throws {
    do {
      self = try JSONDecoder().decode(ShardTask.self, from: data)
    } catch {
      throw ShardExchangeError.malformed("this version cannot read the task: \(error.sentence)")
    }
    guard (labels?.count ?? (needsLabels ? 0 : paths.count)) == paths.count else {
      throw ShardExchangeError.malformed("the task lacks the labels of some images")
    }
  }

  /// Whether what is done or observed rests on what images show.
  private var needsLabels: Bool { condition.needsLabels || observed.needsLabels }

  /// A task for the shard of a plan.
  ///
  /// - Parameter labels: gives which output each of a benchmark's images should have, by the places of model and benchmark;
  ///   asked only where it is needed; nil: the plan says it.
  public init(
    _ shard: ShardDefinition, of plan: Plan, isLastAttempt: Bool = false,
    labels: ((_ model: Int, _ benchmark: Int) -> [Int32])? = nil
  ) throws {
    guard plan.manifest.models.indices.contains(shard.model),
      plan.manifest.benchmarks.indices.contains(shard.benchmark),
      let condition = plan.manifest.benchmarks[shard.benchmark].condition(at: shard.condition),
      shard.firstImage >= 0, shard.imageCount >= 0,
      shard.imageCount <= plan.listings[shard.benchmark].paths.count - shard.firstImage
    else {
      throw ShardExchangeError.malformed("shard \(shard.id) is not in the plan; the ledger belongs to another run")
    }
    self.shard = shard.id
    model = plan.manifest.models[shard.model]
    let definition = plan.manifest.benchmarks[shard.benchmark]
    benchmark = definition.name
    layout = definition.layout
    self.condition = condition
    observed = definition.observed
    others = observed.others(than: model, in: plan.manifest)
    firstImage = shard.firstImage
    let images = shard.firstImage..<shard.firstImage + shard.imageCount
    paths = Array(plan.listings[shard.benchmark].paths[images])
    self.labels =
      condition.needsLabels || definition.observed.needsLabels
      ? Array((labels ?? plan.labels)(shard.model, shard.benchmark)[images]) : nil
    seed = plan.manifest.seed
    self.isLastAttempt = isLastAttempt
    let listed = plan.listings[shard.benchmark].paths
    let conditions: [Condition?] = [definition.conditions.first, definition.conditions.last, condition]
    let places = zip(conditions, [listed.first, listed.last, listed.dropFirst(listed.count / 2).first])
    probes = places.compactMap { condition, path in
      guard let condition, let path else { return nil }
      return ImagePlace(cell: condition.cell, path: path)
    }
  }
}

extension Plan {
  /// Which output of a model each image of a benchmark should have, -1 where that is unknown.
  public func labels(model: Int, benchmark: Int) -> [Int32] {
    manifest.benchmarks[benchmark].scoring(
      of: listings[benchmark], classCount: manifest.models[model].classCount
    ).labels
  }
}

/// A task or an output that is inconsistent.
public enum ShardExchangeError: Error, Equatable, CustomStringConvertible {
  /// The bytes are not what the protocol says.
  case malformed(String)

  /// What was found.
  public var description: String {
    switch self {
    case .malformed(let what): what
    }
  }
}

/// What a result is of. A shard's number alone does not say it for all time: a ledger that lost its last lines may give the
/// number of a piece to another one.
public struct ShardSubject: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The model's name.
  public let model: String
  /// The benchmark's name.
  public let benchmark: String
  /// The condition's place in the grid.
  public let condition: Int
  /// The first image's place in the benchmark's listing.
  public let firstImage: Int
  /// How many images.
  public let imageCount: Int

  /// What a shard of a plan is of; positions that the plan lacks are an error of the caller's.
  public init(_ shard: ShardDefinition, of plan: Plan) {
    self.init(
      model: plan.manifest.models[shard.model].name, benchmark: plan.manifest.benchmarks[shard.benchmark].name,
      condition: shard.condition, firstImage: shard.firstImage, imageCount: shard.imageCount)
  }

  /// What a task asks for.
  public init(_ task: ShardTask) {
    self.init(
      model: task.model.name, benchmark: task.benchmark, condition: task.condition.cell.index,
      firstImage: task.firstImage, imageCount: task.paths.count)
  }

  /// `MODEL/BENCHMARK, condition 3, 20 images from 40 on`.
  public var description: String {
    "\(model)/\(benchmark), condition \(condition), \(imageCount) images from \(firstImage) on"
  }

  init(model: String, benchmark: String, condition: Int, firstImage: Int, imageCount: Int) {
    self.model = model
    self.benchmark = benchmark
    self.condition = condition
    self.firstImage = firstImage
    self.imageCount = imageCount
  }
}

/// What a worker sends back for one shard.
public struct ShardOutput: Sendable, Equatable {
  /// The shard's number in the plan.
  public let shard: Int64
  /// What it is of.
  public let subject: ShardSubject
  /// How many images, those that failed included.
  public var imageCount: Int { subject.imageCount }
  /// What was observed of the images.
  public let observations: [Observation]
  /// The images that failed.
  public let failures: [ImageFailure]
  /// Who computed it and how: host, instruction set, GEMM backend, version.
  public let provenance: [String: String]

  /// An output; the codec checks that the sizes hold together.
  public init(
    shard: Int64, subject: ShardSubject, observations: [Observation], failures: [ImageFailure],
    provenance: [String: String]
  ) {
    self.shard = shard
    self.subject = subject
    self.observations = observations
    self.failures = failures
    self.provenance = provenance
  }
}

extension ShardOutput {
  /// The same with other values of one of its variables.
  ///
  /// - Parameter failing: images that have no result then, of which nothing is kept.
  public func replacing(_ place: Int, with values: [Float], failing: [ImageFailure] = []) -> ShardOutput {
    var observations = observations
    observations[place] = Observation(observations[place].variable, values)
    observations = observations.map { observation in
      var values = observation.values
      let count = values.count / max(1, imageCount)
      for failure in failing {
        let range = (failure.offset * count)..<((failure.offset + 1) * count)
        values.replaceSubrange(range, with: repeatElement(.nan, count: count))
      }
      return Observation(observation.variable, values)
    }
    let known = Set(failures.map(\.offset))
    return ShardOutput(
      shard: shard, subject: subject, observations: observations,
      failures: failures + failing.filter { !known.contains($0.offset) }, provenance: provenance)
  }
}

// MARK: - Wire form: UInt32 length of the header, JSON header, then each variable's values as little-endian float32

extension ShardOutput {
  private struct Header: Codable {
    let shard: Int64
    let subject: ShardSubject
    let variables: [Variable]
    let failures: [ImageFailure]
    let provenance: [String: String]
  }

  /// The output as it goes over the wire; reasons that are too long are cut.
  public func encoded() throws -> Data {
    let header = try JSONEncoder().encode(
      Header(
        shard: shard, subject: subject, variables: observations.map(\.variable), failures: failures.map(\.printed),
        provenance: provenance))
    var data = Data(capacity: 4 + header.count + observations.reduce(0) { $0 + $1.values.count * 4 })
    withUnsafeBytes(of: UInt32(header.count).littleEndian) { data.append(contentsOf: $0) }
    data.append(header)
    for observation in observations { observation.values.withUnsafeBytes { data.append(contentsOf: $0) } }
    return data
  }

  /// Reads an output from the wire and checks every size before it is believed.
  ///
  /// - Parameter largestHeader: the most bytes of JSON that are read.
  public init(decoding data: Data, largestHeader: Int = .max) throws {
    let bytes = [UInt8](data.prefix(4))
    guard bytes.count == 4 else { throw ShardExchangeError.malformed("the result is \(data.count) bytes long") }
    let headerLength = bytes.enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
    guard headerLength <= min(data.count - 4, largestHeader),
      let header = try? JSONDecoder().decode(Header.self, from: data.dropFirst(4).prefix(headerLength))
    else { throw ShardExchangeError.malformed("this version cannot read the result's header") }
    let payload = data.dropFirst(4 + headerLength)
    let imageCount = header.subject.imageCount
    let counts = header.variables.compactMap { $0.count(atMost: 1_000_000_000) }
    guard (0...1_000_000).contains(imageCount), counts.count == header.variables.count, counts.count <= 1000,
      payload.count == imageCount * counts.reduce(0, +) * 4,
      header.failures.allSatisfy({ (0..<imageCount).contains($0.offset) })
    else {
      throw ShardExchangeError.malformed(
        "the result claims \(imageCount) images of \(counts.reduce(0, +)) numbers in \(payload.count) bytes")
    }
    var rest = payload
    let observations = zip(header.variables, counts).map { variable, count in
      let bytes = rest.prefix(imageCount * count * 4)
      rest = rest.dropFirst(bytes.count)
      return Observation(
        variable,
        [Float](unsafeUninitializedCapacity: bytes.count / 4) { buffer, count in
          count = bytes.copyBytes(to: buffer) / 4
        })
    }
    self.init(
      shard: header.shard, subject: header.subject, observations: observations, failures: header.failures,
      provenance: header.provenance)
  }
}

extension ImageFailure {
  /// The longest reason, in bytes of UTF-8.
  public static let reasonBytes = 2_048

  /// The same, its reason printable and no longer than it may be.
  public var printed: ImageFailure {
    ImageFailure(offset: offset, reason: reason.plain(atMost: Self.reasonBytes), isUnreadable: isUnreadable)
  }
}
