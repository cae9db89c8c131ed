import Foundation
import Imaging

/// Folders and files, those inside tar archives included: below `images.tar` lies what the archive holds, so
/// `images.tar/imagenet-a/n01498041/1.jpg` is a path as any other. So are the listed images of a `WebDataset`.
public enum FileTree {
  /// The largest file that is read, bytes.
  static let maximumFileBytes = 1 << 30

  /// Whether there is a folder, or a tar archive to be read as one, at a path.
  public static func isFolder(_ path: String) -> Bool {
    if WebDataset(root: path) != nil || archivePath(path) != nil { return (try? checkArchive(of: path)) != nil }
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
  }

  /// Says why a folder in an archive, or in WebDataset's shards, is none: one that is missing or damaged, or that holds no
  /// such folder. Other paths are not looked at.
  public static func checkArchive(of path: String) throws(ListingError) {
    if let dataSet = WebDataset(root: path) { return try dataSet.check() }
    guard let (archive, inner) = archivePath(path) else { return }
    guard try TarIndexes.shared.index(of: archive).children[ExactText(inner)] != nil else {
      throw .missingFolder(path, reason: "no such folder in the archive")
    }
  }

  /// What to do with a root that is no folder because it is a compressed archive, or braces that are not WebDataset's; nil for
  /// others.
  public static func archiveAdvice(_ path: String) -> String? {
    let name = (path as NSString).lastPathComponent.lowercased()
    let compressed = [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".tar.zst", ".zip"].first(where: name.hasSuffix)
    var facts = stat()
    if stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR { return nil }
    if let compressed {
      return
        "compressed archives (\(compressed)) are not supported, since they do not allow random access; "
        + "decompress them to plain .tar with gunzip, or unpack them"
    }
    guard name.contains("{"), WebDataset(root: path) == nil else { return nil }
    return "WebDataset shards are named like w-{00..63}.tar or w-{00,07}.tar, with one pair of braces"
  }

  /// Whether a path is a root in WebDataset's notation.
  public static func isWebDataset(_ root: String) -> Bool { WebDataset(root: root) != nil }

  /// One name in a folder.
  struct Listed {
    let name: String
    /// Whether it is a folder, or a link to one.
    let isFolder: Bool
    /// Whether the name is text; otherwise no path leads to it.
    var isNamed = true
  }

