import Archives
import Durable
import Foundation
import Planning
import Reporting

/// What archives hold, as table, page and tables of numbers.
public struct Report: Sendable {
  /// What is shown.
  public private(set) var model: ReportModel

  /// What tells the archives' runs apart.
  private let labels: [String]

  /// Of several archives, side by side.
  ///
  /// - Throws: `ArchiveError` where one cannot be read.
  public init(archives: [String]) throws {
    let archives = try archives.map { try ArchiveReader(path: $0) }
    labels = ReportModel.runLabels(archives)
    model = try ReportModel(archives: archives)
  }

  /// Puts pictures into the page that one model answers right and another wrong: of each benchmark those of the two models that
  /// differ most, spread over its conditions.
  ///
  /// - Parameters:
  ///   - runs: the folders of the archives' runs, in their order; their data must lie where they were read.
  ///   - count: of each benchmark, at most.
  ///   - note: told why pictures are missing.
  ///   - progress: told the share that is done, 0...1.
  public mutating func addExamples(
    of runs: [String], count: Int, note: (String) -> Void, progress: (Double) -> Void = { _ in }
  ) throws {
    for (place, (run, label)) in zip(runs, labels).enumerated() {
      model.examples += try ReportExamples(of: run, count: count).made(label: label, note: note) {
        progress((Double(place) + $0) / Double(runs.count))
      }
    }
  }

  /// The table of accuracies as text.
  ///
  /// - Parameters:
  ///   - colour: with the escape codes of a terminal's colours.
  ///   - width: columns that it may take.
  public func table(colour: Bool = false, width: Int = 100) -> String {
    ReportTable.render(model, colour: colour, width: width)
  }

  /// A report is for others as the archive is; the run's folder says who gets to it.
  private static let mode: mode_t = 0o644

  /// Writes the HTML page, one file that needs no network.
  public func writePage(to path: String) throws {
    try DurableFile.write(Data(HTMLReport.render(model).utf8), to: path, mode: Self.mode)
  }

  /// The names of the tables that `writeTables` writes.
  public static var tables: [String] { CSVReport.names }

  /// Writes the tables as CSV files into a folder.
  public func writeTables(to folder: String) throws {
    try DurableFile.makeFolder(folder, mode: 0o755)
    for (name, text) in CSVReport.render(model).files {
      try DurableFile.write(Data(text.utf8), to: folder + "/" + name, mode: Self.mode)
    }
  }
}
