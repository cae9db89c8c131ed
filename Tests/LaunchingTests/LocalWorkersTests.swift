import Foundation
import Launching
import Logging
import Synchronization
import TestSupport
import Testing

@Suite struct LocalWorkersTests {
  private func folder() -> String {
    ScratchFolder.freshPath()
  }

  @Test("a worker that dies is replaced until the bound, then the reason is told")
  func replacesUntilTheBound() async throws {
    let logs = folder()
    defer { try? FileManager.default.removeItem(atPath: logs) }
    let reason = await withCheckedContinuation { continuation in
      let workers = LocalWorkers(
        executable: "/bin/sh", arguments: ["-c", "echo started; exit 3"], logFolder: logs, maximumRestarts: 4,
        logger: Logger(label: "test")
      ) { continuation.resume(returning: $0) }
      do { try workers.start(count: 1) } catch { Issue.record(error) }
    }
    #expect(reason.contains("status 3"))
    let log = try String(contentsOfFile: logs + "/worker-0.log", encoding: .utf8)
    #expect(log.split(separator: "\n").count == 5)
  }

  @Test("a worker that ends well is not started again; one that hangs is stopped")
  func stops() throws {
    let logs = folder()
    defer { try? FileManager.default.removeItem(atPath: logs) }
    let workers = LocalWorkers(
      executable: "/bin/sh", arguments: ["-c", "exec sleep 1000"], logFolder: logs, logger: Logger(label: "test")
    ) { Issue.record("gave up: \($0)") }
    try workers.start(count: 3)
    let processIDs = workers.processIDs
    #expect(processIDs.count == 3)
    workers.stop(grace: .seconds(20))
    #expect(processIDs.allSatisfy { kill($0, 0) != 0 })
  }
}