  /// What tells a folder from all others on this machine.
  struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  /// What is in a folder, in the order of the names' bytes. A folder in an archive has no identity.
  ///
  /// - Throws: `ListingError.missingFolder`.
  static func list(_ path: String) throws(ListingError) -> (entries: [Listed], identity: Identity?) {
    if let (archive, inner) = archivePath(path) {
      let index = try TarIndexes.shared.index(of: archive)
      guard let names = index.children[ExactText(inner)] else {
        throw .missingFolder(path, reason: "no such folder in the archive")
      }
      let prefix = inner.isEmpty ? "" : inner + "/"
      return (
        names.sorted().map {
          Listed(name: $0.text, isFolder: index.children[ExactText(prefix + $0.text)] != nil)
        }, nil
      )
    }
    guard let folder = opendir(path) else {
      let reason =
        switch errno {
        case ENOENT: "no such folder"
        case ENOTDIR: "not a folder"
        default: "it cannot be read (\(String(cString: strerror(errno))))"
        }
      throw .missingFolder(path, reason: reason)
    }
    defer { closedir(folder) }
    var facts = stat()
    let identity =
      fstat(dirfd(folder), &facts) == 0 ? Identity(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino)) : nil
    var entries: [Listed] = []
    errno = 0
    while let entry = readdir(folder) {
      // The record is only as long as its name: it must not be copied as a whole.
      let place = UnsafeRawPointer(entry).advanced(by: MemoryLayout<dirent>.offset(of: \.d_name) ?? 19)
      let name = place.assumingMemoryBound(to: CChar.self)
      if let listed = listed(name, type: Int(entry.pointee.d_type), in: folder) { entries.append(listed) }
      errno = 0
    }
    guard errno == 0 else {
      throw .missingFolder(path, reason: "it cannot be read (\(String(cString: strerror(errno))))")
    }
    return (entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }, identity)
  }

  /// A folder's entry; nil for the folder itself and the one above it.
  private static func listed(_ name: UnsafePointer<CChar>, type: Int, in folder: OpaquePointer) -> Listed? {
    let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
    guard !bytes.elementsEqual([46]), !bytes.elementsEqual([46, 46]) else { return nil }
    var isFolder = type == Int(DT_DIR)
    if type == Int(DT_LNK) || type == Int(DT_UNKNOWN) {
      var facts = stat()
      isFolder = fstatat(dirfd(folder), name, &facts, 0) == 0 && facts.st_mode & S_IFMT == S_IFDIR
    }
    if let text = String(validating: bytes, as: UTF8.self) { return Listed(name: text, isFolder: isFolder) }
    return Listed(name: String(decoding: bytes, as: UTF8.self), isFolder: isFolder, isNamed: false)
  }

  /// Entries of a folder in an archive that are no files to be read, such as links to what the archive does not hold.
  static func unreadableEntries(of path: String) throws(ListingError) -> [LeftOutFile] {
    guard let (archive, inner) = archivePath(path) else { return [] }
    let prefix = inner.isEmpty ? "" : inner + "/"
    return try TarIndexes.shared.index(of: archive).unread.filter { $0.key.text.begins(with: prefix) }
      .map {
        LeftOutFile(
          path: String(decoding: $0.key.text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self), reason: $0.value)
      }
      .sorted { ExactText($0.path) < ExactText($1.path) }
  }

  /// The names in a folder, in the order of their bytes; those that are no text are left out.
  ///
  /// - Throws: `ListingError.missingFolder`.
  static func entries(of path: String) throws(ListingError) -> [String] {
    try list(path).entries.filter(\.isNamed).map(\.name)
  }

  /// The first files in class folders below a folder, by name, that end in `.suffix`: at most `count`.
  ///
  /// - Throws: `ListingError` where one cannot be listed.
  public static func firstFiles(below folder: String, suffix: String, count: Int) throws(ListingError) -> [String] {
    var found: [String] = []
    for name in try entries(of: folder).sorted() where !name.hasPrefix(".") && isFolder(folder + "/" + name) {
      let files = try entries(of: folder + "/" + name).filter {
        !$0.hasPrefix(".") && $0.lowercased().hasSuffix("." + suffix)
      }
      found += files.sorted().prefix(count - found.count).map { "\(folder)/\(name)/\($0)" }
      if found.count == count { break }
    }
    return found
  }

  /// Whether there is a file at a path.
  public static func isFile(_ path: String) -> Bool {
    if let file = WebDataset.file(of: path) { return isFile(file) }
    if let (archive, inner) = archivePath(path) {
      return (try? TarIndexes.shared.index(of: archive).files[ExactText(inner)]) != nil
    }
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory.boolValue
  }

  /// Whether a folder's files are read as they lie, not from an archive.
  static func isPlain(_ folder: String) -> Bool { WebDataset(root: folder) == nil && archivePath(folder) == nil }

  /// Size and time of a file, perhaps in an archive.
  ///
  /// - Throws: `ListingError` for an archive that is missing or damaged.
  static func stamp(of path: String) throws(ListingError) -> FileStamp {
    if let file = WebDataset.file(of: path) { return try stamp(of: file) }
    guard let (archive, inner) = archivePath(path) else { return FileStamp(path) }
    guard let entry = try TarIndexes.shared.index(of: archive).files[ExactText(inner)] else { return .missing }
    return FileStamp(byteCount: Int64(clamping: entry.byteCount), modified: FileStamp(archive).modified)
  }

  /// The bytes of a file.
  ///
  /// - Throws: ``UnreadableFile``; `ImageError.unreadable` for what is no file, which it is everywhere and always.
  public static func contents(of path: String) throws -> [UInt8] {
    if let file = WebDataset.file(of: path) { return try contents(of: file) }
    let place: (archive: String, entry: TarIndex.Entry)?
    if let (archive, inner) = archivePath(path) {
      let index: TarIndex
      do { index = try TarIndexes.shared.index(of: archive) } catch {
        throw UnreadableFile(path: path, reason: "\(error)")
      }
      guard let entry = index.files[ExactText(inner)] else {
        throw UnreadableFile(path: path, reason: "no such file in the archive")
      }
      place = (archive, entry)
    } else {
      place = nil
    }
    let handle: FileHandle
    do {
      handle = try open(place?.archive ?? path)
    } catch {
      guard error.isFile else { throw ImageError.unreadable(path, reason: error.reason) }
      throw UnreadableFile(path: path, reason: error.reason)
    }
    defer { try? handle.close() }
    let wanted = min(place.map { Int($0.entry.byteCount) } ?? maximumFileBytes, maximumFileBytes)
    return try bytes(of: handle.fileDescriptor, from: place?.entry.offset ?? 0, upTo: wanted, path)
  }

  /// The bytes of an open file up to its end, or so many.
  private static func bytes(
    of descriptor: Int32, from offset: UInt64, upTo wanted: Int, _ path: String
  ) throws(UnreadableFile) -> [UInt8] {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw UnreadableFile(path: path, reason: String(cString: strerror(errno)))
    }
    let count = min(wanted, max(0, Int(status.st_size) - Int(clamping: offset)))
    var problem: Int32?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
      while initialised < count {
        let rest = UnsafeMutableRawBufferPointer(buffer).baseAddress.map { $0 + initialised }
        let got = pread(descriptor, rest, count - initialised, off_t(clamping: offset) + off_t(initialised))
        if got < 0, errno == EINTR { continue }
        if got < 0 { problem = errno }
        if got <= 0 { break }
        initialised += got
      }
    }
    if let problem { throw UnreadableFile(path: path, reason: String(cString: strerror(problem))) }
    return bytes
  }

  /// Why a file could not be opened.
  struct OpenError: Error {
    let reason: String
    /// False where there is something else in its place.
    var isFile = true
  }

  /// Opens a file for reading. What is none, as a named pipe that would hold up whoever reads it, is refused.
  static func open(_ path: String) throws(OpenError) -> FileHandle {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw OpenError(reason: String(cString: strerror(errno))) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw OpenError(reason: String(cString: strerror(errno))) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw OpenError(reason: "it is not a file", isFile: false) }
    return handle
  }

  /// The archive that a path leads into, and the path in it; nil for paths that lead into none.
  static func archivePath(_ path: String) -> (archive: String, inner: String)? {
    guard path.contains(".tar") else { return nil }
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    for (index, part) in parts.enumerated() where part.ends(with: ".tar") {
      let archive = parts[...index].joined(separator: "/")
      var isDirectory: ObjCBool = false
      guard FileManager.default.fileExists(atPath: archive, isDirectory: &isDirectory) else { return nil }
      if !isDirectory.boolValue {
        return (archive, parts[(index + 1)...].filter { !$0.isEmpty }.joined(separator: "/"))
      }
    }
    return nil
  }
}
