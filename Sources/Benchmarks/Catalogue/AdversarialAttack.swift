import Records

/// Images that are changed within a budget so that the network errs, each model's own: how much of its accuracy is left?
public enum AdversarialAttack: Benchmark {
  /// `attack`
  public static let kind = BenchmarkKind.attack
  /// How images are sought, and within what.
  public static let keys = [
    "root", "method", "transfer", "norm", "budgets", "steps", "step", "random_start", "restarts", "targets", "queries",
  ]
  /// What is sought, and how.
  public static let making = [
    "attack_method": "attacks", "attack_norm": "norms of budgets", "attack_steps": "numbers of steps",
    "attack_step": "lengths of steps", "attack_start": "starts", "attack_restarts": "restarts",
    "attack_targets": "targets", "attack_queries": "queries of the square attack",
  ]
  /// The condition without attack.
  static let clean = "0"

  /// FGSM at 1/255 to 8/255, or PGD of ten steps of a quarter of the budget, unless the manifest says otherwise.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    let method = try manifest.word("method", of: Attack.Method.self) ?? .pgd
    let norm = try manifest.word("norm", of: Attack.Norm.self) ?? .linf
    guard norm == .linf || method == .pgd else {
      throw manifest.failure("norm", "\(method.rawValue) supports only the norm linf; l2 needs method: pgd")
    }
    for (key, methods) in [
      ("step", Attack.Method.allCases.filter(\.hasStep)), ("random_start", [.pgd]),
      ("targets", Attack.Method.allCases.filter(\.hasTargets)), ("queries", [.autoattack]),
      ("steps", Attack.Method.allCases.filter { $0 != .fgsm }),
      ("restarts", Attack.Method.allCases.filter { $0 == .pgd || ($0.keepsWhatErrs && $0 != .autoattack) }),
    ] where manifest.has(key) && !methods.contains(method) {
      throw manifest.failure(
        key, "\(key) is for \(methods.map(\.rawValue).joined(separator: ", ")), not for \(method.rawValue)")
    }
    let budgets = try manifest.fractions("budgets", above: 0, upTo: norm == .linf ? 1 : 100)
    let step = try manifest.fraction("step", above: 0, upTo: norm == .linf ? 1 : 100)
    return .attack(
      name: manifest.name, root: try manifest.folder("root"), method: method, norm: norm,
      budgets: budgets ?? [1, 2, 4, 8].map { ("\($0)/255", Double($0) / 255) }, step: step,
      steps: try manifest.integer("steps", in: 1...100_000) ?? usualSteps(method),
      startsAtRandom: try method == .pgd
        ? manifest.flag("random_start") ?? true : method.keepsWhatErrs && method != .fabT,
      restarts: try manifest.integer("restarts", in: 1...100) ?? 1,
      targets: method.hasTargets ? try manifest.integer("targets", in: 1...999) ?? 9 : 0,
      queries: method == .autoattack ? try manifest.integer("queries", in: 1...100_000) ?? usualSteps(.square) : nil,
      isTransferred: try manifest.flag("transfer") ?? false, classes: manifest.classes)
  }

  private static func usualSteps(_ method: Attack.Method) -> Int {
    switch method {
    case .fgsm: 1
    case .pgd: 10
    case .apgdCE, .apgdDLR, .apgdT, .fabT, .autoattack: 100
    case .square: 5000
    case .taigS, .taigR: 20
    }
  }

  /// Accuracies, and their mean over the budgets.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: .robustness, population: population)
  }

  /// Where images are transferred, the other models' accuracies, too.
  public static func observationTally(of run: ObservedRun) -> (any Tally)? {
    guard run.benchmark.observed == .transferredLogits else { return nil }
    let own = AccuracyTally(
      grid: run.benchmark.grid, scoring: run.scoring, figures: .robustness, population: run.population)
    return TransferTally(own, of: run)
  }
}

extension BenchmarkKind {
  /// Images are changed so that the network errs.
  public static let attack = BenchmarkKind("attack")
}

extension BenchmarkDefinition {
  /// Clean images, and the same attacked within each budget.
  ///
  /// - Parameters:
  ///   - budgets: as they are written, and in [0, 1].
  ///   - step: where steps are of one length; nil: a quarter of each budget of `pgd`, 1/255 of the others.
  public static func attack(
    name: String, root: String, method: Attack.Method, norm: Attack.Norm = .linf,
    budgets: [(text: String, value: Double)], step: Double? = nil, steps: Int, startsAtRandom: Bool = true,
    restarts: Int = 1, targets: Int = 0, queries: Int? = nil, isTransferred: Bool = false, classes: [String] = []
  ) -> BenchmarkDefinition {
    let axis = Axis(name: "budget", values: [AdversarialAttack.clean] + budgets.map(\.text))
    var attributes = [
      "attack_method": method.rawValue, "attack_norm": norm.rawValue, "attack_steps": String(steps),
      "attack_start": startsAtRandom ? "random" : "image", "attack_restarts": String(restarts),
    ]
    if method.hasStep { attributes["attack_step"] = step.map { "\($0)" } ?? (method == .pgd ? "budget / 4" : "1/255") }
    if method.hasTargets { attributes["attack_targets"] = String(targets) }
    if method == .autoattack {
      attributes["attack_order"] = Attack.Method.inTurn.map(\.rawValue).joined(separator: " ")
    }
    if let queries { attributes["attack_queries"] = String(queries) }
    return BenchmarkDefinition(
      kind: .attack, name: name, layout: PictureLayout(root: root), grid: Grid(axes: [axis]), classes: classes,
      attributes: attributes,
      attack: { cell in
        guard cell.index > 0 else { return nil }
        let budget = budgets[cell.index - 1].value
        return Attack(
          method, norm: norm, budget: budget, step: step ?? (method == .pgd ? budget / 4 : 1.0 / 255), steps: steps,
          startsAtRandom: startsAtRandom,
          restarts: restarts, targets: targets, queries: queries)
      }, observed: isTransferred ? .transferredLogits : .logits)
  }
}

// MARK: - Figures

extension AccuracyFigures {
  /// The mean over all budgets, without the clean images.
  static let robustness = AccuracyFigures(cells: .curve) { tally, _, seed in
    let attacked = Array(1..<max(1, tally.grid.count))
    guard let budgets = tally.grid.axes.first?.values.dropFirst(), !attacked.isEmpty else { return [] }
    let top1 = tally.top1
    let combination = AccuracyCombination(
      terms: attacked.map { .init(condition: $0, factor: 1 / Double(attacked.count)) })
    return [
      Metric(
        name: "mean_robust_top1", description: "top-1 accuracy on attacked images, mean over the budgets, 0 to 1",
        axes: [], values: [attacked.reduce(0) { $0 + top1[$1] } / Double(attacked.count)],
        figure: .init(
          "mean robust top-1", .headline, extent: "within budgets of \(budgets.joined(separator: ", "))",
          explanation:
            "attack: budgets are of values in [0, 1], before mean and standard deviation; each model is attacked by its own "
            + "gradients"))
    ] + tally.intervals(of: "mean_robust_top1", combination, seed)
  }
}
