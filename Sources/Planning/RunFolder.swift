import Durable
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
  /// One file a benchmark: sizes and times of the images' files.
  public func stamps(of benchmark: String) -> String { path + "/listings/\(benchmark).stamps" }
  /// The coordinator's journal.
  public var ledger: String { path + "/ledger.sqlite" }
  /// CURVE keys, folder mode 0700.
  public var keys: String { path + "/keys" }
  /// Where a worker finds the coordinator.
  public var endpoint: String { path + "/coordinator.json" }
  /// Where the run's live page is, and its token.
  public var live: String { path + "/live.json" }
  /// Why the last coordinator ended before its work.
  public var coordinatorFailure: String { path + "/coordinator-failed.json" }
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
  /// The path of a part that takes the place of one that lacks images, which stays until the ledger has this one.
  public func relativePart(shard: Int64, attempt: Int) -> String { "parts/\(shard / 1000)/\(shard)-\(attempt).h5" }
  /// Logs of workers that the run started itself.
  public var logs: String { path + "/logs" }
  /// The merged archive, unless the user names another place.
  public var archive: String { path + "/archive.h5" }
  /// The HTML report, unless the user names another place.
  public var report: String { path + "/report.html" }

  /// Whether a run was planned here, as far as one may look.
  public var isPlanned: Bool { (try? hasPlan()) ?? false }

  /// Whether a run was planned here.
  ///
  /// - Throws: `FileError` where the folder may not be looked into.
  public func hasPlan() throws(FileError) -> Bool {
    var status = stat()
    if stat(plan, &status) == 0 { return true }
    guard errno == ENOENT || errno == ENOTDIR else { throw FileError("read", path) }
    return false
  }

  /// Refuses a folder without a run.
  ///
  /// - Throws: `RunFolderError.notARun`, or `FileError` where it may not be looked into.
  public func requirePlan() throws {
    guard try hasPlan() else { throw RunFolderError.notARun(path) }
  }

  /// Whether there is something at the folder's path.
  public var isThere: Bool {
    var status = stat()
    return stat(path, &status) == 0
  }

  /// Refuses a path at which no folder can be made, before the work that it is for.
  public func requireMakeable() throws(FileError) {
    var above = path
    var status = stat()
    while stat(above, &status) != 0 {
      guard errno == ENOENT, above.count > 1 else { throw FileError("create the folder", path) }
      above = DurableFile.folder(of: above)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw FileError("create the folder", path, code: ENOTDIR) }
    guard access(above, W_OK | X_OK) == 0 else { throw FileError("create the folder", path) }
  }

  /// Makes the run folder, mode 0700; one that is there must be private.
  ///
  /// - Throws: `FileError`, or what ``requirePrivate()`` does.
  public func create() throws {
    try DurableFile.makeFolder(path)
    try requirePrivate()
  }

  /// Refuses a folder that others may write: they could replace the run's plan, ledger and results. Whether they may delete
  /// what is not theirs (the sticky bit) does not matter, since they could put files of their own where the run's will be.
  ///
  /// - Throws: `RunFolderError.openToOthers`.
  public func requirePrivate() throws(RunFolderError) {
    if let others = FolderWriters(of: path).words { throw .openToOthers(path, others) }
  }

  /// Writes a file whole or not at all: beside its place, synced, renamed, the folder synced. Its folder is made if it is
  /// not there.
  public static func writeAtomically(_ data: Data, to path: String) throws(FileError) {
    try DurableFile.makeFolder(DurableFile.folder(of: path))
    try DurableFile.write(data, to: path)
  }
}

// MARK: - Others' files

extension RunFolder {
  /// What the lock's file holds, so that one of this program is told from a file that happens to have its name.
  public static let lockText = "gauntlet: the lock of a run\n"

  /// What may lie in a folder before a run is planned in it: keys and locks that were made beforehand.
  private static let beforehand: Set<String> = ["keys", "logs", "launch.lock"]
  /// What planning leaves that a crash cuts short.
  private static let halfPlanned: Set<String> = ["lock", "owner.json", "manifest.yaml", "listings", "plan.json"]

