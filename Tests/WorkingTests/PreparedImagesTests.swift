import Dispatch
import Synchronization
import Testing
import Working

@Suite("Images prepared ahead of the network")
struct PreparedImagesTests {
  private struct Unreadable: Error, Equatable {
    let index: Int
  }

  @Test("Images come in order, and those that fail in their places")
  func order() {
    let images = PreparedImages(count: 50, ahead: 3, times: StreamTimes()) { index in
      if index % 7 == 3 { throw Unreadable(index: index) }
      return [Float(index)]
    }
    defer { images.end() }
    for index in 0..<50 {
      switch images.next() {
      case .success(let values): #expect(values == [Float(index)] && index % 7 != 3)
      case .failure(let error): #expect(error as? Unreadable == Unreadable(index: index))
      }
    }
  }

  @Test("No more images wait than are allowed")
  func bound() {
    let asked = Atomic(0)
    let furthest = Atomic(0)
    let images = PreparedImages(count: 20_000, ahead: 3, times: StreamTimes()) { index in
      let lead = index + 1 - asked.load(ordering: .sequentiallyConsistent)
      furthest.max(lead, ordering: .sequentiallyConsistent)
      return []
    }
    defer { images.end() }
    for _ in 0..<20_000 {
      asked.add(1, ordering: .sequentiallyConsistent)
      _ = images.next()
    }
    #expect((1...3).contains(furthest.load(ordering: .sequentiallyConsistent)))
  }

  /// Tells when the last one who holds it lets go.
  private final class Token: Sendable {
    let released: DispatchSemaphore
    let prepared = Atomic(0)
    init(released: DispatchSemaphore) { self.released = released }
    deinit { released.signal() }
  }

  @Test("A shard that is given up leaves no thread behind")
  func end() {
    let released = DispatchSemaphore(value: 0)
    let prepared = Mutex(0)
    func takeOne() {
      let token = Token(released: released)
      let images = PreparedImages(count: 1_000, ahead: 2, times: StreamTimes()) { _ in
        _ = token.prepared.add(1, ordering: .relaxed)
        prepared.withLock { $0 += 1 }
        return []
      }
      _ = images.next()
      images.end()
    }
    takeOne()
    #expect(released.wait(timeout: .now() + 60) == .success)
    #expect(prepared.withLock { $0 } < 10)
  }
}

@Suite("Where the time of compute threads goes")
struct StreamTimesTests {
  @Test("Shares are of the compute threads' time, and preparation is beside it")
  func summary() {
    let times = StreamTimes()
    #expect(times.summary == nil)
    times.add(.milliseconds(900), to: .computing)
    times.add(.milliseconds(60), to: .waitingForImages)
    times.add(.milliseconds(40), to: .waitingForImages)
    times.add(.milliseconds(55), to: .preparing)
    times.countImages(12)
    #expect(
      times.summary
        == "12 images; computing 90.0 %, waiting for images 10.0 %, waiting for shards 0.0 %, loading 0.0 %; "
        + "preparing 5.5 % in parallel")
  }
}
