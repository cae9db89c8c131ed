import Logging
import Synchronization

/// Counts connections that were refused and tells of them, for each reason the first, the second, the fourth and so on: a
/// stranger that tries again and again must not fill the disk. Nothing that a stranger said is in it.
final class RefusalLog: Sendable {
  private let logger: Logger
  private let counts = Mutex<[Refusal: Int]>([:])

  init(_ logger: Logger) { self.logger = logger }

  var count: Int { counts.withLock { $0.values.reduce(0, +) } }

  func note(_ refusal: Refusal, _ address: String) {
    let count = counts.withLock { counts in
      counts[refusal, default: 0] += 1
      return counts[refusal, default: 0]
    }
    guard count.nonzeroBitCount == 1 else { return }
    logger.warning(
      "refused a connection",
      metadata: ["reason": "\(refusal.reason)", "address": "\(address)", "refused": "\(count)"])
  }
}
