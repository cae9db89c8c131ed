import ArgumentParser
import GauntletKit

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks an archive: every checksum, every cell, every part's digest, every figure.",
    discussion: """
      Exit status 0: whole and sound; 1: sound, but results are missing or images changed (each is named); 3: damaged, or \
      its labels or figures do not follow from the recorded observations and the plan.
      With --data the images are read again and their SHA-256 compared with that of the images evaluated: give \
      the folder that holds all of the benchmarks' roots (for one benchmark, its root), or \
      BENCHMARK=ROOT for each.
      With --key it also checks who made the archive: that it was signed (gauntlet sign) with one of the keys in \
      that file. Without --key it only checks that the file is unchanged since it was written, whoever wrote it.
      Example: gauntlet verify runs/miniature/archive.h5
               gauntlet verify runs/miniature/archive.h5 --data runs/data/miniature
      """)

  @Argument(help: "The archive, or the folder of its run.") var file: String
  @Option(help: ArgumentHelp("Also compare the images below this folder; may be repeated.", valueName: "root"))
  var data: [String] = []
  @Option(help: "Also check its signature against this file of public keys, one per line, such as id_ed25519.pub.")
  var key: String?
  @Option(help: "The signature file [default: ARCHIVE.sig].") var signature: String?
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let archive = try Usage.archive(file)
    if signature != nil, key == nil {
      throw UsageError("--signature needs --key, the public keys to check it against")
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
