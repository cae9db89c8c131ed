import Foundation
import Messaging
import Synchronization

/// When a worker's log tells why it hears nothing from its coordinator: each reason at once, and again after a minute, two,
/// four, as long as it lasts.
package struct SilenceLog: Sendable {
  private static let firstPause = Duration.seconds(60)
  private var told: String?
  private var next = ContinuousClock.now
  private var pause = firstPause

  package init() {}

  /// Whether a reason is to be told now.
  package mutating func isDue(_ reason: String, at now: ContinuousClock.Instant) -> Bool {
    if reason != told {
      told = reason
      pause = Self.firstPause
    } else if now < next {
      return false
    }
    next = now + pause
    pause *= 2
    return true
  }

  /// The coordinator was heard.
  package mutating func reset() { told = nil }
}

/// Asks the system why nobody answers at an address, on a thread of its own: a name server may be silent for long.
final class ReachabilityProbe: Sendable {
  private struct State {
    var address = ""
    var isAsking = false
    var found: ReachabilityProblem?
  }

  private let state = Mutex(State())

  /// What was found last at an address, which is asked for again meanwhile; nil where nothing was.
  func problem(at address: String) -> ReachabilityProblem? {
    let (found, isIdle) = state.withLock { state in
      if state.address != address { state.found = nil }
      state.address = address
      let isIdle = !state.isAsking
      state.isAsking = true
      return (state.found, isIdle)
    }
    guard isIdle else { return found }
    Thread.detachNewThread { [self] in
      let problem = ReachabilityProblem.find(at: address)
      state.withLock { state in
        state.isAsking = false
        if state.address == address { state.found = problem }
      }
    }
    return found
  }
}
