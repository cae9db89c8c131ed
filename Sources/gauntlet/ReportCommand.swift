import ArgumentParser
import Durable
import Foundation
import GauntletKit
import Planning

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Prints an archive's accuracy table and writes an HTML report with heat map and curves.",
    discussion: """
      The page is one file and needs no network. Several archives are shown side by side.
      Example: gauntlet report runs/miniature/archive.h5 -o report.html --csv tables
      """)

  @Argument(help: "The archives, or the folders of their runs.") var files: [String]
  @Option(name: .shortAndLong, help: "The HTML page to write [default: report.html beside the first archive].")
  var output: String?
  @Option(help: "Also write conditions.csv, series.csv, summary.csv and comparisons.csv into this folder.") var csv:
    String?

  @Option(
    help: ArgumentHelp(
      "Add up to this many pictures per benchmark that one model classifies correctly and another does not, clean and changed; the data must be where the run read it [default: none].",
      valueName: "count")) var examples: Int?

  func run() throws {
    if let examples { try Usage.check(examples, in: 1...100, option: "--examples") }
    let archives = try files.map(Usage.archive)
    if examples != nil { try checkRuns(archives) }
    for archive in archives { try Usage.warn(ofSealOf: archive) }
    var report = try Report(archives: archives)
    let page = try Usage.output(
      output ?? DurableFile.folder(of: archives[0]) + "/report.html", option: "--output", besides: archives)
    if let csv {
      for name in Report.tables {
        _ = try Usage.output(csv + "/" + name, option: "--csv", besides: archives + [page])
      }
    }
    Terminal.printTable(of: report)
    let hasAll = try examples.map { try addExamples($0, to: &report, archives) } ?? true
    do {
      try report.writePage(to: page)
      if let csv { try report.writeTables(to: csv) }
      print("report: \(page)")
    } catch let error as FileError where output == nil && csv == nil && Self.mayNotBeWritten(error) {
      // Another's archive, or one on a read-only disk: the table is what can be had there.
      Terminal.complain("gauntlet: \(error.sentence); name another page with -o")
    }
    if let csv { print("tables: \(csv)") }
    if !hasAll { throw ExitStatus.setAside }
  }
}

extension ReportCommand {
  private func checkRuns(_ archives: [String]) throws {
    for (file, archive) in zip(files, archives) {
      let run = RunFolder(DurableFile.folder(of: archive))
      if try run.hasPlan(), try FileIdentity(of: run.archive) == FileIdentity(of: archive) { continue }
      throw UsageError(
        "\(file) is not in a run folder, which --examples needs: an archive does not know where its images are")
    }
  }

  /// - Returns: whether every picture that was to be shown could be made.
  private func addExamples(_ count: Int, to report: inout Report, _ archives: [String]) throws -> Bool {
    let progress = ProgressLine("drawing")
    var problems: [String] = []
    try report.addExamples(of: archives.map { DurableFile.folder(of: $0) }, count: count, note: { problems.append($0) })
    {
      progress.report(fraction: $0, remark: "examples")
    }
    progress.finish()
    for problem in problems { Terminal.complain("gauntlet: \(problem)") }
    if report.model.examples.isEmpty, problems.isEmpty {
      Terminal.complain("no examples: no two models of a run differ on a benchmark of images")
    }
    return problems.isEmpty
  }

  private static func mayNotBeWritten(_ error: FileError) -> Bool { [EACCES, EPERM, EROFS].contains(error.code) }
}

extension Terminal {
  /// The table has colours, and is plain text besides.
  static func printTable(of report: Report) {
    StandardOutput.write(report.table(colour: takesColour, width: width) + "\n")
  }
}
