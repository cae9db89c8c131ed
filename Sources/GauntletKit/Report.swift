import Archives
import Foundation
import Planning
import Reporting

/// What archives hold, as table, page and tables of numbers.
public struct Report: Sendable {
  /// What is shown.
  public let model: ReportModel

  /// Of several archives, side by side.
  ///
  /// - Throws: `ArchiveError` where one cannot be read.
  public init(archives: [String]) throws {
    model = try ReportModel(archives: archives.map { try ArchiveReader(path: $0) })
  }

  /// The table of accuracies as text.
  ///
  /// - Parameters:
  ///   - colour: with the escape codes of a terminal's colours.
  ///   - width: columns that it may take.
  public func table(colour: Bool = false, width: Int = 100) -> String {
    ReportTable.render(model, colour: colour, width: width)
  }

  /// Writes the HTML page, one file that needs no network.
  public func writePage(to path: String) throws {
    try RunFolder.writeAtomically(Data(HTMLReport.render(model).utf8), to: path)
  }

  /// The names of the tables that `writeTables` writes.
  public static var tables: [String] { CSVReport.names }

  /// Writes the tables as CSV files into a folder.
  public func writeTables(to folder: String) throws {
    for (name, text) in CSVReport.render(model).files {
      try RunFolder.writeAtomically(Data(text.utf8), to: folder + "/" + name)
    }
  }
}
