import Records

/// Counts what a model answers, and what others answer to the images that were made for it.
struct TransferTally: AnswerTally {
  private var own: AccuracyTally
  private var others: [(name: String, variable: String, tally: AccuracyTally)]

  /// - Parameter run: of whose variables those behind the first are the others' logits.
  init(_ own: AccuracyTally, of run: ObservedRun) {
    self.own = own
    let benchmark = run.benchmark
    others = run.shape.variables.compactMap { variable in
      guard let name = variable.transferTarget, let classes = variable.dimensions.first?.length else { return nil }
      return (
        name, variable.name,
        AccuracyTally(
          grid: benchmark.grid, scoring: benchmark.scoring(of: run.listing, classCount: classes), figures: .curves,
          population: run.population)
      )
    }
  }

  mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int) {
    own.add(condition: condition, firstImage: firstImage, logits: logits, classCount: classCount)
  }

  mutating func add(condition: Int, firstImage: Int, imageCount: Int, observations: [Observation]) {
    own.add(condition: condition, firstImage: firstImage, imageCount: imageCount, observations: observations)
    for place in others.indices {
      guard let found = observations[others[place].variable], let classes = found.count(images: imageCount) else {
        continue
      }
      others[place].tally.add(
        condition: condition, firstImage: firstImage, logits: found.values, classCount: classes)
    }
  }

  var rightAnswers: Outcomes { own.rightAnswers }
  var furtherAxes: [Axis] { own.furtherAxes }

  func metrics(clean: AccuracyTally?, seed: UInt64) -> [Metric] {
    own.metrics(clean: clean, seed: seed)
      + others.flatMap { name, _, tally in
        let attacked = tally.grid.cells.filter { $0.values.first != AdversarialAttack.clean }.map(\.index)
        let mean = attacked.reduce(0) { $0 + tally.top1[$1] } / Double(attacked.count)
        return [
          Metric(
            name: "transfer_top1_\(name)",
            description: "top-1 accuracy of \(name) on the images made for this model, 0 to 1",
            axes: tally.grid.axes.map(\.name), values: tally.top1,
            figure: .init("transferred top-1", .series, extent: "to \(name)")),
          Metric(
            name: "mean_transfer_top1_\(name)",
            description:
              "top-1 accuracy of \(name) on the images made for this model, mean over the budgets above 0, 0 to 1",
            axes: [], values: [mean], figure: .init("top-1 of \(name) on images made for the model", .compared)),
        ]
      }
  }
}

extension Variable {
  private static let transfer = "logits_of_"

  /// Another model's answer to the same image.
  public static func logits(of model: String, classes: Int, own: Int) -> Variable {
    Variable(
      transfer + model, [Dimension(classes == own ? "class" : "class_of_" + model, classes)],
      description: "logits of \(model) for the same image; NaN where there is no result")
  }

  /// The model whose answers these are to images that were made for another one; nil where they are none.
  var transferTarget: String? { name.hasPrefix(Self.transfer) ? String(name.dropFirst(Self.transfer.count)) : nil }
}
