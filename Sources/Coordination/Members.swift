import Messaging

/// The workers that have said hello: the connection that each is reached by, and the key that it was let in with.
///
/// One that connects again says hello again, and its former connection is forgotten. So there are as many connections here as
/// workers at most, however often they connect.
struct Members {
  private struct Member {
    /// Nil where another connection has its number.
    var peer: PeerID?
    let key: CurvePublicKey
    var heardAt: Double
    let host: String
    /// At which its results were recorded.
    var images: RecentRate
  }

  private var members: [String: Member] = [:]
  private var names: [PeerID: String] = [:]
  /// Connections that were asked to say hello lately.
  private var asked: Set<PeerID> = []
  private var askedUntil = -Double.infinity
  private static let mostAsked = 4_096

  /// The workers, by name.
  var all: [String] { members.keys.sorted() }

  /// The workers, in no order.
  var unsorted: some Collection<String> { members.keys }

  func contains(_ name: String) -> Bool { members[name] != nil }

  /// The connection that a worker is reached by.
  func peer(of name: String) -> PeerID? { members[name]?.peer }

  /// Whose connection it is, and that it was heard; nil of one that has not said hello, or has another key than who did.
  mutating func hear(_ peer: PeerID, _ key: CurvePublicKey, at now: Double) -> String? {
    guard let name = name(of: peer, key) else { return nil }
    members[name]?.heardAt = now
    return name
  }

  func name(of peer: PeerID, _ key: CurvePublicKey) -> String? {
    names[peer].flatMap { members[$0]?.key == key ? $0 : nil }
  }

  /// A name belongs to the key that it joined with, as long as its worker lives: was heard so many seconds ago or later.
  func isOthers(_ name: String, _ key: CurvePublicKey, at now: Double, leaseSeconds: Double) -> Bool {
    guard let member = members[name], member.key != key else { return false }
    return now < member.heardAt + leaseSeconds
  }

  /// The worker is reached by this connection from now on.
  ///
  /// - Returns: whether it is a new one.
  mutating func join(
    _ name: String, _ peer: PeerID, _ key: CurvePublicKey, at now: Double, host: String
  ) -> Bool {
    let former = members[name]
    if let former = former?.peer { names[former] = nil }
    // ZeroMQ gives a number once more only after the connection that had it is gone.
    if let other = names[peer] { members[other]?.peer = nil }
    members[name] = Member(
      peer: peer, key: key, heardAt: now, host: host, images: former?.images ?? RecentRate(from: now))
    names[peer] = name
    asked.remove(peer)
    return former == nil
  }

  /// Images of a worker were recorded.
  mutating func note(_ images: Int, of name: String, at now: Double) { members[name]?.images.note(images, at: now) }

  /// What is known of one besides its shards.
  func sight(of name: String, at now: Double) -> (host: String, imagesPerSecond: Double?, silence: Double)? {
    members[name].map { ($0.host, $0.images.value(at: now), max(0, now - $0.heardAt)) }
  }

  /// - Returns: whether it was there.
  @discardableResult
  mutating func remove(_ name: String) -> Bool {
    guard let member = members.removeValue(forKey: name) else { return false }
    if let peer = member.peer { names[peer] = nil }
    return true
  }

  /// Whether a connection that has not said hello is to be asked to: once in so many seconds, however much it sends.
  mutating func isToBeAsked(_ peer: PeerID, at now: Double, seconds: Double) -> Bool {
    if now >= askedUntil || asked.count >= Self.mostAsked {
      asked.removeAll()
      askedUntil = now + seconds
    }
    return asked.insert(peer).inserted
  }
}
