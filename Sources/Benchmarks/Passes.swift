/// What is asked of a network, counted in passes of one image each.
public struct Passes: Sendable, Hashable {
  /// From the image to its logits.
  public var forward: Int
  /// There and back: logits and the gradient of the image.
  public var gradients: Int
  /// Whether fewer may do, as where an attack ends once the network errs.
  public var isUpperBound: Bool

  /// So many passes.
  public init(forward: Int = 0, gradients: Int = 0, isUpperBound: Bool = false) {
    (self.forward, self.gradients, self.isUpperBound) = (forward, gradients, isUpperBound)
  }

  /// One after the other.
  public static func + (one: Passes, other: Passes) -> Passes {
    Passes(
      forward: one.forward + other.forward, gradients: one.gradients + other.gradients,
      isUpperBound: one.isUpperBound || other.isUpperBound)
  }

  /// So many times.
  public static func * (times: Int, one: Passes) -> Passes {
    Passes(forward: times * one.forward, gradients: times * one.gradients, isUpperBound: one.isUpperBound)
  }
}

extension Condition {
  /// What an image costs under this condition: its logits, and what its attack asks before. A network without some of its
  /// blocks does less than a whole pass.
  ///
  /// - Parameters:
  ///   - classCount: outputs of the network, which bound the classes that attacks go towards.
  ///   - observed: what is observed then.
  public func passes(classCount: Int, observing observed: Observed = .logits) -> Passes {
    var passes = observed.passes + (attack?.passes(classCount: classCount) ?? Passes())
    switch saliency?.source {
    // That of the network that says what is salient, once an image.
    case .attention: passes = passes + Passes(forward: 1, isUpperBound: true)
    case .gradient: passes = passes + Passes(forward: 1, gradients: 1)
    case nil: break
    }
    if let lesion, lesion.count > 0 { passes.isUpperBound = true }
    return passes
  }
}

extension Observed {
  /// What an image asks of the network.
  var passes: Passes {
    switch self {
    case .logits, .transferredLogits, .features, .attentionDistance: Passes(forward: 1)
    case .kernelDistance: Passes()
    case .receptiveField: Passes(gradients: 1)
    // Its answer, the line, and both ends.
    case .gradients(let steps): Passes(forward: 1, gradients: steps + 2)
    }
  }
}

extension Attack {
  /// What the attack of one image asks of the network.
  ///
  /// - Parameter classCount: outputs of the network.
  public func passes(classCount: Int) -> Passes {
    /// Whether the network errs on the image as it is.
    let look = Passes(forward: 1, isUpperBound: true)
    /// Classes that are gone towards.
    let tried = max(0, min(targets, classCount - 1))
    switch method {
    case .fgsm: return Passes(gradients: 1)
    case .pgd:
      return restarts * Passes(gradients: steps) + (restarts - 1) * Passes(forward: 1, isUpperBound: restarts > 1)
    // The start, and each step.
    case .apgdCE, .apgdDLR: return look + restarts * Passes(gradients: 1 + steps)
    case .apgdT: return look + restarts * tried * Passes(gradients: 1 + steps)
    // Each step, and a look at what it gave.
    case .fabT: return look + restarts * tried * steps * Passes(forward: 1, gradients: 1)
    // The stripes, and each square.
    case .square: return look + restarts * Passes(forward: 1 + steps)
    // Each attack, and a look at what it gave.
    case .autoattack:
      return Method.inTurn.reduce(look) { $0 + part($1).passes(classCount: classCount) + Passes(forward: 1) }
    case .taigS, .taigR: return steps * Passes(gradients: Self.pointsOfLine)
    }
  }

  /// Points of the line from black to the image whose gradients TAIG adds, both ends among them.
  public static let pointsOfLine = 21
}
