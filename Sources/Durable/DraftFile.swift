import Foundation

/// A file that appears at its place whole or not at all: written beside it, synced, renamed, the folder synced. One that
/// is let go before leaves nothing.
///
/// Everything happens in the folder that was there when it began, whatever its path names later. The file beside has a name
/// that nobody knows beforehand, is made by nobody else, and no link is followed; one that was exchanged meanwhile does not
/// appear. So files in folders that others may write, too, are only ever those that were written here.
public final class DraftFile {
  /// Where it is to appear.
  public let path: String
  /// Open for reading and writing.
  public let descriptor: Int32
  private let folder: Int32
  private let name: String
  private let temporary: String
  /// Whether others may write the folder.
  private let isShared: Bool
  private var isInPlace = false
  private let files: any FileCalls

  /// Begins a file, for its owner alone unless another mode is given; the process's mask only takes rights away.
  ///
  /// - Throws: `FileError`, as where its folder is not there.
  public convenience init(for path: String, mode: mode_t = 0o600) throws(FileError) {
    try self.init(for: path, mode: mode, files: SystemFiles())
  }

  /// The same by other calls.
  package init(for path: String, mode: mode_t, files: any FileCalls) throws(FileError) {
    let name = (path as NSString).lastPathComponent
    let (folder, refusal) = files.openFolder(DurableFile.folder(of: path))
    guard refusal == 0 else { throw FileError("write", path, code: refusal) }
    var temporary = ""
    var opened: (descriptor: Int32, code: Int32) = (-1, EEXIST)
    for _ in 0..<8 where opened.code == EEXIST {
      temporary = name + ".tmp-" + String(UInt64.random(in: 0 ... .max), radix: 36)
      opened = files.create(temporary, in: folder, mode: mode)
    }
    guard opened.code == 0 else {
      let error = FileError("write", path, code: opened.code)
      files.close(folder)
      throw error
    }
    isShared = files.isShared(folder)
    self.path = path
    self.name = name
    self.folder = folder
    self.files = files
    self.temporary = temporary
    descriptor = opened.descriptor
  }

  deinit {
    if !isInPlace, isOwn(temporary) { files.remove(temporary, in: folder) }
    files.close(descriptor)
    files.close(folder)
  }

  /// Writes at the end.
  public func append(_ data: Data) throws(FileError) { try check(files.append(data, to: descriptor)) }

  /// Makes the file appear.
  ///
  /// - Throws: `FileError`; where it was the folder that could not be synced, a power cut may take it back.
  public func moveIntoPlace() throws(FileError) {
    try check(files.synchronise(descriptor))
    // A network's file system may say only when a file is closed that its disk is full.
    try check(files.checkClosing(descriptor))
    // Others may have put another file there.
    try check(isOwn(temporary) ? 0 : ESTALE)
    try check(files.rename(temporary, to: name, in: folder))
    isInPlace = true
    try check(isOwn(name) ? 0 : ESTALE)
    try check(files.synchroniseFolder(DurableFile.folder(of: path)))
  }

  /// Whether a name of the folder is this file, as it is where nobody else may write.
  private func isOwn(_ name: String) -> Bool { !isShared || files.isFile(descriptor, name, in: folder) }

  private func check(_ error: Int32) throws(FileError) {
    guard error == 0 else { throw FileError("write", path, code: error) }
  }
}
