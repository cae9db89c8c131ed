import Attacks
import Networks
import Testing

/// Logits that are polynomials of each image's values: x0^2 + 3 x1, and the cube of x2.
private struct PolynomialModel: AttackedModel {
  let classCount = 2
  let height = 1
  let width = 1

  func logits(of images: [Float], count: Int) throws -> [Float] {
    (0..<count).flatMap { image in
      let x = images[(3 * image)..<(3 * image + 3)]
      let (first, second, third) = (x[x.startIndex], x[x.startIndex + 1], x[x.startIndex + 2])
      return [first * first + 3 * second, third * third * third]
    }
  }

  func gradients(of images: [Float], losses: [Loss]) throws -> (logits: [Float], gradients: [Float]) {
    let gradients = losses.enumerated().flatMap { image, loss -> [Float] in
      let start = 3 * image
      return loss == .logit(of: 0)
        ? [2 * images[start], 3, 0] : [0, 0, 3 * images[start + 2] * images[start + 2]]
    }
    return (try logits(of: images, count: losses.count), gradients)
  }
}

@Suite struct IntegratedGradientsTests {
  /// The rule's places are those of the polynomials' roots, and it is exact up to degree 2 n - 1.
  @Test(arguments: [1, 2, 3, 5, 20, 50])
  func rulesAreExact(count: Int) {
    let rule = GaussLegendre.rule(count)
    #expect(rule.count == count && rule.allSatisfy { $0.place > 0 && $0.place < 1 && $0.weight > 0 })
    for degree in [0, 1, 2 * count - 1] {
      let sum = rule.reduce(0.0) { sum, point in
        sum + point.weight * (0..<degree).reduce(1.0) { power, _ in power * point.place }
      }
      #expect(abs(sum - 1 / Double(degree + 1)) < 1e-13, "degree \(degree): \(sum)")
    }
    if count == 2 { #expect(abs(rule[0].place - (1 - 1 / 3.0.squareRoot()) / 2) < 1e-15) }
  }

  @Test func polynomialsByHand() throws {
    let images: [Float] = [0.6, 0.2, 0.5, 0.6, 0.2, 1]
    let maps = try IntegratedGradients(of: PolynomialModel(), steps: 3).maps(of: images, classes: [0, 1])
    func near(_ found: [Float], _ expected: [Float]) -> Bool { zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 } }
    #expect(near(maps.gradients, [1.2, 3, 0, 0, 0, 3]))
    #expect(near(maps.integrated, [0.36, 0.6, 0, 0, 0, 1]), "\(maps.integrated)")
    #expect(near(maps.gaps, [0, 0]))
    // One gradient, half way: 2 * 0.3 * 0.6 is right, 3 / 4 is not.
    let short = try IntegratedGradients(of: PolynomialModel(), steps: 1).maps(of: images, classes: [0, 1])
    #expect(near(short.integrated, [0.36, 0.6, 0, 0, 0, 0.75]) && near(short.gaps, [0, 0.25]))
    #expect(try IntegratedGradients(of: PolynomialModel(), steps: 1).maps(of: [], classes: []).gaps.isEmpty)
  }
}
