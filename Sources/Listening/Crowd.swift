import NIOCore

/// Where a connection comes from, as far as one who may have many addresses can be told apart: an IPv4 address, the first
/// 64 bits of an IPv6 address (a network's hosts choose the others), or this machine.
public struct Origin: Sendable, Hashable {
  private let bytes: [UInt8]

  /// The origin of a peer's address; this machine where there is none.
  public init(_ address: SocketAddress?) {
    switch address {
    case .v4(let address): bytes = withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
    case .v6(let address):
      let all = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
      // An IPv4 address as a socket for both kinds tells it.
      let isShort = all.prefix(10).allSatisfy { $0 == 0 } && all[10] == 0xff && all[11] == 0xff
      bytes = Array(isShort ? all.suffix(4) : all.prefix(8))
    default: bytes = []
    }
  }
}

/// Connections of which nobody knows yet whether they belong here, in the order in which they came.
///
/// Where there are too many, one has to go: of the origin that has the most, that which came first. So one who opens
/// thousands drops his own, and one who has just come has as long as the crowd takes to come once.
public struct Crowd {
  private struct Member {
    let origin: Origin
    let arrival: NIODeadline
    var isVouchedFor = false
    var isHeld = false
  }

  private var members: [Int: Member] = [:]
  private var counts: [Origin: Int] = [:]
  /// Numbers in the order of arrival, and some of members that left.
  private var order: [Int] = []

  /// Nobody.
  public init() {}

  /// How many are in it.
  public var count: Int { members.count }

  /// Takes in a connection with a number higher than all before.
  public mutating func insert(_ number: Int, from origin: Origin, at time: NIODeadline) {
    members[number] = Member(origin: origin, arrival: time)
    counts[origin, default: 0] += 1
    order.append(number)
  }

  /// One that is no stranger any more, or is gone.
  public mutating func remove(_ number: Int) {
    guard let member = members.removeValue(forKey: number) else { return }
    counts[member.origin, default: 0] -= 1
    if counts[member.origin] == 0 { counts[member.origin] = nil }
    if order.count > 2 * members.count + 16 { order.removeAll { members[$0] == nil } }
  }

  /// One that has shown something that most strangers cannot: it goes only where all of its origin have.
  public mutating func vouch(for number: Int) { members[number]?.isVouchedFor = true }

  /// One that is being decided on: it neither goes nor is late.
  public mutating func hold(_ number: Int) { members[number]?.isHeld = true }

  /// Who has to go where another one comes; nil where all are being decided on.
  public func mostExpendable() -> Int? {
    guard let largest = counts.max(by: { $0.value < $1.value })?.key else { return nil }
    if let number = mostExpendable(of: largest) { return number }
    for (origin, _) in counts.sorted(by: { $0.value > $1.value }) {
      if let number = mostExpendable(of: origin) { return number }
    }
    return nil
  }

  private func mostExpendable(of origin: Origin) -> Int? {
    let candidates = order.lazy.filter { members[$0].map { $0.origin == origin && !$0.isHeld } == true }
    return candidates.first { members[$0]?.isVouchedFor == false } ?? candidates.first
  }

  /// Those that came before a time and are not being decided on.
  public func arrivals(before time: NIODeadline) -> [Int] {
    order.prefix { members[$0].map { $0.arrival < time } ?? true }.filter { members[$0]?.isHeld == false }
  }
}
