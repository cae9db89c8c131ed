import Durable
import Foundation
import Logging
import Synchronization

/// The public keys that a coordinator lets in: those of a folder, read again twice a second and whenever a file was put
/// there or removed.
///
/// A file that is no key, or that another user may change, lets nobody in and keeps nobody out: it is named in the log, and
/// the keys are those of the other files. A folder that is gone, or that is another user's, holds no keys. Where the system
/// cannot tell for now, as on a file system of the network that is away, nobody new gets in and those who are in stay.
public final class AuthorizedKeys: Sendable {
  /// The keys as they are now.
  struct Current {
    fileprivate(set) var keys: Set<CurvePublicKey>
    /// Another number after every change.
    fileprivate(set) var version = 0
  }

  private struct State {
    var current: Current
    var seen: FolderTime
    /// Whether the folder could be read the last time.
    var isKnown = true
    /// What the log was told of files and folder.
    var complaints: Set<String> = []
  }

  /// When a folder was changed last, and whether another change could have had the same time.
  private struct FolderTime {
    /// File systems count in steps, of some milliseconds up to two seconds.
    static let stepSeconds = 2
    let seconds: Int
    let nanoseconds: Int
    let isSettled: Bool

    init(of folder: String) {
      var status = stat()
      let time = stat(folder, &status) == 0 ? status.st_mtim : timespec()
      seconds = time.tv_sec
      nanoseconds = time.tv_nsec
      var now = timespec()
      clock_gettime(CLOCK_REALTIME, &now)
      isSettled = abs(now.tv_sec - seconds) > Self.stepSeconds
    }

    func isSame(as other: FolderTime) -> Bool {
      isSettled && seconds == other.seconds && nanoseconds == other.nanoseconds
    }
  }

  private let folder: String?
  private let state: Mutex<State>

  /// Keys that stay as they are.
  public init(_ keys: Set<CurvePublicKey>) {
    folder = nil
    state = Mutex(State(current: Current(keys: keys), seen: FolderTime(of: "")))
  }

  /// The keys in the files `*.public` of a folder.
  ///
  /// - Throws: `MessagingError.keyFile` for a file that is malformed or that others may change: who starts a coordinator is
  ///   there to mend it.
  init(folder: String) throws(MessagingError) {
    self.folder = folder
    // Before the files are read: what is put there meanwhile is seen the next time.
    let seen = FolderTime(of: folder)
    let found = AuthorizedFolder(reading: folder)
    if let complaint = found.complaints.first { throw complaint }
    state = Mutex(State(current: Current(keys: found.keys), seen: seen))
  }

  /// The keys that may be connected now.
  var current: Current { state.withLock { $0.current } }

  /// Whether a key is among those that may be connected now.
  public func contains(_ key: CurvePublicKey) -> Bool { state.withLock { $0.current.keys.contains(key) } }

  /// How many keys there are.
  public var count: Int { state.withLock { $0.current.keys.count } }

  /// Whether a key is let in now.
  func contain(_ key: CurvePublicKey, logger: Logger) -> Bool {
    state.withLock { state in
      if let folder, !state.isKnown || !state.seen.isSame(as: FolderTime(of: folder)) {
        Self.read(folder, &state, logger)
      }
      return state.isKnown && state.current.keys.contains(key)
    }
  }

  /// Reads the folder again, whatever its time says: a file's mode and content change without it.
  func readAgain(logger: Logger) {
    guard let folder else { return }
    // Not under the lock, since a file system of the network may be away, and whoever receives messages asks, too.
    let seen = FolderTime(of: folder)
    let found = AuthorizedFolder(reading: folder)
    state.withLock { Self.take(found, seen, &$0, logger: logger) }
  }

  private static func read(_ folder: String, _ state: inout State, _ logger: Logger) {
    let seen = FolderTime(of: folder)
    take(AuthorizedFolder(reading: folder), seen, &state, logger: logger)
  }

  private static func take(
    _ found: AuthorizedFolder, _ seen: FolderTime, _ state: inout State, logger: Logger
  ) {
    state.seen = seen
    state.isKnown = found.isKnown
    let complaints = Set(found.complaints.map { "\($0)" })
    for complaint in complaints.subtracting(state.complaints).sorted() {
      logger.error(
        found.isKnown ? "a key is not accepted" : "no new worker is accepted: the authorized keys cannot be read",
        metadata: ["reason": "\(complaint)"])
    }
    state.complaints = complaints
    guard found.isKnown, found.keys != state.current.keys else { return }
    logger.info("the authorized keys changed", metadata: ["keys": "\(found.keys.count)"])
    state.current = Current(keys: found.keys, version: state.current.version + 1)
  }
}

/// What a folder of authorized keys holds.
private struct AuthorizedFolder {
  var keys: Set<CurvePublicKey> = []
  /// Files that are no keys, or why there is no key at all.
  var complaints: [MessagingError] = []
  /// False where the system could not tell.
  var isKnown = true

  init(reading folder: String) {
    let owners = Self.owners(folder)
    do throws(KeyFile.Problem) {
      for name in try KeyFile.names(in: folder, owners: owners) where name.hasSuffix(".public") {
        do throws(KeyFile.Problem) { keys.insert(try Self.key(folder + "/" + name, owners)) } catch { complain(error) }
      }
    } catch { complain(error) }
  }

  private static func key(_ path: String, _ owners: Set<uid_t>) throws(KeyFile.Problem) -> CurvePublicKey {
    guard let key = CurvePublicKey(z85: try KeyFile.inspect(path, isSecret: false, owners: owners)) else {
      throw KeyFile.Problem(KeyStore.malformed(path), isForNow: false)
    }
    return key
  }

  private mutating func complain(_ problem: KeyFile.Problem) {
    complaints.append(problem.error)
    if problem.isForNow { isKnown = false }
  }

  /// This user, root, and the owner of the folder around it, who could put other keys of the coordinator there as well:
  /// in a container files may be those of a user outside.
  private static func owners(_ folder: String) -> Set<uid_t> {
    var status = stat()
    let around = (folder as NSString).deletingLastPathComponent
    return stat(around, &status) == 0 ? [0, geteuid(), status.st_uid] : [0, geteuid()]
  }
}
