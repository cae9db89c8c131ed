import Foundation

/// Where each thing of a run lies. A run is one folder: manifest, plan, ledger, keys, parts, logs, archive.
public struct RunFolder: Sendable, Hashable {
  /// The folder's absolute path.
  public let path: String

  /// The run folder at a path; nothing is created.
  public init(_ path: String) {
    self.path = URL(fileURLWithPath: path).standardizedFileURL.path
  }

  /// The manifest as the user wrote it.
  public var manifest: String { path + "/manifest.yaml" }
  /// The resolved manifest and the listings' digests.
  public var plan: String { path + "/plan.json" }
  /// One JSON file a benchmark: the images in the archive's order.
  public func listing(of benchmark: String) -> String { path + "/listings/\(benchmark).json" }
  /// The coordinator's journal.
  public var ledger: String { path + "/ledger.sqlite" }
  /// CURVE keys, folder mode 0700.
  public var keys: String { path + "/keys" }
  /// Where a worker finds the coordinator.
  public var endpoint: String { path + "/coordinator.json" }
  /// How far the run is, for those who cannot read the ledger.
  public var statusReport: String { path + "/status.json" }
  /// What `gauntlet launch` started.
  public var launched: String { path + "/launched.json" }
  /// The result files of shards, at most 1,000 a folder.
  public func part(shard: Int64) -> String {
    path + "/" + relativePart(shard: shard)
  }
  /// A part's path below the run folder, as the ledger holds it.
  public func relativePart(shard: Int64) -> String { "parts/\(shard / 1000)/\(shard).h5" }
  /// Logs of workers that the run started itself.
  public var logs: String { path + "/logs" }
  /// The merged archive, unless the user names another place.
  public var archive: String { path + "/archive.h5" }
  /// The HTML report, unless the user names another place.
  public var report: String { path + "/report.html" }

  /// Whether a run was planned here.
  public var isPlanned: Bool { FileManager.default.fileExists(atPath: plan) }

  /// Makes the run folder, mode 0700.
  public func create() throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  /// Writes a file whole or not at all: beside its place, synced, renamed, the folder synced.
  public static func writeAtomically(_ data: Data, to path: String) throws {
    let folder = (path as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let temporary = path + ".tmp-\(ProcessInfo.processInfo.processIdentifier)"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw RunFolderError.unwritable(path, reason: String(cString: strerror(errno))) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      try handle.write(contentsOf: data)
      try handle.synchronize()
      try handle.close()
    } catch {
      unlink(temporary)
      throw RunFolderError.unwritable(path, reason: "\(error)")
    }
    guard rename(temporary, path) == 0 else {
      throw RunFolderError.unwritable(path, reason: String(cString: strerror(errno)))
    }
    let folderDescriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }
}

/// A run folder that cannot be used, and what to do about it.
public enum RunFolderError: Error, Equatable, CustomStringConvertible {
  /// A file of the run cannot be written.
  case unwritable(String, reason: String)
  /// There is no planned run in this folder.
  case notARun(String)
  /// A file of the run is damaged or of another version.
  case damaged(String, reason: String)
  /// There are parts, but no ledger that tells of them.
  case lostLedger(String)
  /// The folder holds a run of another manifest.
  case otherManifest(String)
  /// The data set changed since the run was planned.
  case changedData(benchmark: String, root: String)
  /// A model's checkpoint changed since the run was planned.
  case changedCheckpoint(model: String, path: String)

  /// One sentence that says what was found and what to do.
  public var description: String {
    switch self {
    case .unwritable(let path, let reason): "cannot write \(path): \(reason); free space or choose another --run folder"
    case .notARun(let path): "\(path) holds no run (no plan.json); start one with gauntlet run MANIFEST --run \(path)"
    case .damaged(let path, let reason): "\(path) is damaged: \(reason); restore it, or start the run anew elsewhere"
    case .lostLedger(let path): "\(path) has parts but no ledger; gauntlet mend \(path) makes another from them"
    case .otherManifest(let path):
      "\(path) holds a run of another manifest; go on with gauntlet resume \(path), or choose another --run folder"
    case .changedData(let benchmark, let root):
      "the images of \(benchmark) below \(root) changed since the run was planned; restore them or start a new run"
    case .changedCheckpoint(let model, let path):
      "the checkpoint of \(model), \(path), changed since the run was planned; restore it or start a new run"
    }
  }
}
