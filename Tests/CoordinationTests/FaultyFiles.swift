import CFaultyDisk
import Durable
import Foundation

/// Files in memory, on the disk that SQLite has, too: its faults are theirs. A power cut leaves of what was not synced all,
/// nothing or some sectors, and of the changes of a folder's names any.
///
/// It is used by one thread.
final class FaultyFiles: FileCalls, @unchecked Sendable {
  private enum Entry: Equatable {
    case folder
    case file(Int)
  }

  private enum Change {
    case added(String, Entry)
    case renamed(from: String, to: String, Entry)
    case removed(String)
  }

  private struct Contents {
    var bytes = Data()
    /// What is certainly on disk.
    var synced = Data()
    var isDirty = false
  }

  /// The folder below which everything lies; it is there.
  let root: String
  private var files: [Int: Contents] = [:]
  /// What each path names for processes, and what it names on disk.
  private var names: [String: Entry] = [:]
  private var syncedNames: [String: Entry] = [:]
  /// By folder, what has become of its names since it was synced.
  private var changes: [String: [Change]] = [:]
  private var opened: [Int32: Int] = [:]
  private var folders: [Int32: String] = [:]
  private var last: Int32 = 1_000

  private static let sector = 512

  init(root: String) { self.root = root }

  /// The bytes of a file; nil where there is none.
  func contents(_ path: String) -> Data? {
    guard case .file(let file)? = names[path] else { return nil }
    return files[file]?.bytes
  }

  /// All files, by path.
  var paths: [String] { names.keys.filter { contents($0) != nil }.sorted() }

  private func note(_ change: Change, in folder: String) { changes[folder, default: []].append(change) }

  private func hasFolder(of path: String) -> Bool {
    let folder = DurableFile.folder(of: path)
    return folder == root || names[folder] == .folder
  }

  // MARK: Calls

  func openFolder(_ path: String) -> (descriptor: Int32, code: Int32) {
    guard path == root || names[path] == .folder else { return (-1, ENOENT) }
    last += 1
    folders[last] = path
    return (last, 0)
  }

  func isShared(_ folder: Int32) -> Bool { false }
  func isFile(_ descriptor: Int32, _ name: String, in folder: Int32) -> Bool { true }

  func create(_ name: String, in folder: Int32, mode: mode_t) -> (descriptor: Int32, code: Int32) {
    guard let place = folders[folder] else { return (-1, EBADF) }
    let path = place + "/" + name
    let code = gauntlet_disk_step()
    guard code == 0 else { return (-1, code) }
    guard names[path] == nil else { return (-1, EEXIST) }
    last += 1
    files[Int(last)] = Contents()
    names[path] = .file(Int(last))
    note(.added(path, .file(Int(last))), in: place)
    opened[last] = Int(last)
    return (last, 0)
  }

  func append(_ data: Data, to descriptor: Int32) -> Int32 {
    guard let file = opened[descriptor] else { return EBADF }
    let code = gauntlet_disk_step()
    // That during which it fails may have come as far as this.
    files[file]?.bytes.append(code == 0 ? data : data.prefix(data.count / 2))
    files[file]?.isDirty = true
    return code
  }

  func synchronise(_ descriptor: Int32) -> Int32 {
    guard let file = opened[descriptor] else { return EBADF }
    let code = gauntlet_disk_step()
    guard code == 0, let bytes = files[file]?.bytes else { return code }
    files[file] = Contents(bytes: bytes, synced: bytes)
    return 0
  }

  func checkClosing(_ descriptor: Int32) -> Int32 { 0 }

  func close(_ descriptor: Int32) {
    opened[descriptor] = nil
    folders[descriptor] = nil
  }

  func rename(_ name: String, to other: String, in folder: Int32) -> Int32 {
    guard let place = folders[folder] else { return EBADF }
    let code = gauntlet_disk_step()
    guard code == 0 else { return code }
    guard let entry = names.removeValue(forKey: place + "/" + name) else { return ENOENT }
    names[place + "/" + other] = entry
    note(.renamed(from: place + "/" + name, to: place + "/" + other, entry), in: place)
    return 0
  }

  func remove(_ name: String, in folder: Int32) {
    if let place = folders[folder] { remove(place + "/" + name) }
  }

  func remove(_ path: String) {
    guard gauntlet_disk_step() == 0, names.removeValue(forKey: path) != nil else { return }
    note(.removed(path), in: DurableFile.folder(of: path))
  }

  func makeFolder(_ path: String, mode: mode_t) -> Int32 {
    guard names[path] == nil else { return EEXIST }
    let code = gauntlet_disk_step()
    guard code == 0 else { return code }
    guard hasFolder(of: path) else { return ENOENT }
    names[path] = .folder
    note(.added(path, .folder), in: DurableFile.folder(of: path))
    return 0
  }

  func synchroniseFolder(_ path: String) -> Int32 {
    let code = gauntlet_disk_step()
    guard code == 0 else { return code }
    guard path == root || names[path] == .folder else { return ENOENT }
    for change in changes.removeValue(forKey: path) ?? [] { keep(change) }
    return 0
  }

  // MARK: Faults

  private func keep(_ change: Change) {
    switch change {
    case .added(let path, let entry): syncedNames[path] = entry
    case .renamed(let path, let other, let entry):
      syncedNames[path] = nil
      syncedNames[other] = entry
    case .removed(let path): syncedNames[path] = nil
    }
  }

  /// A process has ended.
  func closeAll() {
    opened.removeAll()
    folders.removeAll()
  }

  /// What is there after a power cut.
  func loseUnsynced(_ random: inout SeededRandom) {
    closeAll()
    for folder in changes.keys.sorted() {
      for change in changes[folder] ?? [] where random.chance(0.5) { keep(change) }
    }
    changes.removeAll()
    // What lies in a folder that is not there is lost. A folder's path is shorter than what lies in it.
    for path in syncedNames.keys.sorted() {
      let folder = DurableFile.folder(of: path)
      if folder != root, syncedNames[folder] != .folder { syncedNames[path] = nil }
    }
    names = syncedNames
    var kept: [Int: Contents] = [:]
    for path in names.keys.sorted() {
      guard case .file(let file)? = names[path], let contents = files[file] else { continue }
      let bytes = contents.isDirty ? torn(contents, &random) : contents.synced
      kept[file] = Contents(bytes: bytes, synced: bytes)
    }
    files = kept
  }

  private func torn(_ contents: Contents, _ random: inout SeededRandom) -> Data {
    switch random.next(below: 4) {
    case 0: return contents.synced
    case 1: return contents.bytes
    case 2: return contents.bytes.prefix(random.next(below: contents.bytes.count + 1))
    default:
      var bytes = [UInt8](contents.bytes)
      for start in stride(from: 0, to: bytes.count, by: Self.sector) where random.chance(0.5) {
        for place in start..<min(start + Self.sector, bytes.count) { bytes[place] = 0 }
      }
      return Data(bytes)
    }
  }
}
