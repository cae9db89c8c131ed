import Testing
import Working

@Suite("Which models stay in memory")
struct ResidencyTests {
  private typealias Plan = Residency<String>
  private static let small = Plan.Needs(model: 10, session: 2)

  /// A thread takes a model and a session, which has to be possible at once.
  private func take(_ key: String, _ needs: Plan.Needs = small, in plan: inout Plan) -> [Plan.Departure] {
    var gone: [Plan.Departure] = []
    switch plan.admit(key, estimate: needs) {
    case .ready: break
    case .load(let departures): gone += departures + plan.loaded(key, needs: needs)
    case .wait: Issue.record("\(key) has to wait")
    }
    switch plan.seat(key) {
    case .idle: break
    case .new(let departures): gone += departures
    case .wait: Issue.record("\(key) waits for a session")
    }
    return gone
  }

  @Test("Of many models, one after the other, the last three stay, whatever room there is")
  func manyModels() {
    var plan = Plan(limit: .max, maximumModels: 3)
    for number in 0..<300 {
      let gone = take("\(number)", in: &plan)
      #expect(gone == (number < 3 ? [] : [.model("\(number - 3)")]))
      #expect(plan.giveBack("\(number)").isEmpty)
      #expect(plan.bytes == 12 * min(number + 1, 3))
    }
  }

  @Test("What was used last goes last")
  func leastRecentlyUsed() {
    var plan = Plan(limit: .max, maximumModels: 2)
    for key in ["a", "b", "a"] {
      #expect(take(key, in: &plan).isEmpty)
      #expect(plan.giveBack(key).isEmpty)
    }
    #expect(take("c", in: &plan) == [.model("b")])
  }

  @Test("A model that takes more than it did has others go for it, and never takes less again")
  func growing() {
    var plan = Plan(limit: 40, maximumModels: 3)
    #expect(take("a", in: &plan).isEmpty && plan.giveBack("a").isEmpty)
    #expect(take("b", in: &plan).isEmpty && plan.bytes == 24)
    #expect(plan.grow("b", to: Plan.Needs(model: 20, session: 9)) == [.model("a")])
    #expect(plan.bytes == 29)
    #expect(plan.grow("b", to: Self.small).isEmpty && plan.bytes == 29)
    #expect(plan.giveBack("b").isEmpty && plan.bytes == 29)
  }

  @Test("Where memory is short, fewer stay; what is in use stays, and idle sessions go before anybody waits")
  func shortMemory() {
    var plan = Plan(limit: 26, maximumModels: 3)
    #expect(take("a", in: &plan).isEmpty && plan.giveBack("a").isEmpty)
    #expect(take("b", in: &plan).isEmpty)
    // A second thread computes the same model and leaves its session.
    #expect(take("b", in: &plan).isEmpty && plan.giveBack("b").isEmpty && plan.bytes == 26)
    #expect(plan.admit("c", estimate: Self.small) == .load([.model("a")]))
    #expect(plan.loaded("c", needs: Plan.Needs(model: 10, session: 4)).isEmpty)
    #expect(plan.seat("c") == .new([.session("b")]))
    #expect(plan.bytes == 26)
    #expect(plan.admit("d", estimate: Self.small) == .wait([]))
    _ = plan.giveBack("b")
    #expect(plan.admit("d", estimate: Self.small) == .load([.model("b")]))
  }

  @Test("A model larger than the memory is tried, once nobody else computes")
  func tooLarge() {
    var plan = Plan(limit: 15, maximumModels: 3)
    let large = Plan.Needs(model: 100, session: 20)
    #expect(take("a", in: &plan).isEmpty)
    #expect(plan.admit("large", estimate: large) == .wait([]))
    #expect(plan.giveBack("a").isEmpty)
    #expect(take("large", large, in: &plan) == [.model("a")])
    // A second session has to wait for the first, and then takes it.
    #expect(plan.admit("large", estimate: large) == .ready)
    #expect(plan.seat("large") == .wait([]))
    _ = plan.giveBack("large")
    #expect(plan.seat("large") == .idle)
  }

  @Test("Those that wait for a model which another thread loads get it, or load it themselves where that fails")
  func loading() {
    var plan = Plan(limit: .max, maximumModels: 3)
    #expect(plan.admit("a", estimate: Self.small) == .load([]))
    #expect(plan.admit("a", estimate: Self.small) == .wait([]))
    plan.failed("a")
    #expect(plan.bytes == 0 && plan.admit("a", estimate: Self.small) == .load([]))
    #expect(plan.loaded("a", needs: Plan.Needs(model: 11, session: 3)).isEmpty && plan.bytes == 11)
    #expect(plan.admit("a", estimate: Self.small) == .ready)
  }

  @Test("More models than are kept may be in use; those that are too many go when they are given back")
  func manyThreads() {
    var plan = Plan(limit: .max, maximumModels: 3)
    for key in ["a", "b", "c", "d", "e"] { #expect(take(key, in: &plan).isEmpty) }
    #expect(plan.giveBack("b") == [.model("b")] && plan.giveBack("a") == [.model("a")])
    #expect(plan.giveBack("c").isEmpty && plan.modelCount == 3)
  }

  @Test("Other things take their part of the memory")
  func besides() {
    var plan = Plan(limit: 30, maximumModels: 3)
    for key in ["a", "b"] {
      #expect(take(key, in: &plan).isEmpty)
      #expect(plan.giveBack(key).isEmpty)
    }
    #expect(plan.charge(10) == [.model("a")] && plan.charge(-10).isEmpty && plan.bytes == 12)
  }
}
