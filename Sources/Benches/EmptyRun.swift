import Coordination
import Durable
import Foundation
import Logging
import Messaging
import Planning

/// A ledger of shards whose task and result are empty, with keys, in a folder that goes with it: to time the
/// coordinator alone.
final class EmptyRun: Sendable {
  struct Source: WorkSource {
    let runID = "benchmark"
    func task(for shard: ShardDefinition, attempt: Int, isLast: Bool) -> Data { Data() }
    func check(_ payload: Data, for shard: ShardDefinition) {}
    func failing(_ shard: ShardDefinition, reason: String) -> Data { Data() }
    func store(
      _ payload: Data, for shard: ShardDefinition, attempt: Int, worker: String, former: StoredPart?
    ) -> StoredPart? { nil }
    func remove(_ part: StoredPart) {}
  }

  let folder = TemporaryFolder.path + "/gauntlet-benchmark-" + UUID().uuidString
  let keys: KeyStore
  let ledger: Ledger

  var ledgerPath: String { folder + "/ledger.sqlite" }

  init(shards: ShardTable) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    keys = KeyStore(folder: folder + "/keys")
    try keys.create()
    ledger = try Ledger.create(at: folder + "/ledger.sqlite", run: ["id": "benchmark"], shards: shards)
  }

  convenience init(shards: Int) throws {
    try self.init(
      shards: ShardTable(
        cells: [ShardCell(model: 0, benchmark: 0, condition: 0, imageCount: shards, shardImages: 1)]))
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// - Parameters:
  ///   - ledger: other than its own, which may be closed.
  ///   - onJoin: told how many workers have joined, at each that does.
  func coordinator(
    ledger: Ledger? = nil, onJoin: @escaping @Sendable (_ workers: Int) -> Void = { _ in }
  ) throws -> Coordinator {
    var configuration = CoordinatorConfiguration(
      listen: "tcp://127.0.0.1:*", security: try keys.serverSecurity(), runFolder: nil, leaseSeconds: 60, attempts: 3,
      version: "benchmark")
    configuration.onJoin = onJoin
    return try Coordinator(
      configuration: configuration, ledger: ledger ?? self.ledger, source: Source(),
      logger: Logger(label: "gauntlet.benchmark") { _ in SwiftLogNoOpLogHandler() })
  }
}
