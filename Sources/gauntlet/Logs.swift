import Logging

/// Logs of the daemons.
enum Logs {
  /// A logger to standard error, so that standard output holds results alone.
  static func stderrLogger(_ label: String) -> Logger {
    Logger(label: label) { StreamLogHandler.standardError(label: $0) }
  }
}
