import Benchmarks
import Planning
import Records

/// A picture that was exported, or an image of which there is none.
public struct ExportedPicture: Sendable {
  /// The condition's cell.
  public let cell: GridCell
  /// The image's path as the plan lists it.
  public let image: String
  /// Which output of the network the image should have; nil where that is unknown.
  public let label: Int?
  /// Of an attack, in [0, 1]; nil: the image was not attacked.
  public let budget: Double?
  /// The PNG file below the folder; nil where there is none.
  public private(set) var file: String?
  /// The file's SHA-256, hexadecimal.
  public private(set) var sha256: String?
  /// By how much 8 bits changed a value of [0, 1] most; 0: they hold the picture as it is.
  public private(set) var rounding: Float?
  /// Why there is no file, in one sentence.
  public private(set) var problem: String?

  init(cell: GridCell, image: String, label: Int?, budget: Double?) {
    (self.cell, self.image, self.label, self.budget) = (cell, image, label, budget)
  }

  func written(as file: String, sha256: String, rounding: Float) -> Self {
    var picture = self
    (picture.file, picture.sha256, picture.rounding) = (file, sha256, rounding)
    return picture
  }

  func failed(_ problem: String) -> Self {
    var picture = self
    picture.problem = problem
    return picture
  }
}

/// The table of exported pictures: a line a picture.
struct ExportTable {
  let plan: Plan
  let selection: PictureExport.Selection

  /// The grid's axes have columns of their own.
  func text(of pictures: [ExportedPicture]) -> String {
    let (model, benchmark) = (plan.manifest.models[selection.model], plan.manifest.benchmarks[selection.benchmark])
    let head =
      ["file", "sha256", "model", "benchmark"] + benchmark.grid.axes.map(\.name)
      + ["image", "label", "attack_budget", "rounding", "seed", "problem"]
    let lines = pictures.map { picture in
      [picture.file ?? "", picture.sha256 ?? "", model.name, benchmark.name] + picture.cell.values + [
        picture.image, picture.label.map { "\($0)" } ?? "", picture.budget.map { "\($0)" } ?? "",
        picture.rounding.map { "\($0)" } ?? "", "\(plan.manifest.seed)", picture.problem ?? "",
      ]
    }
    return ([head] + lines).map { CSVLine.of($0) + "\r\n" }.joined()
  }
}

/// Names of files below a folder: the condition's values and the image's path, as any file system takes them.
package struct ExportNames {
  private var folders: [Int: String] = [:]
  private var taken: Set<String> = []

  /// No names yet.
  package init() {}

  /// The file of an image under a condition: `fog/3/CLASS/NAME.png`.
  package mutating func file(of image: String, at cell: GridCell) -> String {
    if folders[cell.index] == nil {
      folders[cell.index] = free(cell.values.map(Self.safe).joined(separator: "/"), "")
    }
    var parts = image.split(separator: "/", omittingEmptySubsequences: true).map { Self.safe(String($0)) }
    if let name = parts.popLast() {
      let stem = name.lastIndex(of: ".").map { $0 > name.startIndex ? String(name[..<$0]) : name } ?? name
      parts.append(stem)
    }
    let folder = folders[cell.index] ?? ""
    return free(((folder.isEmpty ? [] : [folder]) + parts).joined(separator: "/"), ".png")
  }

  /// A name that nothing else has.
  private mutating func free(_ name: String, _ ending: String) -> String {
    var (found, number) = (name + ending, 1)
    while !found.isEmpty, !taken.insert(found).inserted {
      number += 1
      found = "\(name)-\(number)\(ending)"
    }
    return found
  }

  private static func safe(_ part: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in part.unicodeScalars {
      scalars.append(
        scalar.value < 32 || scalar.value == 127 || "/\\:*?\"<>|".unicodeScalars.contains(scalar) ? "_" : scalar)
    }
    let text = String(scalars)
    return text.isEmpty || text.hasPrefix(".") ? "_" + text.dropFirst() : text
  }
}
