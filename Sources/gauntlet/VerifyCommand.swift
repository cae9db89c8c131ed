import Archives
import ArgumentParser
import Coordination
import Foundation

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks an archive: every checksum, every cell, every part's digest.",
    discussion: """
      Exit status 0: whole and sound; 1: sound, but results are missing or images changed (each is named); 3: damaged.
      With --data the images are read again and compared, by SHA-256, with those that the logits were computed from: where \
      they lie now is said as the folder that holds all of the benchmarks' roots (of one benchmark its root), or as \
      BENCHMARK=ROOT for each.
      Example: gauntlet verify runs/miniature/archive.h5
               gauntlet verify runs/miniature/archive.h5 --data runs/data/miniature
      """)

  @Argument(help: "The archive, or the folder of its run.") var file: String
  @Option(help: ArgumentHelp("Also compare the images below this folder; may be repeated.", valueName: "root"))
  var data: [String] = []
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let archive = try Usage.archive(file)
    var report = try ArchiveVerifier.verify(archive)
    if !data.isEmpty, report.isSound { try compare(archive, &report) }
    if json {
      try printObject(report)
    } else {
      report.lines.forEach { print($0) }
    }
    if !report.isSound { throw ExitStatus.cannotGoOn }
    if !report.isComplete || !report.changed.isEmpty { throw ExitStatus.setAside }
  }

  private func compare(_ archive: String, _ report: inout ArchiveReport) throws {
    let progress = ProgressLine("reading images")
    let found = try DataVerifier(archive: archive, places: data).verify {
      progress.report(fraction: $0, remark: archive)
    }
    progress.finish()
    report.partsOfSameImages = found.same
    report.changed += found.changed
    if found.unknown > 0 {
      Terminal.complain("gauntlet: \(found.unknown) parts do not say which images they were computed from")
    }
  }
}
