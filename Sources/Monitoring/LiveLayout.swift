import Benchmarks
import Coordination
import Planning

/// The tables of a live page, which stay the same for a run: one of all models and benchmarks, and one of each benchmark, or
/// of each model on it, by conditions. However large the grids are there are no more than so many cells.
struct LiveLayout: Sendable {
  /// Cells of all tables together, at most.
  static let mostCells = 10_000
  /// Of these, the first table's.
  private static let mostOfFirst = 2_500

  /// A table.
  struct Table: Sendable {
    /// The benchmark's name; nil of the first table.
    var benchmark: String?
    /// The model's name, where the table is of one alone.
    var model: String?
    var rowAxis = "model"
    var columnAxis: String
    var rows: [String]
    var columns: [String]
    /// Rows and columns that are left out for want of room.
    var hidden = 0
    /// Images of each cell, where cells are sets of images and not conditions; none otherwise.
    var imagesOfCells: [Int] = []

    var count: Int { rows.count * columns.count }
  }

  /// Where a cell of the plan is shown.
  private struct Place {
    /// In the first table; nil where there is no room.
    var first: Int?
    /// In a table of its own: the table's number, and the cell's place in it.
    var own: (table: Int, index: Int)?
    /// Whether it fills a row, a set of images a cell.
    var isOfSets = false
    /// Which set's accuracy is the benchmark's.
    var headline = 0
  }

  private(set) var tables: [Table]
  /// By the plan's cells, in their order.
  private var places: [Place]
  private let cells: [ShardCell]

  init(plan: Plan, tally: InterimTally) {
    let (models, benchmarks) = (plan.manifest.models, plan.manifest.benchmarks)
    let columns = min(benchmarks.count, Self.mostOfFirst)
    let rows = min(models.count, Self.mostOfFirst / max(1, columns))
    tables = [
      Table(
        columnAxis: "benchmark", rows: models.prefix(rows).map(\.name), columns: benchmarks.prefix(columns).map(\.name),
        hidden: models.count - rows + benchmarks.count - columns)
    ]
    cells = plan.shards.cells
    places = cells.map { cell in
      Place(first: cell.model < rows && cell.benchmark < columns ? cell.model * columns + cell.benchmark : nil)
    }
    var placesOfBenchmark: [Int: [Int]] = [:]
    for (place, cell) in cells.enumerated() { placesOfBenchmark[cell.benchmark, default: []].append(place) }
    var room = Self.mostCells - tables[0].count
    for (benchmark, definition) in benchmarks.enumerated() {
      let own = placesOfBenchmark[benchmark] ?? []
      let evaluated = Array(Set(own.map { cells[$0].model })).sorted()
      for model in evaluated.prefix(rows) {
        let headline = definition.subsets.isEmpty ? 0 : tally.judge(model: model, benchmark: benchmark)?.headline ?? 0
        for place in own where cells[place].model == model { places[place].headline = headline }
      }
      if definition.grid.axes.isEmpty {
        addSets(
          of: definition, at: benchmark, evaluated.map { ($0, models[$0].name) }, own, judgedBy: tally, &room)
      } else if definition.grid.axes.count == 1 {
        addRows(of: definition, evaluated.map { ($0, models[$0].name) }, own, &room)
      } else {
        addMaps(of: definition, evaluated.map { ($0, models[$0].name) }, own, &room)
      }
    }
  }

  /// A row a model, a column a named set of images; nothing where there are no sets that are judged.
  private mutating func addSets(
    of definition: BenchmarkDefinition, at benchmark: Int, _ models: [(place: Int, name: String)], _ own: [Int],
    judgedBy tally: InterimTally, _ room: inout Int
  ) {
    let count = definition.subsets.count * models.count
    guard definition.subsets.count > 1, count <= room, let first = models.first,
      let judge = tally.judge(model: first.place, benchmark: benchmark)
    else { return }
    room -= count
    tables.append(
      Table(
        benchmark: definition.name, columnAxis: "set of images", rows: models.map(\.name), columns: judge.sets,
        imagesOfCells: models.flatMap { tally.judge(model: $0.place, benchmark: benchmark)?.imagesOfSets ?? [] }))
    let rowOfModel = Dictionary(models.enumerated().map { ($1.place, $0) }) { first, _ in first }
    for place in own {
      guard let row = rowOfModel[cells[place].model] else { continue }
      places[place].own = (tables.count - 1, row * judge.sets.count)
      places[place].isOfSets = true
    }
  }

