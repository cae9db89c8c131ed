import Foundation

/// Files that appear whole or not at all, and outlive a power cut once they are there.
public enum DurableFile {
  /// Writes a file beside its place, syncs it, renames it, and syncs the folder, which must be there: a folder that went
  /// away is not made anew.
  ///
  /// - Throws: `FileError`; nothing is left then, and what was at `path` stays, but where it was the folder that could not be
  ///   synced: then either may be there after a power cut.
  public static func write(_ data: Data, to path: String, mode: mode_t = 0o600) throws(FileError) {
    try write(data, to: path, mode: mode, files: SystemFiles())
  }

  /// The same by other calls.
  package static func write(
    _ data: Data, to path: String, mode: mode_t, files: any FileCalls
  ) throws(FileError) {
    let draft = try DraftFile(for: path, mode: mode, files: files)
    try draft.append(data)
    try draft.moveIntoPlace()
  }

  /// Makes a folder and those above it, for its owner alone unless another mode is given.
  public static func makeFolder(_ path: String, mode: mode_t = 0o700) throws(FileError) {
    guard mkdir(path, mode) != 0 else { return }
    let code = errno
    var status = stat()
    if code == EEXIST || code == EISDIR, stat(path, &status) == 0 {
      if status.st_mode & S_IFMT == S_IFDIR { return }
      throw FileError("create the folder", path, code: ENOTDIR)
    }
    let above = (path as NSString).deletingLastPathComponent
    guard code == ENOENT, !above.isEmpty, above != path else { throw FileError("create the folder", path, code: code) }
    try makeFolder(above, mode: mode)
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw FileError("create the folder", path) }
  }

  /// Syncs the folder that a file lies in, so that its name is on disk. Some file systems cannot; they do it by themselves.
  public static func synchroniseFolder(of path: String) { _ = SystemFiles().synchroniseFolder(folder(of: path)) }

  /// The folder that a path's last part lies in: `.` for a bare name.
  public static func folder(of path: String) -> String {
    let folder = (path as NSString).deletingLastPathComponent
    return folder.isEmpty ? "." : folder
  }
}

/// Where files go that are needed for a moment.
public enum TemporaryFolder {
  /// The folder that `TMPDIR` names where it can be written, as a job's scratch that is gone cannot; otherwise the system's,
  /// or the current one.
  public static var path: String {
    let wanted = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
    let candidates = [wanted, "/tmp", "/var/tmp"].filter { !$0.isEmpty }
    return candidates.first { access($0, W_OK | X_OK) == 0 } ?? "."
  }
}

/// Which file or folder a path names at a moment.
public struct FileIdentity: Sendable, Hashable {
  private let device: dev_t
  private let inode: ino_t

  /// What is at `path` now.
  public init(of path: String) throws(FileError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileError("find", path) }
    device = status.st_dev
    inode = status.st_ino
  }
}
