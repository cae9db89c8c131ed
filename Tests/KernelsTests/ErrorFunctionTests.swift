import Foundation
import Testing

import Kernels

@Suite struct ErrorFunctionTests {
  @Test func isWithinItsStatedErrorOfTheTrueValue() {
    for step in -60_000...60_000 {
      let x = Float(step) / 10_000
      #expect(abs(Double(ErrorFunction.erf(x)) - Foundation.erf(Double(x))) < 1e-7, "erf(\(x))")
    }
  }

  @Test func isOddAndSaturates() {
    for x in [Float(0), 0.3, 0.99999994, 1, 2.5, 3.8, 3.9999998, 4, 1e10, .infinity] {
      #expect(ErrorFunction.erf(-x) == -ErrorFunction.erf(x))
    }
    #expect(ErrorFunction.erf(.infinity) == 1)
    #expect(ErrorFunction.erf(.nan).isNaN)
  }

  @Test func geluFollowsTheNormalDistribution() {
    for step in -800...800 {
      let x = Double(step) / 100
      let expected = x * 0.5 * (1 + Foundation.erf(x / 2.squareRoot()))
      #expect(abs(Double(ErrorFunction.gelu(Float(x))) - expected) < 1.1e-7 * max(1, abs(x)), "gelu(\(x))")
    }
  }

  @Test func theBestInstructionSetIsAvailable() {
    #expect(InstructionSet.available.contains(.best))
    #expect(InstructionSet.available.first == .scalar)
  }
}
