import Dispatch
import Foundation
import Messaging
import Shards
import Testing
import Working

@Suite("Threads that compute shards")
struct ComputeStreamsTests {
  private struct Nothing: ShardComputer {
    func compute(task: Data) throws -> Data { task }
  }

  @Test("The time between two shards is a wait, that before the first is none")
  func waits() {
    let times = StreamTimes()
    let finished = DispatchSemaphore(value: 0)
    let streams = ComputeStreams(count: 1, computer: Nothing(), times: times) { finished.signal() }
    defer { streams.end() }
    for number in 0..<2 {
      #expect(times.summary == nil, "nothing was waited for before shard \(number)")
      streams.add(ShardAttempt(shard: Int64(number), attempt: 1), Data([UInt8(number)]))
      finished.wait()
    }
    #expect(times.summary?.contains("waiting for shards 100.0 %") == true, "\(times.summary ?? "")")
    let payloads = streams.takeFinished().map { try? $0.1.get().payload }
    #expect(payloads == [Data([0]), Data([1])])
  }
}
