import Foundation
import Synchronization

/// Images made ready for the network, in order, by a thread of their own while the network computes those before them.
///
/// Reading may wait for a disk and decoding takes time: here the network waits for neither. At most `ahead` images wait
/// for the network, which bounds the memory. One thread takes the images; `end` must be called when it wants no more.
package final class PreparedImages: Sendable {
  private struct State {
    var ready: [Result<[Float], any Error>] = []
    var isEnded = false
  }

  private let state = Mutex(State())
  private let ready = DispatchSemaphore(value: 0)
  private let room = DispatchSemaphore(value: 0)
  private let times: StreamTimes

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - count: the images, which `prepare` is asked for from 0 on.
  ///   - ahead: the images that may wait, 1 at least.
  ///   - prepare: gives an image's values, or throws why there are none; called on the thread alone.
  package init(
    count: Int, ahead: Int, times: StreamTimes, prepare: @escaping @Sendable (_ index: Int) throws -> [Float]
  ) {
    self.times = times
    for _ in 0..<max(1, ahead) { room.signal() }
    let thread = Thread { [self] in
      let start = ThreadClock.now
      for index in 0..<count {
        room.wait()
        if state.withLock(\.isEnded) { break }
        let image = Result { try prepare(index) }
        state.withLock { $0.ready.append(image) }
        ready.signal()
      }
      times.add(ThreadClock.now - start, to: .preparing)
    }
    thread.stackSize = 8 << 20
    thread.start()
  }

  /// The next image in order, waited for if need be; may be called as often as there are images.
  package func next() -> Result<[Float], any Error> {
    times.measure(.waitingForImages) { ready.wait() }
    defer { room.signal() }
    return state.withLock { $0.ready.removeFirst() }
  }

  /// Lets the thread end after the image that it is at.
  package func end() {
    state.withLock { $0.isEnded = true }
    room.signal()
  }
}

/// The processor time of the calling thread.
enum ThreadClock {
  static var now: Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}
