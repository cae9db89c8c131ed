import Foundation
import Synchronization

/// Work that waits for disks more than it computes, done by more threads than there are cores: each call may be a round trip
/// to a file server.
package final class Concurrently<Input: Sendable, Output: Sendable>: Sendable {
  private struct State {
    var next = 0
    var outputs: [Int: Output] = [:]
    /// Of the first input that failed; later ones are not begun.
    var failure: (position: Int, error: any Error)?
  }

  private let inputs: [Input]
  private let body: @Sendable (Input) throws -> Output
  private let state = Mutex(State())
  private let done = DispatchSemaphore(value: 0)

  private init(_ inputs: [Input], _ body: @escaping @Sendable (Input) throws -> Output) {
    self.inputs = inputs
    self.body = body
  }

  /// What `body` gives for each input, in their order.
  ///
  /// - Parameter threads: how many work at the same time; work that computes wants no more than there are cores.
  /// - Throws: what `body` threw for the first input that it threw for.
  package static func map(
    _ inputs: [Input], threads: Int = 16, _ body: @escaping @Sendable (Input) throws -> Output
  ) throws -> [Output] {
    guard inputs.count > 1 else { return try inputs.map(body) }
    return try Concurrently(inputs, body).outputs(threads: min(max(1, threads), inputs.count))
  }

  private func outputs(threads: Int) throws -> [Output] {
    for _ in 0..<threads {
      let thread = Thread { [self] in
        while work() {}
        done.signal()
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
    for _ in 0..<threads { done.wait() }
    return try state.withLock { state in
      if let failure = state.failure { throw failure.error }
      return inputs.indices.compactMap { state.outputs[$0] }
    }
  }

  /// Does one input; false where none is left.
  private func work() -> Bool {
    let position = state.withLock { state -> Int? in
      guard state.failure == nil, state.next < inputs.count else { return nil }
      state.next += 1
      return state.next - 1
    }
    guard let position else { return false }
    let result = Result { try body(inputs[position]) }
    state.withLock { state in
      switch result {
      case .success(let output): state.outputs[position] = output
      case .failure(let error):
        if position < state.failure?.position ?? .max { state.failure = (position, error) }
      }
    }
    return true
  }
}
