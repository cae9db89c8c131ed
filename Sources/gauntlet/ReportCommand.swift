import Archives
import ArgumentParser
import Durable
import Foundation
import Planning
import Reporting

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Prints an archive's accuracy table and writes an HTML page with heat map and curves.",
    discussion: """
      The page is one file and needs no network. Several archives are shown side by side.
      Example: gauntlet report runs/miniature/archive.h5 -o report.html --csv tables
      """)

  @Argument(help: "The archives, or the folders of their runs.") var files: [String]
  @Option(name: .shortAndLong, help: "The HTML page to write [default: report.html beside the first archive].")
  var output: String?
  @Option(help: "Also write conditions.csv, series.csv, summary.csv and comparisons.csv into this folder.") var csv:
    String?

  func run() throws {
    let archives = try files.map(Usage.archive)
    for archive in archives { try Usage.warn(ofSealOf: archive) }
    let model = try ReportModel(archives: archives.map { try ArchiveReader(path: $0) })
    let page = try Usage.output(
      output ?? DurableFile.folder(of: archives[0]) + "/report.html", option: "--output", besides: archives)
    if let csv {
      for name in CSVReport.names {
        _ = try Usage.output(csv + "/" + name, option: "--csv", besides: archives + [page])
      }
    }
    Reports.printTable(of: model)
    do {
      try Reports.write(model, page: page, csvFolder: csv)
      print("report: \(page)")
    } catch let error as FileError where output == nil && csv == nil && Self.mayNotBeWritten(error) {
      // Another's archive, or one on a read-only disk: the table is what can be had there.
      Terminal.complain("gauntlet: \(error.sentence); name another page with -o")
    }
    if let csv { print("tables: \(csv)") }
  }
}

extension ReportCommand {
  private static func mayNotBeWritten(_ error: FileError) -> Bool { [EACCES, EPERM, EROFS].contains(error.code) }
}

/// Reports as the commands write them.
enum Reports {
  /// The table has colours, and is plain text besides.
  static func printTable(of model: ReportModel) {
    StandardOutput.write(
      ReportTable.render(model, colour: Terminal.takesColour, width: Terminal.width) + "\n")
  }

  static func write(_ model: ReportModel, page: String, csvFolder: String? = nil) throws {
    try RunFolder.writeAtomically(Data(HTMLReport.render(model).utf8), to: page)
    guard let csvFolder else { return }
    for (name, text) in CSVReport.render(model).files {
      try RunFolder.writeAtomically(Data(text.utf8), to: csvFolder + "/" + name)
    }
  }
}
