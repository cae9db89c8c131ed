import Durable
import Foundation
import Synchronization

/// Prints to standard output, and remembers where that failed. It stands in the place of Swift's, which prints to a full disk
/// as if nothing were wrong. Names and paths of others may be in it, so it is printed as plain text.
func print(_ items: Any..., separator: String = " ", terminator: String = "\n") {
  StandardOutput.write((items.map { "\($0)" }.joined(separator: separator) + terminator).plainLines)
}

/// Prints one JSON object on one line.
///
/// - Throws: `EncodingError`.
func printObject(_ object: some Encodable, keys: JSONEncoder.KeyEncodingStrategy = .useDefaultKeys) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  encoder.keyEncodingStrategy = keys
  StandardOutput.write(String(decoding: try encoder.encode(object), as: UTF8.self).plainJSON + "\n")
}

/// What became of standard output.
enum StandardOutput {
  /// The `errno` of the first write that failed, 0 if none did.
  private static let failure = Atomic<Int32>(0)

  /// Nobody reads it any more, or it cannot be written: there is no use in printing more.
  static var isLost: Bool { failure.load(ordering: .acquiring) != 0 }

  static func write(_ text: String) {
    guard !isLost else { return }
    let error = Terminal.write(text, to: STDOUT_FILENO)
    if error != 0 { failure.store(error, ordering: .releasing) }
  }

  /// Throws if something was printed that did not arrive. A reader that goes away (`gauntlet status | head`) has read what
  /// it wanted.
  static func finish() throws {
    let error = failure.load(ordering: .acquiring)
    if error != 0, error != EPIPE { throw OutputError(reason: String(cString: strerror(error))) }
  }

  /// Opens the null device in the place of those of the three standard files that are closed: the next file that is opened,
  /// the ledger perhaps, would take their numbers, and what is printed would end up there. Writes to what was closed fail
  /// as before, but for those of standard error, which nobody can be told of.
  static func holdPlaces() {
    for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
    where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
      _ = open("/dev/null", mode)
    }
  }
}

/// Standard output that could not be written.
private struct OutputError: Error, CustomStringConvertible {
  let reason: String

  var description: String {
    "cannot write standard output: \(reason); the work itself is done, print its results elsewhere (gauntlet status, report)"
  }
}
