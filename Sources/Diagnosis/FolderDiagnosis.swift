import Durable
import Foundation

/// What a folder's file system does with a run's files. Everything is tried in a folder of its own, which is removed.
struct FolderDiagnosis {
  private let folder: String

  init(_ folder: String) { self.folder = folder }

  var findings: [Finding] {
    let trial = folder + "/gauntlet-doctor-\(UUID().uuidString)"
    guard mkdir(trial, 0o700) == 0 else {
      return [
        Finding(
          "folder", "\(folder): \(FileError.reason(errno))", .problem,
          advice: "runs cannot be stored there; name an existing, writable folder with --folder")
      ]
    }
    defer { try? FileManager.default.removeItem(atPath: trial) }
    return [system, space, rights(trial), locks(trial), syncing(trial), clock(trial)].compactMap { $0 }
  }

  // MARK: Its file system

  /// Types of file systems that several machines share.
  private static let shared = [
    "nfs", "nfs4", "lustre", "gpfs", "beegfs", "ceph", "cifs", "smb3", "afs", "glusterfs", "pvfs2", "weka", "fuse",
  ]

  private var system: Finding {
    let place = Disk(of: folder).mountPoint
    // `DEVICE PLACE TYPE OPTIONS`, of which the last one at a place is the one that is seen.
    let type = Diagnosis.lines(of: "/proc/self/mounts").map { $0.split(separator: " ") }
      .last { $0.count > 2 && $0[1] == place }.map { String($0[2]) }
    guard let type else { return Finding("folder", folder) }
    if type == "tmpfs" || type == "ramfs" {
      return Finding(
        "folder", "\(folder), on \(type)", .warning, advice: "runs there are lost when the machine reboots")
    }
    let isShared = Self.shared.contains { type == $0 || type.hasPrefix($0 + ".") }
    return Finding("folder", "\(folder), on \(type)" + (isShared ? ", which machines may share" : ""))
  }

  private var space: Finding? {
    var found = statvfs()
    guard statvfs(folder, &found) == 0 else { return nil }
    let free = Int(
      clamping: UInt64(found.f_bavail).multipliedReportingOverflow(by: UInt64(found.f_frsize)).partialValue)
    let text = "\(Diagnosis.gigabytes(free)) free"
    guard free < 1_000_000_000 else { return Finding("space", text) }
    return Finding(
      "space", text, .warning, advice: "gauntlet inspect MANIFEST shows how much a run needs; name another --folder")
  }

  // MARK: What it does with files

  private func rights(_ trial: String) -> Finding {
    let path = trial + "/rights"
    var status = stat()
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(file) }
    guard file >= 0, fchmod(file, 0o600) == 0, fstat(file, &status) == 0 else {
      return Finding(
        "rights", FileError.reason(errno), .problem, advice: "keys need file permissions; name another --folder")
    }
    guard status.st_mode & 0o777 == 0o600 else {
      return Finding(
        "rights", "files always have mode \(String(status.st_mode & 0o777, radix: 8))", .problem,
        advice: "a key file that others could read is refused; name another --folder")
    }
    return Finding("rights", "file modes are kept")
  }

  private func locks(_ trial: String) -> Finding {
    let path = trial + "/lock"
    let files = [0, 1].map { _ in open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
    defer { for file in files where file >= 0 { close(file) } }
    guard files.allSatisfy({ $0 >= 0 }), flock(files[0], LOCK_EX | LOCK_NB) == 0 else {
      return Finding(
        "locks", FileError.reason(errno), .problem,
        advice: "a run is locked against a second coordinator; name a --folder whose file system supports locking")
    }
    guard flock(files[1], LOCK_EX | LOCK_NB) != 0 else {
      return Finding(
        "locks", "two processes held the same lock", .warning,
        advice: "the file system does not enforce locks; start only one coordinator per run")
    }
    return Finding("locks", "enforced between processes of this machine")
  }

  private func syncing(_ trial: String) -> Finding {
    let file = open(trial + "/sync", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { if file >= 0 { close(file) } }
    let block = [UInt8](repeating: 1, count: 4_096)
    var times: [Double] = []
    for round in 0..<11 {
      let start = ContinuousClock.now
      guard pwrite(file, block, block.count, off_t(round * block.count)) == block.count, fsync(file) == 0 else {
        return Finding(
          "syncing", FileError.reason(errno), .problem, advice: "results depend on fsync; name another --folder")
      }
      times.append((ContinuousClock.now - start) / .milliseconds(1))
    }
    let median = times.sorted()[times.count / 2]
    let text = String(format: "%.1f ms per synced write, median of %d", median, times.count)
    guard median > 200 else { return Finding("syncing", text) }
    return Finding(
      "syncing", text, .warning, advice: "a coordinator syncs every result; larger shards mean fewer of them")
  }

  private func clock(_ trial: String) -> Finding? {
    let before = Date().timeIntervalSince1970
    let file = open(trial + "/clock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { if file >= 0 { close(file) } }
    var status = stat()
    guard file >= 0, write(file, "1", 1) == 1, fstat(file, &status) == 0 else { return nil }
    let theirs = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9
    let difference = abs(theirs - before)
    let text = String(format: "the file system's differs by %.1f s from this machine's", difference)
    guard difference > 5 else { return Finding("clock", text) }
    return Finding(
      "clock", text, .warning,
      advice: "times recorded by different machines cannot be compared; synchronise clocks with NTP")
  }
}
