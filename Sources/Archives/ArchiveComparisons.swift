import Records

/// The table of models in pairs: `/comparisons`, a row a benchmark and two models; none where a run has one model.
extension ArchiveWriter {
  /// Writes the table.
  public func writeComparisons(_ comparisons: [PairedComparison]) throws {
    guard !comparisons.isEmpty else { return }
    try writeTable(
      at: ArchiveReader.comparisons,
      columns: ArchiveReader.texts.map { .strings($0.name, comparisons.map($0.value)) }
        + ArchiveReader.counts.map { column in
          .integers(column.name, comparisons.map { Int64($0.figures[keyPath: column.value]) })
        }
        + ArchiveReader.numbers.map { column in
          .numbers(column.name, comparisons.map { $0.figures[keyPath: column.value] })
        } + [.numbers(ArchiveReader.corrected, comparisons.map(\.correctedP))])
  }
}

extension ArchiveReader {
  fileprivate static let comparisons = "/comparisons"
  fileprivate static let corrected = "p_holm"

  fileprivate static let texts: [(name: String, value: @Sendable (PairedComparison) -> String)] = [
    ("benchmark", { $0.benchmark }), ("model", { $0.first }), ("other", { $0.second }),
  ]

  fileprivate static var counts: [(name: String, value: WritableKeyPath<PairedComparison.Figures, Int>)] {
    [
      ("conditions", \.conditions), ("images", \.images), ("better", \.firstBetter), ("other_better", \.secondBetter),
    ]
  }

  fileprivate static var numbers: [(name: String, value: WritableKeyPath<PairedComparison.Figures, Double>)] {
    [
      ("difference", \.difference), ("difference_low", \.differenceLow), ("difference_high", \.differenceHigh),
      ("p", \.p), ("agreement", \.agreement), ("error_consistency", \.errorConsistency),
      ("error_consistency_low", \.errorConsistencyLow), ("error_consistency_high", \.errorConsistencyHigh),
    ]
  }

  /// Models in pairs, in the table's order; none where a run has one model, or in archives of before.
  ///
  /// - Throws: `ArchiveError` for a table that is inconsistent.
  public func comparisons() throws -> [PairedComparison] {
    func path(_ name: String) -> String { Self.comparisons + "/" + name }
    guard try stored.exists(Self.comparisons) else { return [] }
    let texts = try Self.texts.map { try stored.strings(path($0.name)) }
    let counts = try Self.counts.map { try stored.integers(path($0.name)) }
    let numbers = try (Self.numbers.map(\.name) + [Self.corrected]).map { try stored.doubles(path($0)) }
    let lengths = texts.map(\.count) + counts.map(\.count) + numbers.map(\.count)
    guard Set(lengths).count == 1 else { throw stored.failure("the table of comparisons is inconsistent") }
    return texts[0].indices.map { row in
      var figures = PairedComparison.Figures(
        conditions: 0, images: 0, firstBetter: 0, secondBetter: 0, difference: .nan, differenceLow: .nan,
        differenceHigh: .nan, p: .nan, agreement: .nan, errorConsistency: .nan, errorConsistencyLow: .nan,
        errorConsistencyHigh: .nan)
      for (column, values) in zip(Self.counts, counts) { figures[keyPath: column.value] = Int(clamping: values[row]) }
      for (column, values) in zip(Self.numbers, numbers) { figures[keyPath: column.value] = values[row] }
      return PairedComparison(
        benchmark: texts[0][row], first: texts[1][row], second: texts[2][row], figures: figures,
        correctedP: numbers[Self.numbers.count][row])
    }
  }
}
