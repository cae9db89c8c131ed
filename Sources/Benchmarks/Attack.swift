/// How an image is changed so that one network errs: by what it says of its gradients, within a budget.
///
/// Budgets and steps are of values in [0, 1], before mean and standard deviation: n/255 is n levels of a picture.
public struct Attack: Sendable, Hashable, Codable {
  /// How images are sought.
  public enum Method: String, Sendable, Hashable, Codable, CaseIterable {
    /// One step along the gradient's sign: Goodfellow et al., "Explaining and harnessing adversarial examples" (ICLR 2015).
    case fgsm
    /// Steps of one length that are drawn back into the budget: Madry et al., "Towards deep learning models resistant to
    /// adversarial attacks" (ICLR 2018).
    case pgd
    /// Steps that are halved where they no longer help, of the cross-entropy: Croce and Hein, "Reliable evaluation of
    /// adversarial robustness with an ensemble of diverse parameter-free attacks" (ICML 2020).
    case apgdCE = "apgd-ce"
    /// The same of the ratio of differences of logits.
    case apgdDLR = "apgd-dlr"
    /// The same towards each of the next likely classes, one after the other.
    case apgdT = "apgd-t"
    /// The nearest image that the network sees as one of the next likely classes, one after the other: Croce and Hein,
    /// "Minimally distorted adversarial examples with a fast adaptive boundary attack" (ICML 2020).
    case fabT = "fab-t"
    /// Random squares, of which those are kept that help, without gradients: Andriushchenko et al., "Square attack: a
    /// query-efficient black-box adversarial attack via random search" (ECCV 2020).
    case square
    /// AutoAttack's standard version: `inTurn`, each on the images that are still seen right, from "Reliable evaluation of
    /// adversarial robustness".
    case autoattack
    /// Steps along the sign of integrated gradients from black to the image: Huang and Kong, "Transferable adversarial attack
    /// based on integrated gradients" (ICLR 2022), on the straight line.
    case taigS = "taig-s"
    /// The same where each point of the line is moved at random within the budget.
    case taigR = "taig-r"

    private struct Traits {
      var needsGradients = true
      var keepsWhatErrs = false
      var hasTargets = false
      var hasStep = false
    }

    private var traits: Traits {
      switch self {
      case .fgsm: Traits()
      case .pgd, .taigS, .taigR: Traits(hasStep: true)
      case .apgdCE, .apgdDLR: Traits(keepsWhatErrs: true)
      case .apgdT, .fabT, .autoattack: Traits(keepsWhatErrs: true, hasTargets: true)
      case .square: Traits(needsGradients: false, keepsWhatErrs: true)
      }
    }

    /// Whether it asks for gradients.
    public var needsGradients: Bool { traits.needsGradients }
    /// Whether an image that errs is kept, whatever comes after it.
    public var keepsWhatErrs: Bool { traits.keepsWhatErrs }
    /// Whether it goes towards one class after the other.
    public var hasTargets: Bool { traits.hasTargets }
    /// Whether it has steps of one length.
    public var hasStep: Bool { traits.hasStep }
    /// The attacks that `autoattack` is made of.
    public static let inTurn: [Method] = [.apgdCE, .apgdT, .fabT, .square]
  }

  /// What is held below the budget.
  public enum Norm: String, Sendable, Hashable, Codable, CaseIterable {
    /// The largest change of a value.
    case linf
    /// The root of the sum of all changes' squares.
    case l2
  }

  /// How images are sought.
  public let method: Method
  /// What is held below the budget.
  public let norm: Norm
  /// The budget, in [0, 1].
  public let budget: Double
  /// The length of a step, where steps are of one length.
  public let step: Double
  /// How many steps; of `square`, how many squares.
  public let steps: Int
  /// Whether `pgd` starts at a random place within the budget.
  public let startsAtRandom: Bool
  /// How often it is begun anew for images that the network still sees right.
  public let restarts: Int
  /// How many classes are tried, of methods that have targets.
  public let targets: Int
  /// How many squares of `autoattack`; nil: none.
  public let queries: Int?

  /// An attack with a budget.
  public init(
    _ method: Method, norm: Norm = .linf, budget: Double, step: Double, steps: Int, startsAtRandom: Bool = true,
    restarts: Int = 1, targets: Int = 9, queries: Int? = nil
  ) {
    (self.method, self.norm, self.budget, self.step, self.steps) = (method, norm, budget, step, steps)
    (self.startsAtRandom, self.restarts, self.targets, self.queries) = (startsAtRandom, restarts, targets, queries)
  }

  /// One of the attacks that `autoattack` is made of.
  public func part(_ method: Method) -> Attack {
    Attack(
      method, norm: norm, budget: budget, step: step, steps: method == .square ? queries ?? steps : steps,
      targets: targets)
  }
}
