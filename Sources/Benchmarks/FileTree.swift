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
    guard try TarIndexes.shared.index(of: archive).children[inner] != nil else {
      throw .missingFolder(path, reason: "the archive holds no such folder")
    }
  }

  /// Whether a path is a root in WebDataset's notation.
  public static func isWebDataset(_ root: String) -> Bool { WebDataset(root: root) != nil }

  /// The names in a folder, in no order.
  ///
  /// - Throws: `ListingError.missingFolder`.
  static func entries(of path: String) throws(ListingError) -> [String] {
    if let (archive, inner) = archivePath(path) {
      guard let names = try TarIndexes.shared.index(of: archive).children[inner] else {
        throw .missingFolder(path, reason: "the archive holds no such folder")
      }
      return Array(names)
    }
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      let reason = FileManager.default.fileExists(atPath: path) ? "it cannot be read" : "there is no such folder"
      throw .missingFolder(path, reason: reason)
    }
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
      return (try? TarIndexes.shared.index(of: archive).files[inner]) != nil
    }
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory.boolValue
  }

  /// The bytes of a file.
  ///
  /// - Throws: `ImageError.unreadable`, or `ListingError` for a damaged archive.
  public static func contents(of path: String) throws -> [UInt8] {
    if let file = WebDataset.file(of: path) { return try contents(of: file) }
    let place: (archive: String, entry: TarIndex.Entry)?
    if let (archive, inner) = archivePath(path) {
      guard let entry = try TarIndexes.shared.index(of: archive).files[inner] else {
        throw ImageError.unreadable(path, reason: "the archive holds no such file")
      }
      place = (archive, entry)
    } else {
      place = nil
    }
    let handle: FileHandle
    do {
      handle = try open(place?.archive ?? path)
    } catch {
      throw ImageError.unreadable(path, reason: error.reason)
    }
    defer { try? handle.close() }
    do {
      if let entry = place?.entry { try handle.seek(toOffset: entry.offset) }
      let wanted = min(place.map { Int($0.entry.byteCount) } ?? maximumFileBytes, maximumFileBytes)
      guard wanted > 0 else { return [] }
      return [UInt8](try handle.read(upToCount: wanted) ?? Data())
    } catch {
      throw ImageError.unreadable(path, reason: "it cannot be read")
    }
  }

  /// Why a file could not be opened.
  struct OpenError: Error {
    let reason: String
  }

  /// Opens a file for reading. What is none, as a named pipe that would hold up whoever reads it, is refused.
  static func open(_ path: String) throws(OpenError) -> FileHandle {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw OpenError(reason: String(cString: strerror(errno))) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw OpenError(reason: "it is not a file")
    }
    return handle
  }

  /// The archive that a path leads into, and the path in it; nil for paths that lead into none.
  static func archivePath(_ path: String) -> (archive: String, inner: String)? {
    guard path.contains(".tar") else { return nil }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() where part.hasSuffix(".tar") {
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
