import ArgumentParser
import Benchmarks
import Foundation
import Planning

/// Which errors are the user's to mend in the command line or the manifest.
enum Usage {
  static func isMistake(_ error: Error) -> Bool {
    if case .notARun? = error as? RunFolderError { return true }
    return error is UsageError || error is ManifestError || error is ListingError
  }

  /// Refuses a count outside its range in words of the option.
  static func check(_ value: Int, in range: ClosedRange<Int>, option: String) throws {
    guard range.contains(value) else {
      throw UsageError("\(option) is \(value), but must be from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  /// Refuses a path at which nothing is.
  static func checkExists(_ path: String, what: String) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      throw UsageError("there is no \(what) at \(path)")
    }
  }
}
