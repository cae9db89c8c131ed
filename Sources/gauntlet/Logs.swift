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
    writeObject(
      String(text.trimmingPrefix("gauntlet: ")).trimmingCharacters(in: .newlines), level: level, logger: "gauntlet",
      metadata: [:])
  }

  fileprivate static func writeObject(
    _ message: String, level: Logger.Level, logger: String, metadata: Logger.Metadata
  ) {
    var fields = metadata.mapValues { "\($0)" }
    fields["time"] = Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
    fields["level"] = level.rawValue
    fields["logger"] = logger
    fields["message"] = message
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(fields) else { return }
    Terminal.draw(String(decoding: data, as: UTF8.self).plainJSON + "\n")
  }

  /// A logger to standard error, so that standard output holds results alone.
  static func stderrLogger(_ label: String, format: Format = .text) -> Logger {
    Logger(label: label) { label in
      LineLogHandler(label: label, format: format)
    }
  }
}

/// The same for all daemons.
struct LogArguments: ParsableArguments {
  @Option(help: "How log lines are written to standard error: text, or json, one object per line.")
  var logFormat = Logs.Format.text

  /// Writes to standard error in this format from now on.
  func begin() { Logs.begin(logFormat) }
}

/// Writes each event as a line: of time, level, logger, metadata and message, whatever workers and files are called, or as a
/// JSON object with the same fields. One write each, so that lines of several threads do not mix.
private struct LineLogHandler: LogHandler {
  let label: String
  let format: Logs.Format
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]

  init(label: String, format: Logs.Format) {
    (self.label, self.format) = (label, format)
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let metadata = metadata.merging(event.metadata ?? [:]) { $1 }
    switch format {
    case .text: Terminal.draw(text(event, metadata) + "\n")
    case .json: Logs.writeObject("\(event.message)", level: event.level, logger: label, metadata: metadata)
    }
  }

  private func text(_ event: LogEvent, _ metadata: Logger.Metadata) -> String {
    let pairs = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let words = [Date().formatted(.iso8601), event.level.rawValue, "\(label):"] + pairs + ["\(event.message)"]
    return words.joined(separator: " ").plain
  }
}
