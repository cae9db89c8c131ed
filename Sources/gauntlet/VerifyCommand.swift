import ArgumentParser
import GauntletKit

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks an archive: every checksum, every cell, every part's digest, every figure.",
    discussion: """
      Exit status 0: whole and sound; 1: sound, but results are missing or images changed (each is named); 3: damaged, or \
      its labels or figures do not follow from what was observed and planned.
      With --data the images are read again and compared, by SHA-256, with those that the logits were computed from: where \
      they lie now is said as the folder that holds all of the benchmarks' roots (of one benchmark its root), or as \
      BENCHMARK=ROOT for each.
      With --key it is also checked who made the archive: that its bytes were signed (gauntlet sign) with one of the keys of \
      that file. Without, that they are as they were written, by whomever.
      Example: gauntlet verify runs/miniature/archive.h5
               gauntlet verify runs/miniature/archive.h5 --data runs/data/miniature
      """)

  @Argument(help: "The archive, or the folder of its run.") var file: String
  @Option(help: ArgumentHelp("Also compare the images below this folder; may be repeated.", valueName: "root"))
  var data: [String] = []
  @Option(help: "Also check its signature against this file of public keys, one a line, such as id_ed25519.pub.")
  var key: String?
  @Option(help: "Where the signature lies [default: ARCHIVE.sig].") var signature: String?
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let archive = try Usage.archive(file)
    if signature != nil, key == nil {
      throw UsageError("--signature needs --key, whose public keys it is checked against")
    }
    var check = ArchiveCheck(of: archive)
    check.keys = key
    check.signature = signature
    check.data = data
    let result = try shown(check, of: archive)
    let report = result.report
    if result.partsOfUnknownImages > 0 {
      Terminal.complain(
        "gauntlet: \(result.partsOfUnknownImages) parts do not say which images they were computed from")
    }
    if json {
      try printObject(report)
    } else {
      report.lines.forEach { print($0) }
    }
    if !report.isSound { throw ExitStatus.cannotGoOn }
    if !report.isComplete || !report.changed.isEmpty { throw ExitStatus.setAside }
  }

  private func shown(_ check: ArchiveCheck, of archive: String) throws -> ArchiveCheck.Result {
    let lines: [ArchiveCheck.Stage: ProgressLine] = [
      .figures: ProgressLine("computing figures"), .images: ProgressLine("reading images"),
    ]
    defer { lines.values.forEach { $0.finish() } }
    return try check.run { stage, done in
      if stage == .images { lines[.figures]?.finish() }
      lines[stage]?.report(fraction: done, remark: archive)
    }
  }
}
