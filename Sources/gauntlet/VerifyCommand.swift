import Archives
import ArgumentParser
import Coordination
import Foundation

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
    var report = ArchiveReport()
    if let key { try checkSignature(of: archive, keys: key, &report) }
    if report.isSound {
      let signer = report.signedBy
      report = try ArchiveVerifier.verify(archive)
      report.signedBy = signer
    }
    if report.isSound { try checkFigures(of: archive, &report) }
    if !data.isEmpty, report.isSound { try compare(archive, &report) }
    if json {
      try printObject(report)
    } else {
      report.lines.forEach { print($0) }
    }
    if !report.isSound { throw ExitStatus.cannotGoOn }
    if !report.isComplete || !report.changed.isEmpty { throw ExitStatus.setAside }
  }

  private func checkFigures(of archive: String, _ report: inout ArchiveReport) throws {
    let progress = ProgressLine("computing figures")
    defer { progress.finish() }
    let found = try FigureVerifier(of: ArchiveReader(path: archive)).verify {
      progress.report(fraction: $0, remark: archive)
    }
    report.contradictions = found.contradictions
    report.figuresUnchecked = found.obstacle
    if found.obstacle == nil { report.soundFigures = found.same }
  }

  /// Before anything else of the archive is looked at, so that a forged one is not even opened.
  private func checkSignature(of archive: String, keys path: String, _ report: inout ArchiveReport) throws {
    let keys = try SigningPublicKey.read(path)
    let signature = try ArchiveSignature(reading: signature ?? ArchiveSignature.path(of: archive))
    let fingerprint = signature.publicKey.fingerprint
    if !keys.contains(where: { $0.fingerprint == fingerprint }) {
      report.damage.append("\(archive): it was signed by the key \(fingerprint), which is none of those of \(path)")
    } else if try !signature.holds(for: archive) {
      report.damage.append("\(archive): its bytes are not those that were signed by the key \(fingerprint)")
    } else {
      report.signedBy = fingerprint
    }
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
