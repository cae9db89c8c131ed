import Diagnosis
import Foundation
import Testing

@Suite struct DiagnosisTests {
  @Test("A folder that takes a run's files is fine, and nothing of the trial is left in it")
  func goodFolder() throws {
    let folder = NSTemporaryDirectory() + "gauntlet-doctor-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let findings = Diagnosis.findings(folder: folder, port: nil)
    #expect(!findings.contains { $0.verdict == .problem }, "\(findings)")
    for subject in ["processor", "instructions", "allowance", "locks", "rights", "syncing", "listening", "libraries"] {
      #expect(findings.contains { $0.subject == subject })
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test("A folder that is not there is a problem that says what to do")
  func missingFolder() {
    let found = Diagnosis.findings(folder: "/nowhere/at/all", port: nil).first { $0.subject == "folder" }
    #expect(found?.verdict == .problem && found?.advice?.contains("--folder") == true)
  }

  @Test("A port that somebody listens at is a problem")
  func takenPort() throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    try #require(isBound)
    let found = Diagnosis.findings(folder: NSTemporaryDirectory(), port: UInt16(bigEndian: address.sin_port))
    #expect(found.first { $0.subject == "listening" }?.verdict == .problem)
  }
}
