import Foundation

/// A picture that one model answers right and another wrong.
public struct ReportExample: Sendable, Equatable {
  /// What tells the run from the report's others.
  let run: String
  /// The benchmark's name.
  let benchmark: String
  /// What was done to it, in words; empty where the benchmark has one condition.
  let condition: String
  /// What it shows.
  let label: String
  /// The model that is right.
  let right: String
  /// The model that is wrong.
  let wrong: String
  /// What that model says it is.
  let answer: String
  /// As the wrong model was given it, a PNG file.
  let picture: Data
  /// The same before it was changed; nil where the run does not have it.
  let clean: Data?

  /// An example.
  public init(
    run: String, benchmark: String, condition: String, label: String, right: String, wrong: String, answer: String,
    picture: Data, clean: Data?
  ) {
    (self.run, self.benchmark, self.condition, self.label) = (run, benchmark, condition, label)
    (self.right, self.wrong, self.answer, self.picture, self.clean) = (right, wrong, answer, picture, clean)
  }
}

extension PageWriter {
  /// Examples of a benchmark, side by side.
  mutating func examples(_ examples: [ReportExample]) {
    guard !examples.isEmpty else { return }
    heading(3, "Where they differ")
    for run in examples.map(\.run).firstOccurrences { ofRun(examples.filter { $0.run == run }) }
  }

  private mutating func ofRun(_ examples: [ReportExample]) {
    guard let first = examples.first else { return }
    paragraph(
      "Pictures that \(first.right) classifies correctly and \(first.wrong) does not, as \(first.wrong) received them"
        + (examples.contains { $0.clean != nil } ? ", with the unchanged picture on the left." : "."))
    add("<div class=\"examples\">")
    for example in examples {
      let condition = example.condition.isEmpty ? "" : ", " + example.condition
      let clean = example.clean.map { Self.image($0, "\(example.label), unchanged") } ?? ""
      add(
        "<figure class=\"example\"><div>\(clean)\(Self.image(example.picture, example.label + condition))</div>"
          + "<figcaption>\(HTMLReport.escaped(example.label + condition)). "
          + "\(HTMLReport.escaped(example.wrong)) says \(HTMLReport.escaped(example.answer)).</figcaption></figure>")
    }
    add("</div>")
  }

  private static func image(_ png: Data, _ words: String) -> String {
    "<img alt=\"\(HTMLReport.escaped(words))\" src=\"data:image/png;base64,\(png.base64EncodedString())\">"
  }
}