  /// Refuses to plan in a folder in which others' files lie: a run would overwrite them, or sit among them.
  ///
  /// A folder that is empty or not there is free, and so is one that holds nothing but the manifest, or what a planning
  /// left that was truncated.
  ///
  /// - Throws: `RunFolderError.othersFiles`, or `FileError` where the folder may not be looked into.
  public func requireFree(for manifestText: String) throws {
    guard try !hasPlan() else { return }
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch CocoaError.fileReadNoSuchFile {
      return
    }
    let isBegun = contents("lock") == Self.lockText
    let others = names.filter { name in
      // What file systems put into the root of a volume, and what no run touches.
      if name.hasPrefix(".") || name == "lost+found" || Self.beforehand.contains(name) { return false }
      if name == "manifest.yaml", contents(name) == manifestText { return false }
      // A lock that a full disk kept from being filled.
      if name == "lock", contents(name) == "" { return false }
      return !isBegun || !Self.halfPlanned.contains(name.components(separatedBy: ".tmp-")[0])
    }
    guard others.isEmpty else { throw RunFolderError.othersFiles(path, names: others.sorted()) }
  }

  private func contents(_ name: String) -> String? { try? String(contentsOfFile: path + "/" + name, encoding: .utf8) }
}

/// A run folder that cannot be used, and what to do about it.
public enum RunFolderError: Error, Equatable, CustomStringConvertible {
  /// There is no planned run in this folder.
  case notARun(String)
  /// A file of the run is damaged.
  case damaged(String, reason: String)
  /// A file of the run is of a version that this program does not know.
  case otherVersion(String, found: Int, own: Int)
  /// There are parts, but no ledger that tells of them.
  case lostLedger(String)
  /// The folder holds a run of a different manifest, which differs so.
  case otherManifest(String, differences: [String])
  /// The folder's run is the one whose results it was to take over.
  case sameRun(String)
  /// The folder holds files that are no run's.
  case othersFiles(String, names: [String])
  /// Others may write the folder, those that are named.
  case openToOthers(String, String)
  /// The data set changed since the run was planned.
  case changedData(benchmark: String, root: String)
  /// The data set that the run was planned with cannot be read here and now.
  case unreadableData(benchmark: String, reason: String)
  /// An image's file changed since the run was planned.
  case changedFile(benchmark: String, path: String, reason: String)
  /// A model's checkpoint changed since the run was planned.
  case changedCheckpoint(model: String, path: String)

  /// One sentence that says what was found and what to do.
  public var description: String {
    switch self {
    case .notARun(let path): "\(path) holds no run (no plan.json); start one with gauntlet run MANIFEST --run \(path)"
    case .damaged(let path, let reason):
      "\(path) is damaged: \(reason); restore it, or start a new run in another folder"
    case .otherVersion(let path, let found, let own):
      "\(path) has version \(found), but this program supports version \(own); finish the run with the program that started it, "
        + "or start a new run"
    case .lostLedger(let path): "\(path) has parts but no ledger; gauntlet mend \(path) rebuilds it from them"
    case .otherManifest(let path, let differences):
      "\(path) holds a run of a different manifest: \(Self.few(differences, separator: "; ")). Continue it with gauntlet resume "
        + "\(path), or choose another --run folder"
    case .sameRun(let path):
      "\(path) holds the run given with --to itself; choose another --run folder, with an extended "
        + "manifest"
    case .othersFiles(let path, let names):
      "\(path) is not a run folder but holds other files (\(Self.few(names, separator: ", "))), which a run might overwrite "
        + "or mix with; choose a new or an empty --run folder"
    case .openToOthers(let path, let others):
      "\(path) is writable by \(others), who could replace the run's files; revoke that with chmod go-w "
        + "\(path), or choose another --run folder"
    case .changedData(let benchmark, let root):
      "the images of \(benchmark) below \(root) changed since the run was planned; restore them or start a new run"
    case .unreadableData(let benchmark, let reason):
      "the data of \(benchmark), which the run was planned with, cannot be read now: \(reason)"
    case .changedFile(let benchmark, let path, let reason):
      "\(path) of \(benchmark) changed since the run was planned: \(reason); restore it or start a new run"
    case .changedCheckpoint(let model, let path):
      "the checkpoint of \(model), \(path), changed since the run was planned; restore it or start a new run"
    }
  }

  private static func few(_ items: [String], separator: String) -> String {
    items.prefix(3).joined(separator: separator) + (items.count > 3 ? "\(separator)and \(items.count - 3) more" : "")
  }
}
