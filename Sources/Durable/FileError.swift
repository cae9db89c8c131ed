import Foundation

/// A file that the system would not let us use: what was to be done, where, why, and what the user can do.
public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was to be done, as it stands after "cannot": `write`, `read`, `make the folder`.
  public let action: String
  /// The file or folder.
  public let path: String
  /// What the system said, an `errno`.
  public let code: Int32

  /// Which disk is full, and what room it had when that was met: once drafts are removed it has some again.
  let fullDisk: String?

  /// An error of the call that failed just now, unless another code is given.
  public init(_ action: String, _ path: String, code: Int32 = errno) {
    self.init(action, path, code: code, fullDisk: Self.fullDisk(code, path))
  }

  init(_ action: String, _ path: String, code: Int32, fullDisk: String?) {
    self.action = action
    self.path = path
    self.code = code
    self.fullDisk = fullDisk
  }

  private static func fullDisk(_ code: Int32, _ path: String) -> String? {
    guard code == ENOSPC || code == EDQUOT else { return nil }
    let disk = Disk(of: path)
    let room = code == ENOSPC ? disk.room.map { " has " + $0 } : nil
    return "the disk at \(disk.mountPoint)\(room ?? "")"
  }

  /// What the system said, in its words, with the disk where that is full: `No space left on device (the disk at /home has
  /// 0 bytes free of 2.0 TB)`.
  public var reason: String { Self.reason(code) + (fullDisk.map { " (\($0))" } ?? "") }

  /// One sentence: what, where, why, what to do.
  public var description: String {
    "cannot \(action) \(path): \(reason)" + (advice.map { "; " + $0 } ?? "")
  }

  /// The system's words for a code.
  public static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

  private var advice: String? {
    switch code {
    case EFBIG: "raise the file size limit (ulimit -f), or choose another place"
    case ENOSPC, EDQUOT: "free space there, or choose another place"
    case EROFS: "choose a writable place"
    case EACCES, EPERM: "\(Self.owner(of: path).map { "\($0); " } ?? "")ask for access, or choose another place"
    case ENOENT, ENOTDIR: "check the path"
    case EMFILE, ENFILE: "raise the limit on open files (ulimit -n)"
    case EIO, ESTALE, ENOTCONN, ETIMEDOUT, EHOSTDOWN: "its file system is failing; try again once it works"
    default: nil
    }
  }

  /// Whose the file is or, where that may not be asked, the nearest folder above it: `/runs/r1 belongs to anna`; nil where
  /// it is one's own.
  static func owner(of path: String) -> String? {
    var place = path
    while true {
      var status = stat()
      if stat(place, &status) == 0 {
        guard status.st_uid != geteuid() else { return nil }
        let name = getpwuid(status.st_uid).flatMap { $0.pointee.pw_name }.map { String(cString: $0) }
        return "\(place) belongs to \(name ?? "user \(status.st_uid)")"
      }
      let above = (place as NSString).deletingLastPathComponent
      guard above != place, !above.isEmpty else { return nil }
      place = above
    }
  }
}
