/// A sum whose bits do not depend on the order of what is added: each number is rounded to a multiple of 2^-60 first.
struct ExactSum: Sendable {
  private var units: Int128 = 0
  /// A number that is none, or of 2^60 or more, or a sum beyond 2^67, makes the sum undefined.
  private var isDefined = true

  /// Adds a number.
  mutating func add(_ number: Double) {
    guard abs(number) < 0x1p60 else {
      isDefined = false
      return
    }
    let (sum, overflow) = units.addingReportingOverflow(Int128((number * 0x1p60).rounded()))
    units = sum
    if overflow { isDefined = false }
  }

  /// The sum; NaN where it is undefined.
  var value: Double { isDefined ? Double(units) * 0x1p-60 : .nan }
}
