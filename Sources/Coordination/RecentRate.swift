import Foundation

/// Events a second, the newer the heavier: each counts e^(-t/T) of itself after t seconds. Before T has passed it is the rate
/// since the beginning.
package struct RecentRate: Sendable {
  /// T, in seconds.
  private static let memory = 60.0

  private let begun: Double
  private var weight = 0.0
  private var time: Double

  /// Nothing yet.
  package init(from begun: Double) { (self.begun, time) = (begun, begun) }

  package mutating func note(_ count: Int, at now: Double) {
    weight = weight * decay(since: time, now) + Double(count)
    time = max(time, now)
  }

  /// The rate at a time; nil before anything was noted.
  package func value(at now: Double) -> Double? {
    guard weight > 0, now > begun else { return nil }
    return weight * decay(since: time, now) / (Self.memory * (1 - decay(since: begun, now)))
  }

  private func decay(since past: Double, _ now: Double) -> Double { exp(-max(0, now - past) / Self.memory) }
}