  /// A row a model, a column a value of the only axis.
  private mutating func addRows(
    of definition: BenchmarkDefinition, _ models: [(place: Int, name: String)], _ own: [Int], _ room: inout Int
  ) {
    let axis = definition.grid.axes[0]
    guard axis.values.count * models.count <= room, !models.isEmpty else { return }
    room -= axis.values.count * models.count
    tables.append(
      Table(
        benchmark: definition.name, columnAxis: axis.name, rows: models.map(\.name), columns: axis.values))
    let rowOfModel = Dictionary(models.enumerated().map { ($1.place, $0) }) { first, _ in first }
    for place in own {
      guard let row = rowOfModel[cells[place].model] else { continue }
      places[place].own = (tables.count - 1, row * axis.values.count + cells[place].condition)
    }
  }

  /// A table a model: a column a value of the last axis, a row what the others say. Without the last axis where there are too
  /// many cells.
  private mutating func addMaps(
    of definition: BenchmarkDefinition, _ models: [(place: Int, name: String)], _ own: [Int], _ room: inout Int
  ) {
    let axes = definition.grid.axes
    let width = axes[axes.count - 1].values.count
    let height = definition.grid.count / max(1, width)
    let isWhole = height * width * models.count <= room
    guard width > 0, isWhole || height * models.count <= room else { return }
    room -= height * models.count * (isWhole ? width : 1)
    let rows = (0..<height).map { row in
      definition.grid.cell(at: row * width).map { $0.values.dropLast().joined(separator: " ") } ?? ""
    }
    var tableOfModel: [Int: Int] = [:]
    for model in models {
      tableOfModel[model.place] = tables.count
      tables.append(
        Table(
          benchmark: definition.name, model: model.name, rowAxis: axes.dropLast().map(\.name).joined(separator: ", "),
          columnAxis: isWhole ? axes[axes.count - 1].name : "all of \(axes[axes.count - 1].name)", rows: rows,
          columns: isWhole ? axes[axes.count - 1].values : ["all"]))
    }
    for place in own {
      guard let table = tableOfModel[cells[place].model] else { continue }
      places[place].own = (table, isWhole ? cells[place].condition : cells[place].condition / width)
    }
  }
}

extension LiveLayout {
  /// A cell of a table at a moment.
  struct Cell: Sendable {
    var images = 0
    /// Images that are done, with a result or without.
    var done = 0
    /// Those of them without a result.
    var lost = 0
    /// What was judged of them.
    var count = AnswerJudge.Count()
    /// How many of these are different images.
    var distinct = 0

    /// Nothing that is computed is shown there.
    var isEmpty: Bool { images == 0 }

    /// Takes in a condition of so many images; nothing is known of it where there are no counts.
    mutating func add(_ planned: Int, _ counts: LedgerStatus.Counts?, _ judged: AnswerJudge.Count?) {
      images += planned
      if let counts {
        done += counts.recordedImages + counts.setAsideImages
        lost += counts.failedImages + counts.setAsideImages
      }
      guard let judged else { return }
      count = count + judged
      distinct = max(distinct, judged.evaluated)
    }
  }

  /// What each table's cells are at a moment. In proportion to the plan's cells.
  func filled(with moment: LiveMoment) -> [[Cell]] {
    var filled = tables.map { table in
      table.imagesOfCells.isEmpty
        ? Array(repeating: Cell(), count: table.count) : table.imagesOfCells.map { Cell(images: $0) }
    }
    let status = moment.status?.cells ?? []
    for (place, cell) in cells.enumerated() {
      let counts = status.indices.contains(place) ? status[place].counts : nil
      let judged = moment.interim.cells[
        InterimTally.Cell(model: cell.model, benchmark: cell.benchmark, condition: cell.condition)]
      let shown = places[place]
      let main = judged.flatMap { $0.indices.contains(shown.headline) ? $0[shown.headline] : nil }
      if let first = shown.first { filled[0][first].add(cell.imageCount, counts, main) }
      guard let own = shown.own else { continue }
      guard shown.isOfSets else {
        if filled[own.table].indices.contains(own.index) {
          filled[own.table][own.index].add(cell.imageCount, counts, main)
        }
        continue
      }
      for (set, count) in (judged ?? []).enumerated() where filled[own.table].indices.contains(own.index + set) {
        filled[own.table][own.index + set].count = count
        filled[own.table][own.index + set].distinct = count.evaluated
        filled[own.table][own.index + set].done = count.evaluated
      }
    }
    return filled
  }
}
