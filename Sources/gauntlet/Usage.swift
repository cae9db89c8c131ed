import ArgumentParser
import Benchmarks
import Foundation
import Kernels
import Planning

/// Which errors are the user's to mend in the command line or the manifest.
enum Usage {
  static func isMistake(_ error: Error) -> Bool {
    if case .notARun? = error as? RunFolderError { return true }
    return error is UsageError || error is ManifestError || error is ListingError || error is PlanningError
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

  /// The archive at a path, or that of the run whose folder it is.
  static func archive(_ path: String) throws -> String {
    try checkExists(path, what: "archive")
    guard isFolder(path) else {
      // Where it is opened, a pipe would hold us up.
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        throw UsageError("\(path) is no archive: it is not a file")
      }
      return path
    }
    let archive = RunFolder(path).archive
    guard FileManager.default.fileExists(atPath: archive), !isFolder(archive) else {
      throw UsageError("\(path) is a folder without archive.h5; if it is a run's, gauntlet collect \(path) writes that")
    }
    return archive
  }

  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// Refuses a path at which nothing is.
  static func checkExists(_ path: String, what: String) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      throw UsageError("there is no \(what) at \(path)")
    }
  }
}
