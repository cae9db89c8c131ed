import Archives
import ArgumentParser
import Benchmarks
import Coordination
import Durable
import Foundation
import GauntletKit
import Kernels
import Monitoring
import Networks
import Planning
import Working

/// Which errors are the user's to mend in the command line or the manifest.
enum Usage {
  static func isMistake(_ error: Error) -> Bool {
    switch error {
    case RunFolderError.notARun, RunFolderError.otherManifest, RunFolderError.othersFiles,
      RunFolderError.sameRun, MergeError.seeds, MergeError.differing, MergeError.lacking,
      RunFolderError.openToOthers, CheckpointError.unfit,
      CheckpointError.missing, CheckpointError.shape:
      return true
    default: break
    }
    return error is UsageError || error is Misuse || error is ComparisonError || error is ManifestError
      || error is ListingError
      || error is AnnotationError
      || error is PlanningError
      || error is InstructionSetError || error is DataVerificationError || error is ExportError
      || error is RejectionError || error is SigningError
  }

  /// Where a file that an option names is to be written: links are followed. What is there and is no plain file, as a device,
  /// or is one of those that are read, is not replaced.
  static func output(_ path: String, option: String, besides inputs: [String]) throws -> String {
    try checkLink(path, option: option)
    guard let there = try? FileIdentity(of: path) else { return path }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw UsageError(
        "\(option) is \(path), which cannot be replaced because it is not a regular file; choose another path")
    }
    guard inputs.allSatisfy({ (try? FileIdentity(of: $0)) != there }) else {
      throw UsageError("\(option) is \(path), which is one of the inputs; choose another path")
    }
    return URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }

  /// Refuses a link that somebody else laid in a folder that is not theirs, as the kernel does where fs.protected_symlinks is 1:
  /// what it leads to would be replaced.
  private static func checkLink(_ path: String, option: String) throws {
    var (link, folder) = (stat(), stat())
    guard lstat(path, &link) == 0, link.st_mode & S_IFMT == S_IFLNK, link.st_uid != geteuid(), link.st_uid != 0,
      stat(DurableFile.folder(of: path), &folder) != 0 || folder.st_uid != link.st_uid
    else { return }
    throw UsageError("\(option) is \(path), a symbolic link created by another user; choose another path, or remove it")
  }

  /// Refuses a count outside its range in words of the option.
  static func check(_ value: Int, in range: ClosedRange<Int>, option: String) throws {
    guard range.contains(value) else {
      throw UsageError("\(option) is \(value), but must be from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  /// The arithmetic that `--precision` names.
  static func precision(_ name: String) throws -> Precision {
    guard let precision = Precision(rawValue: name) else {
      throw UsageError("--precision is \(name), but must be fp32 or bf16")
    }
    return precision
  }

  /// An address that an option names, ready for ZeroMQ: a relative path of a socket is made absolute, since the other side
  /// may start elsewhere.
  static func address(_ text: String, option: String, takesAnyPort: Bool) throws -> String {
    let form = takesAnyPort ? "tcp://0.0.0.0:5757 or ipc:///PATH" : "tcp://HOST:5757 or ipc:///PATH"
    let shape = UsageError("\(option) is \(text), but must be like \(form)")
    if text.hasPrefix("ipc://") {
      let path = String(text.dropFirst("ipc://".count))
      guard !path.isEmpty else { throw shape }
      if path.hasPrefix("@") { return text }
      let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
      guard absolute.utf8.count <= longestSocketPath else {
        throw UsageError(
          "\(option): \(absolute) is longer than the \(longestSocketPath) bytes allowed for a socket's path")
      }
      return "ipc://" + absolute
    }
    guard text.hasPrefix("tcp://"), let colon = text.dropFirst("tcp://".count).lastIndex(of: ":") else { throw shape }
    let port = text[text.index(after: colon)...]
    let isAny = takesAnyPort && (port == "*" || port == "0")
    guard isAny || Int(port).map((1...65_535).contains) == true else {
      throw UsageError(
        "\(option) is \(text), but its port must be from 1 to 65535\(takesAnyPort ? ", or * for a free one" : "")")
    }
    return text
  }

  /// Where an option has something served over HTTP.
  static func place(_ text: String, option: String) throws -> MonitoringServer.Place {
    guard let place = MonitoringServer.Place(text) else {
      throw UsageError("\(option) is \(text), but must be like 127.0.0.1:9151, with a port up to 65535")
    }
    return place
  }

  /// What Linux takes, less the zero at its end.
  private static let longestSocketPath = 107

  /// The archive at a path, or that of the run whose folder it is.
  static func archive(_ path: String) throws -> String {
    try checkExists(path, what: "archive")
    guard isFolder(path) else {
      // Where it is opened, a pipe would hold us up.
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        throw UsageError("\(path) is not an archive: it is not a regular file")
      }
      try checkReadable(path)
      return path
    }
    let archive = RunFolder(path).archive
    guard try isThere(archive), !isFolder(archive) else {
      throw UsageError(
        "\(path) is a folder without archive.h5; if it is a run folder, gauntlet collect \(path) writes one")
    }
    try checkReadable(archive)
    return archive
  }

  /// Says where an archive's contents do not match its seal: what is shown of it may not be what was computed.
  static func warn(ofSealOf archive: String) throws {
    guard let damage = try ArchiveVerifier.brokenSeal(of: archive) else { return }
    Terminal.complain("gauntlet: \(archive): \(damage); see gauntlet verify \(archive)")
  }

  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// Refuses a path at which nothing is.
  static func checkExists(_ path: String, what: String) throws {
    guard try isThere(path) else { throw UsageError("no such \(what): \(path)") }
  }

  /// Whether something is at a path.
  ///
  /// - Throws: `FileError` where one may not look.
  private static func isThere(_ path: String) throws(FileError) -> Bool {
    var status = stat()
    if stat(path, &status) == 0 { return true }
    guard errno == ENOENT || errno == ENOTDIR else { throw FileError("read", path) }
    return false
  }

  private static func checkReadable(_ path: String) throws(FileError) {
    if access(path, R_OK) != 0 { throw FileError("read", path) }
  }
}
