import Foundation

/// The file system that a path lies on.
public struct Disk: Sendable {
  /// Where it is mounted: the topmost folder on the same device.
  public let mountPoint: String

  /// The disk of a path, which need not exist.
  public init(of path: String) {
    var place = Self.nearestFolder(of: path)
    let device = Self.device(of: place)
    while device != nil, place != "/" {
      let above = URL(fileURLWithPath: place).deletingLastPathComponent().path
      guard Self.device(of: above) == device else { break }
      place = above
    }
    mountPoint = place
  }

  /// What is left: `12 kB free of 600 kB`, or that it takes no more files; nil where that is not told.
  public var room: String? {
    var space = statvfs()
    guard statvfs(mountPoint, &space) == 0, space.f_blocks > 0 else { return nil }
    if space.f_files > 0, space.f_favail == 0 { return "all \(space.f_files) files that it can hold" }
    let block = UInt64(space.f_frsize)
    return "\(Self.size(UInt64(space.f_bavail) * block)) free of \(Self.size(UInt64(space.f_blocks) * block))"
  }

  /// Tries to write a little beside a path; gives what the system says to that, nil if it is done. For libraries that do
  /// not tell why they could not write, as SQLite.
  public static func refusal(beside path: String) -> FileError? {
    let trial = "\(path).trial-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0 ... .max))"
    do throws(FileError) {
      try DurableFile.write(Data(count: 1 << 16), to: trial)
      unlink(trial)
      return nil
    } catch {
      return FileError("write", path, code: error.code, fullDisk: error.fullDisk)
    }
  }

  /// As people say it: `12 kB`, `1.5 GB`.
  public static func size(_ bytes: UInt64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return String(format: unit == 0 || value >= 10 ? "%.0f " : "%.1f ", value) + units[unit]
  }

  /// The folder that a path is to lie in, or the nearest above it that there is.
  private static func nearestFolder(of path: String) -> String {
    var place = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    while place != "/", device(of: place, isFolder: true) == nil {
      place = URL(fileURLWithPath: place).deletingLastPathComponent().path
    }
    return place
  }

  private static func device(of path: String, isFolder: Bool = false) -> dev_t? {
    var status = stat()
    guard stat(path, &status) == 0, !isFolder || status.st_mode & S_IFMT == S_IFDIR else { return nil }
    return status.st_dev
  }
}
