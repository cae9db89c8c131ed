import Dispatch
import Foundation

/// SIGTERM and SIGINT as a call: the first one asks for a graceful end, the second one ends at once.
final class TerminationSignals {
  private let sources: [DispatchSourceSignal]

  /// Calls `drain` on a queue of its own at the first signal.
  init(drain: @escaping @Sendable () -> Void) {
    let queue = DispatchQueue(label: "gauntlet.signals")
    let counter = Counter()
    sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        counter.value += 1
        if counter.value > 1 { exit(128 + number) }
        drain()
      }
      source.resume()
      return source
    }
  }

  deinit {
    sources.forEach { $0.cancel() }
  }

  /// Used on the signal queue alone.
  private final class Counter: @unchecked Sendable {
    var value = 0
  }
}
