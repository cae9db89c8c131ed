import ArgumentParser
import Diagnosis
import Foundation

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Checks this machine: processor, memory, file system, network, libraries.",
    discussion: """
      Include its output whenever you report a problem with a run. It names no data and no models.
      Exit status 0: this machine can run Gauntlet; 1: it cannot, for the reason named.
      Example: gauntlet doctor --folder runs
      """)

  @Option(help: "Where runs will be stored.") var folder = "."
  @Option(help: "The port a coordinator would listen on [default: any].") var port: UInt16?
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let findings = Diagnosis.findings(folder: folder, port: port)
    if json {
      try printObject(Report(version: Gauntlet.version, findings: findings), keys: .convertToSnakeCase)
    } else {
      print("gauntlet \(Gauntlet.version)")
      let width = findings.map(\.subject.count).max() ?? 0
      for finding in findings {
        let mark = [.fine: " ", .warning: "!", .problem: "X"][finding.verdict] ?? " "
        let space = String(repeating: " ", count: width - finding.subject.count)
        print("\(mark) \(finding.subject)\(space)  \(finding.text)")
        if let advice = finding.advice { print("  \(String(repeating: " ", count: width))  \(advice)") }
      }
    }
    if findings.contains(where: { $0.verdict == .problem }) { throw ExitStatus.setAside }
  }

  private struct Report: Encodable {
    let version: String
    let findings: [Finding]
  }
}
