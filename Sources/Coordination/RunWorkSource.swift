import Archives
import Durable
import Foundation
import Planning
import Records
import Synchronization

/// Ties the coordinator to a run folder: tasks come from the plan, results become parts.
public final class RunWorkSource: WorkSource {
  private let plan: Plan
  private let folder: RunFolder
  /// What each image shows, by model and benchmark: worked out once.
  private let labels = Mutex<[[Int]: [Int32]]>([:])
  private let files: any FileCalls
  /// Folders of parts whose names are on disk.
  private let keptFolders = Mutex<Set<String>>([])
  /// Told of what is stored; nil where nobody watches.
  private let tally: InterimTally?

  /// The source of a planned run.
  ///
  /// - Parameter tally: counts what is stored, for whoever watches the run.
  public convenience init(plan: Plan, folder: RunFolder, tally: InterimTally? = nil) {
    self.init(plan: plan, folder: folder, files: SystemFiles(), tally: tally)
  }

  /// One that writes parts by other calls than the system's.
  package init(plan: Plan, folder: RunFolder, files: any FileCalls, tally: InterimTally? = nil) {
    self.plan = plan
    self.folder = folder
    self.files = files
    self.tally = tally
  }

  /// The plan's run name.
  public var runID: String { plan.runID }

  /// Of this program, and of each model that Python computes.
  public var lanes: WorkerLanes { plan.lanes }

  /// Passes through the network.
  public func cost(model: Int, benchmark: Int, condition: Int) -> Double {
    plan.cost(model: model, benchmark: benchmark, condition: condition)
  }

  /// The encoded task of a shard.
  public func task(for shard: ShardDefinition, attempt: Int, isLast: Bool) throws -> Data {
    try ShardTask(shard, of: plan, isLastAttempt: isLast, labels: labels).encoded()
  }

  private func labels(model: Int, benchmark: Int) -> [Int32] {
    labels.withLock { known in
      if let found = known[[model, benchmark]] { return found }
      let found = plan.labels(model: model, benchmark: benchmark)
      known[[model, benchmark]] = found
      return found
    }
  }

  /// Checks a worker's result: that it is of just this shard, and can be collected.
  public func check(_ payload: Data, for shard: ShardDefinition) throws(InvalidResult) {
    _ = try believed(payload, for: shard)
  }

  /// Each image's failure names its file.
  public func failing(_ shard: ShardDefinition, reason: String) throws -> Data {
    let paths = plan.listings[shard.benchmark].paths
    return try ShardOutput(
      shard: shard.id, subject: ShardSubject(shard, of: plan),
      observations: plan.variables(model: shard.model, benchmark: shard.benchmark).map { variable in
        Observation(
          variable, Array(repeating: .nan, count: shard.imageCount * (variable.count(atMost: 1 << 30) ?? 0)))
      },
      failures: (0..<shard.imageCount).map {
        ImageFailure(offset: $0, reason: "\(paths[shard.firstImage + $0]): \(reason)")
      }, provenance: [:]
    ).encoded()
  }

  /// Checks a worker's result and writes it as a part: beside its place, synced, renamed, before this returns.
  public func store(
    _ payload: Data, for shard: ShardDefinition, attempt: Int, worker: String, former: StoredPart? = nil
  ) throws -> StoredPart? {
    try store(payload, for: shard, attempt: attempt, worker: worker, former: former, further: [:])
  }

  /// The same, with further attributes, which no worker may give.
  func store(
    _ payload: Data, for shard: ShardDefinition, attempt: Int, worker: String, former: StoredPart? = nil,
    further: [String: String]
  ) throws -> StoredPart? {
    let output = try believed(payload, for: shard)
    let unreadable = output.failures.count(where: \.isUnreadable)
    if let former, former.unreadableImages <= unreadable {
      count(former, of: shard)
      return former
    }
    let relativePath = path(for: shard, attempt: attempt, former: former)
    var attributes = output.provenance.merging(further) { $1 }
    attributes["worker"] = worker
    attributes["attempt"] = String(attempt)
    attributes["run_id"] = plan.runID
    let contents = PartContents(
      shard: shard.id, group: plan.group(model: shard.model, benchmark: shard.benchmark),
      conditionIndex: shard.condition, firstImage: shard.firstImage, imageCount: shard.imageCount,
      observations: output.observations, failures: output.failures, attributes: attributes)
    let path = folder.path + "/" + relativePath
    try makeFolder(of: path)
    let written = try PartFile.write(contents, to: path, files: files)
    tally?.add(output.observations, failures: output.failures, of: shard)
    return StoredPart(
      path: relativePath, sha256: written.sha256, bytes: written.bytes, failedImages: output.failures.count,
      unreadableImages: unreadable)
  }

  /// The former part is the shard's again.
  private func count(_ former: StoredPart, of shard: ShardDefinition) {
    guard let tally,
      let contents = try? PartFile.read(folder.path + "/" + former.path, expectedSHA256: former.sha256)
    else { return }
    tally.add(contents.observations, failures: contents.failures, of: shard)
  }

  /// Another path than the former part's, whatever that is: the ledger names it until it has the new one.
  private func path(for shard: ShardDefinition, attempt: Int, former: StoredPart?) -> String {
    let own = folder.relativePart(shard: shard.id)
    guard let former else { return own }
    let replacing = folder.relativePart(shard: shard.id, attempt: attempt)
    return replacing == former.path ? own : replacing
  }

  /// Removes the part's file.
  public func remove(_ part: StoredPart) { files.remove(folder.path + "/" + part.path) }

  /// Makes the folder of a part below the run folder, which is not made anew where it is gone, and has the disk keep its name:
  /// without it no part in it would outlive a power cut. Who made it before may have ended before that.
  private func makeFolder(of part: String) throws(FileError) {
    let thousand = DurableFile.folder(of: part)
    for path in [DurableFile.folder(of: thousand), thousand] {
      let code = files.makeFolder(path, mode: 0o700)
      guard code == 0 || code == EEXIST else { throw FileError("create the folder", path, code: code) }
      guard code == 0 || !keptFolders.withLock({ $0.contains(path) }) else { continue }
      let refusal = files.synchroniseFolder(DurableFile.folder(of: path))
      guard refusal == 0 else { throw FileError("create the folder", path, code: refusal) }
      keptFolders.withLock { _ = $0.insert(path) }
    }
  }

  private func believed(_ payload: Data, for shard: ShardDefinition) throws(InvalidResult) -> ShardOutput {
    try ResultCheck(plan: plan, shard: shard).believed(payload)
  }
}
