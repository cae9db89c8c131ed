import Durable
import Foundation
import Logging
import Synchronization

/// The public keys that a coordinator lets in: those of a folder, read again whenever a file was put there or removed.
public final class AuthorizedKeys: Sendable {
  private struct State {
    var keys: Set<CurvePublicKey>
    var seen: FolderTime
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
    state = Mutex(State(keys: keys, seen: FolderTime(of: "")))
  }

  /// The keys in the files `*.public` of a folder.
  ///
  /// - Throws: `MessagingError.keyFile` for a file that is malformed or that others may change.
  init(folder: String) throws(MessagingError) {
    self.folder = folder
    // Before the files are read: what is put there meanwhile is seen the next time.
    let seen = FolderTime(of: folder)
    state = Mutex(State(keys: try Self.read(folder), seen: seen))
  }

  /// The keys as they were read last.
  public var current: Set<CurvePublicKey> { state.withLock { $0.keys } }

  /// Whether a key is let in now. A folder that cannot be read leaves its former keys in force.
  func contain(_ key: CurvePublicKey, logger: Logger) -> Bool {
    state.withLock { state in
      if let folder {
        let time = FolderTime(of: folder)
        if !state.seen.isSame(as: time) {
          state.seen = time
          do throws(MessagingError) {
            let keys = try Self.read(folder)
            if keys != state.keys { logger.info("the authorized keys changed", metadata: ["keys": "\(keys.count)"]) }
            state.keys = keys
          } catch {
            logger.error("the authorized keys are left as they were", metadata: ["reason": "\(error.sentence)"])
          }
        }
      }
      return state.keys.contains(key)
    }
  }

  private static func read(_ folder: String) throws(MessagingError) -> Set<CurvePublicKey> {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw .keyFile(folder, reason: "cannot be read as a folder: \(error.systemReason)")
    }
    var keys: Set<CurvePublicKey> = []
    for name in names.sorted() where name.hasSuffix(".public") {
      let path = folder + "/" + name
      guard let key = CurvePublicKey(z85: try KeyFile.read(path, isSecret: false)) else {
        throw KeyStore.malformed(path)
      }
      keys.insert(key)
    }
    return keys
  }
}
