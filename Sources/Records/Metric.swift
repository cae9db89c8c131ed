/// One metric over some of a grid's axes.
public struct Metric: Sendable, Equatable {
  /// The variable's name in the archive. The ends of its confidence interval are metrics of this name with `_low` and
  /// `_high`.
  public let name: String
  /// What it is, with its unit.
  public let description: String
  /// Names of the axes that it runs over, slowest first; none for a single number.
  public let axes: [String]
  /// The values, row-major; NaN where there is nothing to measure.
  public let values: [Double]
  /// What it is to people; nil in archives that do not say.
  public let figure: Figure?

  /// A metric.
  public init(name: String, description: String, axes: [String], values: [Double], figure: Figure? = nil) {
    self.name = name
    self.description = description
    self.axes = axes
    self.values = values
    self.figure = figure
  }
}

extension Metric {
  /// What a metric is to people: what reports call it, where they show it, and what it rests on. Whoever makes the metric
  /// says so; reports know no metric by its name.
  public struct Figure: Sendable, Equatable {
    /// Where reports show it.
    public enum Role: String, Sendable {
      /// It stands for the benchmark, and models are compared by it.
      case headline
      /// Models are compared by it, too.
      case compared
      /// It has a line of its own.
      case detail
      /// It stands on the line of the figure before it.
      case beside
      /// A cell a condition, a column over the rows of a grid, a row of its own where it is of one set of images.
      case table
      /// It is drawn over its last axis; a table shows no more than its mean a row.
      case curve
      /// It is drawn as a field of colours over its two axes.
      case map
      /// One of several over the same axis: a table has a column each, and those of one title are lines of one plot.
      case series
      /// Shares over bins from 0 to 1, drawn beside those that would be right, which are the metric of its name with `_ideal`.
      case reliability
      /// How many there are of each bin.
      case histogram
      /// Only files show it.
      case data
      /// How many images there are with a result and a class, of its sets.
      case count
      /// 1 where the grid has a condition, 0 where it has none.
      case grid
      /// Other figures need it, as the ends of intervals; it is none itself.
      case support
    }

    /// What its values are.
    public enum Unit: String, Sendable {
      /// 0 to 1, shown in %.
      case share
      /// At times more than 1, shown in %.
      case ratio
      /// A difference of shares, shown in percentage points.
      case points
      /// A plain number.
      case number
    }

    /// What it is an average over.
    public enum Counted: String, Sendable {
      /// Images with a result and a class.
      case images
      /// Images with a result.
      case results
      /// Sequences with a result, which are as many as images of a condition.
      case sequences
    }

    /// What people call it, such as `mCE`.
    public let title: String
    /// Where reports show it.
    public let role: Role
    /// What its values are.
    public var unit: Unit
    /// Whether a larger value is a worse one.
    public var isLessBetter: Bool
    /// Whether each condition has its own, whatever the grid; a grid without axes has one condition.
    public var isOfEachCondition: Bool
    /// What it is over in words, such as `over the standard 15 corruptions, 5 severities`; empty: its images say it all.
    public var extent: String
    /// The named sets of images that it rests on; none: all.
    public var sets: [String]
    /// The values of the grid's first axis that it rests on; none: all.
    public var rows: [String]
    /// What is counted of it.
    public var counted: Counted
    /// By whose figures it is measured, where those are not fixed.
    public var reference: String
    /// A sentence that says why it is not defined; empty where it is, or nothing was evaluated.
    public var absence: String
    /// What people need to know to read it; empty where the title says it.
    public var explanation: String
    /// How it is counted, in words; empty where nobody says.
    public var definition: String
    /// The paper that it is from.
    public var source: String
    /// Whether it describes a network, and no value is a better one.
    public var isNeutral: Bool

    /// A figure.
    public init(
      _ title: String, _ role: Role, _ unit: Unit = .share, isLessBetter: Bool = false, isOfEachCondition: Bool = false,
      extent: String = "", sets: [String] = [], rows: [String] = [], counted: Counted = .images, reference: String = "",
      absence: String = "", explanation: String = "", definition: String = "", source: String = "",
      isNeutral: Bool = false
    ) {
      (self.title, self.role, self.unit, self.isLessBetter) = (title, role, unit, isLessBetter)
      (self.isOfEachCondition, self.extent, self.sets, self.rows) = (isOfEachCondition, extent, sets, rows)
      (self.counted, self.reference, self.absence) = (counted, reference, absence)
      self.explanation = explanation
      (self.definition, self.source, self.isNeutral) = (definition, source, isNeutral)
    }

    /// Ends of intervals and the like.
    public static let support = Figure("", .support)
    /// Images with a result and a class, of some sets; none: of all.
    public static func count(of sets: [String] = []) -> Figure { Figure("", .count, .number, sets: sets) }
  }
}

// MARK: - As text attributes

extension Metric.Figure {
  /// The attributes that say it in an archive, by their names; what is as usual is left out.
  public var attributes: [String: String] {
    [
      "title": title, "role": role.rawValue, "unit": unit == .share ? "" : unit.rawValue,
      "better": isNeutral ? "neither" : isLessBetter ? "less" : "", "of_each_condition": isOfEachCondition ? "yes" : "",
      "extent": extent,
      "of_sets": sets.joined(separator: "\n"), "of_rows": rows.joined(separator: "\n"),
      "counted": counted == .images ? "" : counted.rawValue, "reference": reference, "absence": absence,
      "explanation": explanation, "definition": definition, "source": source,
    ].filter { !$0.value.isEmpty }
  }

  /// What such attributes say; nil where they name no role that is known.
  public init?(attributes: [String: String]) {
    guard let role = attributes["role"].flatMap(Role.init) else { return nil }
    func text(_ name: String) -> String { attributes[name] ?? "" }
    func list(_ name: String) -> [String] { text(name).split(separator: "\n").map(String.init) }
    self.init(
      text("title"), role, Unit(rawValue: text("unit")) ?? .share, isLessBetter: text("better") == "less",
      isOfEachCondition: text("of_each_condition") == "yes", extent: text("extent"), sets: list("of_sets"),
      rows: list("of_rows"), counted: Counted(rawValue: text("counted")) ?? .images, reference: text("reference"),
      absence: text("absence"), explanation: text("explanation"), definition: text("definition"),
      source: text("source"), isNeutral: text("better") == "neither")
  }
}
