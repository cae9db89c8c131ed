import Logging
import Synchronization

/// Keeps what is logged, for tests to look at.
final class KeptLog: Sendable {
  private let kept = Mutex<[String]>([])

  /// Every line: message and metadata.
  var lines: [String] { kept.withLock { $0 } }

  var logger: Logger { Logger(label: "tests") { _ in Handler(log: self) } }

  private struct Handler: LogHandler {
    let log: KeptLog
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      log.kept.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
  }
}
