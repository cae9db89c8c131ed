import Synchronization

/// Where the time of a worker's compute threads goes, and that of the threads which prepare images for them.
public final class StreamTimes: Sendable {
  /// What a thread is at.
  public enum Activity: Sendable, CaseIterable {
    /// A model is loaded.
    case loading
    /// The network computes.
    case computing
    /// A compute thread waits for an image to be read, decoded, corrupted and preprocessed.
    case waitingForImages
    /// A compute thread waits for its next shard.
    case waitingForShards
    /// Images are prepared, beside the compute threads: processor time, not time on the clock.
    case preparing
  }

  private struct State {
    var durations: [Activity: Duration] = [:]
    var images = 0

    private func seconds(_ activity: Activity) -> Double {
      let time = (durations[activity] ?? .zero).components
      return Double(time.seconds) + Double(time.attoseconds) * 1e-18
    }

    var summary: String? {
      let named: [(Activity, String)] = [
        (.computing, "computing"), (.waitingForImages, "waiting for images"), (.waitingForShards, "waiting for shards"),
        (.loading, "loading"),
      ]
      let whole = named.reduce(0) { $0 + seconds($1.0) }
      guard whole > 0 else { return nil }
      func share(_ activity: Activity) -> String {
        let permille = Int((1000 * seconds(activity) / whole).rounded())
        return "\(permille / 10).\(permille % 10) %"
      }
      let shares = named.map { "\($0.1) \(share($0.0))" }.joined(separator: ", ")
      return "\(images) images; \(shares); preparing \(share(.preparing)) in parallel"
    }
  }

  private let state = Mutex(State())

  /// No time.
  public init() {}

  /// Adds a time, of any thread.
  public func add(_ duration: Duration, to activity: Activity) {
    state.withLock { $0.durations[activity, default: .zero] += duration }
  }

  /// Counts images that a network has computed.
  package func countImages(_ count: Int) {
    state.withLock { $0.images += count }
  }

  /// Runs `body` and adds how long it took.
  package func measure<Value>(_ activity: Activity, _ body: () throws -> Value) rethrows -> Value {
    let start = ContinuousClock.now
    defer { add(ContinuousClock.now - start, to: activity) }
    return try body()
  }

  /// The images and the share of each activity in the compute threads' time, as in
  /// `1000 images; computing 99.1 %, waiting for images 0.2 %, waiting for shards 0.6 %, loading 0.1 %; preparing 3.2 %
  /// beside it`; nil before anything was computed.
  public var summary: String? { state.withLock(\.summary) }
}
