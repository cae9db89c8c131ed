import Logging
import Synchronization

/// Keeps what is logged, for tests to look at.
public final class KeptLog: Sendable {
  private let kept = Mutex<[String]>([])
  private let onEvent: @Sendable (LogEvent) -> Void

  /// A log without a line; `onEvent` is told of each as it comes.
  public init(onEvent: @escaping @Sendable (LogEvent) -> Void = { _ in }) {
    self.onEvent = onEvent
  }

  /// Every line: message and metadata.
  public var lines: [String] { kept.withLock { $0 } }

  /// A logger that writes here.
  public var logger: Logger { Logger(label: "tests") { _ in Handler(log: self) } }

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
      log.onEvent(event)
    }
  }
}

extension Logger {
  /// Logs nothing.
  public static let silent = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
}
