import Benchmarks
import Imaging
import Synchronization

/// The pictures of frost that a worker has in memory: those of the last two folders that were asked for.
final class FrostStore: Sendable {
  private static let maximumFolders = 2

  /// The last one that was asked for comes last.
  private let folders = Mutex<[(folder: FrostFolder, pictures: [RGBImage])]>([])
  private let charge: @Sendable (Int) -> Void

  /// - Parameter charge: told how many bytes the pictures take more than before, or less.
  init(charge: @escaping @Sendable (Int) -> Void) {
    self.charge = charge
  }

  /// A folder's pictures; none without a folder.
  ///
  /// - Throws: what reading them throws, see `FrostFolder.pictures`.
  func pictures(of folder: FrostFolder?) throws -> [RGBImage] {
    guard let folder else { return [] }
    if let pictures = kept(folder, reading: nil) { return pictures }
    // Read outside the lock, since others need not wait for this folder's disk; who reads it, too, is second.
    let read = try folder.pictures()
    return kept(folder, reading: read) ?? read
  }

  private func kept(_ folder: FrostFolder, reading read: [RGBImage]?) -> [RGBImage]? {
    var change = 0
    let pictures = folders.withLock { folders in
      let place = folders.firstIndex { $0.folder == folder }
      guard let found = place.map({ folders.remove(at: $0).pictures }) ?? read else { return [RGBImage]?.none }
      if place == nil { change += Self.bytes(found) }
      folders.append((folder, found))
      if folders.count > Self.maximumFolders { change -= Self.bytes(folders.removeFirst().pictures) }
      return found
    }
    if change != 0 { charge(change) }
    return pictures
  }

  private static func bytes(_ pictures: [RGBImage]) -> Int { pictures.reduce(0) { $0 + $1.pixels.count } }
}
