import Networks
import Tensors

/// The gradients of a logit on the straight line from black to an image (Sundararajan et al., "Axiomatic Attribution for Deep
/// Networks", ICML 2017), by Gauss and Legendre's rule.
public struct IntegratedGradients<Model: AttackedModel> {
  private let model: Model
  private let rule: [(place: Double, weight: Double)]

  /// - Parameter steps: gradients an image, 1 at least.
  public init(of model: Model, steps: Int) {
    self.model = model
    rule = GaussLegendre.rule(max(1, steps))
  }

  /// What each value of an image contributes to its loss.
  public struct Maps {
    /// The gradient at the images, [count, values].
    public var gradients: [Float]
    /// Each value times the mean gradient on the line, [count, values].
    public var integrated: [Float]
    /// Of each image by how much its integrated gradients do not add up to its loss less that of black.
    public var gaps: [Float]
  }

  /// The maps of some images.
  ///
  /// - Parameters:
  ///   - images: [count, values] in [0, 1].
  ///   - classes: whose logit, of each image.
  /// - Throws: what the model throws.
  public func maps(of images: [Float], classes: [Int]) throws -> Maps {
    guard !classes.isEmpty else { return Maps(gradients: [], integrated: [], gaps: []) }
    let losses = classes.map { Loss.logit(of: $0) }
    let size = images.count / classes.count
    var sums = [Double](repeating: 0, count: images.count)
    for (place, weight) in rule {
      let gradients = try model.gradients(of: images.map { $0 * Float(place) }, losses: losses).gradients
      for index in sums.indices { sums[index] += weight * Double(gradients[index]) }
    }
    let integrated = zip(images, sums).map { Double($0) * $1 }
    let (logits, gradients) = try model.gradients(of: images, losses: losses)
    let black = try model.gradients(of: [Float](repeating: 0, count: images.count), losses: losses).logits
    let (ends, starts) = (model.values(losses, logits), model.values(losses, black))
    let gaps = classes.indices.map { image in
      let total = integrated[(image * size)..<((image + 1) * size)].reduce(0, +)
      return Float(abs(total - (Double(ends[image]) - Double(starts[image]))))
    }
    return Maps(gradients: gradients, integrated: integrated.map { Float($0) }, gaps: gaps)
  }
}

/// Gauss and Legendre's rule of integration from 0 to 1.
package enum GaussLegendre {
  /// Places and weights: the roots of Legendre's polynomial, found by Newton's method from cos(pi (i + 3/4) / (n + 1/2)).
  package static func rule(_ count: Int) -> [(place: Double, weight: Double)] {
    (0..<count).map { index in
      var root = ReproducibleMath.cosineOfTurns((Double(index) + 0.75) / (Double(count) + 0.5) / 2)
      var slope = 1.0
      for _ in 0..<100 {
        let (value, derivative) = legendre(count, root)
        slope = derivative
        let step = value / derivative
        root -= step
        if abs(step) < 1e-16 { break }
      }
      return (place: (1 - root) / 2, weight: 1 / ((1 - root * root) * slope * slope))
    }
  }

  /// The polynomial of a degree and its derivative.
  private static func legendre(_ degree: Int, _ x: Double) -> (value: Double, derivative: Double) {
    var (before, value) = (1.0, x)
    for n in stride(from: 2, through: degree, by: 1) {
      (before, value) = (value, (Double(2 * n - 1) * x * value - Double(n - 1) * before) / Double(n))
    }
    return (value, Double(degree) * (x * value - before) / (x * x - 1))
  }
}
