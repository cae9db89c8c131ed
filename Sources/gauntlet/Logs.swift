import ArgumentParser
import Durable
import Foundation
import Logging
import Synchronization

/// Logs of the daemons.
enum Logs {
  /// How a line of the log is written.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    /// For people.
    case text
    /// One JSON object a line.
    case json
  }

  /// Whether all of standard error is JSON, as a daemon was asked.
  private static let isJSON = Atomic(false)

  /// Writes all that follows in this format, also what is no event of a logger: progress, remarks, the last error.
  static func begin(_ format: Format) { isJSON.store(format == .json, ordering: .releasing) }

  /// Whether text for standard error is to be an object.
  static var writesJSON: Bool { isJSON.load(ordering: .acquiring) }

  /// A line of the program itself as an object.
  static func writeObject(_ text: String, level: Logger.Level) {
    JSONLogHandler(label: "gauntlet").write(
      String(text.trimmingPrefix("gauntlet: ")).trimmingCharacters(in: .newlines), level: level, metadata: [:])
  }

  /// A logger to standard error, so that standard output holds results alone.
  static func stderrLogger(_ label: String, format: Format = .text) -> Logger {
    Logger(label: label) { label in
      switch format {
      case .text: TextLogHandler(label: label)
      case .json: JSONLogHandler(label: label)
      }
    }
  }
}

/// The same for all daemons.
struct LogArguments: ParsableArguments {
  @Option(help: "How log lines are written to standard error: text, or json, one object a line.")
  var logFormat = Logs.Format.text

  /// Writes to standard error in this format from now on.
  func begin() { Logs.begin(logFormat) }
}

/// Writes each event as a line of time, level, logger, metadata and message, whatever workers and files are called.
private struct TextLogHandler: LogHandler {
  let label: String
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]

  init(label: String) {
    self.label = label
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let pairs = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    let line =
      [Date().formatted(.iso8601), event.level.rawValue, "\(label):"] + pairs.map { "\($0.key)=\($0.value)" }
      + ["\(event.message)"]
    Terminal.draw(line.joined(separator: " ").plain + "\n")
  }
}

/// Writes each event as a JSON object with time, level, logger, message and the event's metadata.
private struct JSONLogHandler: LogHandler {
  let label: String
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]

  init(label: String) {
    self.label = label
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    write("\(event.message)", level: event.level, metadata: metadata.merging(event.metadata ?? [:]) { $1 })
  }

  func write(_ message: String, level: Logger.Level, metadata: Logger.Metadata) {
    var fields = metadata.mapValues { "\($0)" }
    fields["time"] = Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
    fields["level"] = level.rawValue
    fields["logger"] = label
    fields["message"] = message
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(fields) else { return }
    // One write, so that lines of several threads do not mix.
    Terminal.draw(String(decoding: data, as: UTF8.self).plainJSON + "\n")
  }
}
