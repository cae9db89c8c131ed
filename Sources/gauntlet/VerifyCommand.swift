import Archives
import ArgumentParser
import Foundation

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks an archive: every checksum, every cell, every part's digest.",
    discussion: """
      Exit status 0: whole and sound; 1: sound, but results are missing (each image is named); 3: damaged.
      Example: gauntlet verify runs/miniature/archive.h5
      """)

  @Argument(help: "The archive, or the folder of its run.") var file: String
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let report = try ArchiveVerifier.verify(try Usage.archive(file))
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
    } else {
      report.lines.forEach { print($0) }
    }
    if !report.isSound { throw ExitStatus.cannotGoOn }
    if !report.isComplete { throw ExitStatus.setAside }
  }
}
