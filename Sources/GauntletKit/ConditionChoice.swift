import Benchmarks
import Coordination
import Planning

extension BenchmarkDefinition {
  /// Cells of the grid that have chosen values of axes, `AXIS=VALUE`; several values of one axis are all taken, all of an axis that
  /// is not named.
  ///
  /// - Parameter option: where the choice was made, for errors.
  /// - Throws: `Misuse` for a value that no axis has, and where no cell is left.
  func cells(_ conditions: [String], option: String) throws -> [GridCell] {
    let axes = grid.axes
    var wanted = [Set<String>](repeating: [], count: axes.count)
    for text in conditions {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2 else { throw Misuse("\(option) has \(text), but must have the form AXIS=VALUE") }
      guard let axis = axes.firstIndex(where: { $0.name == parts[0] }) else {
        throw Misuse(
          "\(option) has \(text), but \(name) has "
            + (axes.isEmpty ? "one condition" : "the axes \(axes.map(\.name).joined(separator: ", "))"))
      }
      guard axes[axis].values.contains(parts[1]) else {
        throw Misuse(
          "\(option) has \(text), but \(parts[0]) of \(name) must be one of "
            + axes[axis].values.joined(separator: ", "))
      }
      wanted[axis].insert(parts[1])
    }
    let cells = self.conditions.map(\.cell).filter { cell in
      zip(cell.values, wanted).allSatisfy { $1.isEmpty || $1.contains($0) }
    }
    guard !cells.isEmpty else {
      throw Misuse("no condition of \(name) is \(conditions.joined(separator: ", "))")
    }
    return cells
  }
}

extension Rejection {
  /// What a user names: a worker, a shard's number, or `MODEL/BENCHMARK`, perhaps with conditions as in
  /// `resnet50/imagenet-c/corruption=fog/severity=3`.
  ///
  /// - Throws: `Misuse` for what the plan does not have.
  init(_ text: String, of plan: @autoclosure () throws -> Plan) throws {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count > 1 else {
      self.init(text)
      return
    }
    let manifest = try plan().manifest
    guard let model = manifest.models.firstIndex(where: { $0.name == parts[0] }) else {
      throw Misuse(
        "unknown model \(parts[0].prefix(60)); the models are " + manifest.models.map(\.name).joined(separator: ", "))
    }
    guard let benchmark = manifest.benchmarks.firstIndex(where: { $0.name == parts[1] }) else {
      throw Misuse(
        "unknown benchmark \(parts[1].prefix(60)); the benchmarks are "
          + manifest.benchmarks.map(\.name).joined(separator: ", "))
    }
    let cells = try manifest.benchmarks[benchmark].cells(Array(parts.dropFirst(2)), option: "--reject")
    self = .cells(
      RejectedCells(name: text, model: model, benchmark: benchmark, conditions: Set(cells.map(\.index))))
  }
}
