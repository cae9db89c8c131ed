import Foundation
import Testing

extension Trait where Self == TimeLimitTrait {
  /// For tests that a mistake in the program would let hang. The limit also counts the minutes in which a test that has
  /// begun waits for one of the few threads that all tests share, so it is longer than the whole suite takes anywhere.
  public static var hangLimit: Self { .timeLimit(.minutes(60)) }
}

/// What was waited for did not come.
public struct WaitedInVain: Error, CustomStringConvertible {
  /// What it was.
  public let description: String
}

/// Looks again and again until a condition holds that another process or thread brings about and cannot signal. The test's
/// time limit bounds it, and a few minutes; no test may need either. It rests a little between looks, so that what is
/// waited for has the processor.
public func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
  let end = ContinuousClock.now + .seconds(240)
  while try !condition() {
    guard ContinuousClock.now < end else { throw WaitedInVain(description: "waited in vain until \(what)") }
    usleep(2_000)
  }
}
