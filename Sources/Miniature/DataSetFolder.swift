import Durable
import Foundation

/// A folder that holds a whole data set or does not exist: it is drawn in a folder beside it and then renamed.
///
/// The folder beside it is locked while a process draws in it. What a process that died left there is thrown away by the
/// next one, and of two processes the second waits for the first.
struct DataSetFolder {
  /// The file that says what the folder holds; it is written last.
  private static let markerName = "miniature.json"
  /// Counted up whenever the same options give other pictures.
  private static let revision = 3

  private struct Marker: Codable, Equatable {
    var revision: Int
    var options: Miniature.Options

    /// A data set with a training split serves those who ask for none, too.
    func satisfies(_ wanted: Miniature.Options) -> Bool {
      var options = options
      if wanted.trainingImages == 0 { options.trainingImages = 0 }
      return revision == DataSetFolder.revision && options == wanted
    }
  }

  private let path: String
  private let draftPath: String
  private let discardedPath: String

  /// Makes the folders above `path`.
  init(path: String) throws {
    let location = URL(fileURLWithPath: path).standardizedFileURL
    let parent = location.deletingLastPathComponent().path
    self.path = location.path
    draftPath = parent + "/." + location.lastPathComponent + ".drawing"
    discardedPath = parent + "/." + location.lastPathComponent + ".discarded"
    try Self.make(parent)
  }

  /// Makes a folder and those above it.
  static func make(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw MiniatureError.cannotWrite(path, reason: error.systemReason)
    }
  }

  /// Writes a file.
  static func write(_ bytes: [UInt8], to path: String) throws {
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path))
    } catch {
      throw MiniatureError.cannotWrite(path, reason: error.systemReason)
    }
  }

  /// Does nothing where the folder satisfies the options; otherwise has `draw` fill a folder that then takes its place.
  func fill(for options: Miniature.Options, draw: (_ draft: String) throws -> Void) throws {
    if try holds(options) { return }
    let lock = try lockDraft()
    defer { close(lock) }
    if try holds(options) {
      try remove(draftPath)
      return
    }
    for entry in try entries(of: draftPath) { try remove(draftPath + "/" + entry) }
    try draw(draftPath)
    try writeMarker(Marker(revision: Self.revision, options: options))
    if FileManager.default.fileExists(atPath: path) {
      let others = Set(try entries(of: path)).subtracting(try entries(of: draftPath))
      // A split that is drawn no more is the data set's own.
      let own: Set = ["train"]
      guard others.isSubset(of: own) else {
        throw MiniatureError.otherFiles(path, names: others.subtracting(own).sorted())
      }
    }
    try publish()
  }

  private func holds(_ options: Miniature.Options) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else { return false }
    if let data = FileManager.default.contents(atPath: path + "/" + Self.markerName),
      let marker = try? JSONDecoder().decode(Marker.self, from: data)
    {
      if marker.satisfies(options) { return true }
      // Runs may have been planned with it. More training pictures, and what an older program drew, are drawn anew.
      let isAnother = marker.options.seed != options.seed || marker.options.validationImages != options.validationImages
      if marker.revision == Self.revision, isAnother { throw MiniatureError.otherDataSet(path, marker.options) }
      return false
    }
    guard try entries(of: path).isEmpty else { throw MiniatureError.notADataSet(path) }
    return false
  }

  /// Opens and locks the folder to draw in. Whoever held the lock before may have renamed or removed that folder, so the
  /// name is looked up again afterwards.
  private func lockDraft() throws -> Int32 {
    while true {
      try Self.make(draftPath)
      let descriptor = open(draftPath, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if descriptor < 0 && errno == ENOENT { continue }
      guard descriptor >= 0, flock(descriptor, LOCK_EX) == 0 else {
        let reason = String(cString: strerror(errno))
        if descriptor >= 0 { close(descriptor) }
        throw MiniatureError.cannotWrite(draftPath, reason: reason)
      }
      var locked = stat()
      var named = stat()
      if fstat(descriptor, &locked) == 0, stat(draftPath, &named) == 0, locked.st_ino == named.st_ino {
        return descriptor
      }
      close(descriptor)
    }
  }

  private func writeMarker(_ marker: Marker) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do {
      try encoder.encode(marker).write(to: URL(fileURLWithPath: draftPath + "/" + Self.markerName))
    } catch {
      throw MiniatureError.cannotWrite(draftPath + "/" + Self.markerName, reason: error.systemReason)
    }
  }

  /// The files reach the disk before the name does, so that a power cut leaves no folder of empty files.
  private func publish() throws {
    sync()
    try remove(discardedPath)
    if FileManager.default.fileExists(atPath: path) { try move(path, to: discardedPath) }
    try move(draftPath, to: path)
    try remove(discardedPath)
  }

  private func move(_ source: String, to target: String) throws {
    guard rename(source, target) == 0 else {
      throw MiniatureError.cannotWrite(target, reason: String(cString: strerror(errno)))
    }
  }

  private func remove(_ path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      throw MiniatureError.cannotWrite(path, reason: error.systemReason)
    }
  }

  private func entries(of path: String) throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw MiniatureError.cannotWrite(path, reason: error.systemReason)
    }
  }
}
