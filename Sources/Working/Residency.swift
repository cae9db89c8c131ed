/// Which models and sessions stay in a worker's memory: a plan of keys and sizes, without the things themselves.
///
/// A worker computes one model's shards after another's, so few models are worth keeping: what is in use, and the last ones
/// besides, up to `maximumModels` in all and only as far as the memory reaches. The least recently used go first. What is in
/// use never goes; who needs more than there is waits for those who compute, and where nobody does goes on regardless, as a
/// single model that needs more than is allowed can only be tried.
package struct Residency<Key: Hashable & Sendable>: Sendable {
  /// What goes out of memory.
  package enum Departure: Sendable, Equatable {
    /// A model with its sessions.
    case model(Key)
    /// One idle session of a model that is in use.
    case session(Key)
  }

  /// What a thread that needs a model is to do.
  package enum Admission: Sendable, Equatable {
    /// Use the one that is there.
    case ready
    /// Load it, after these have gone.
    case load([Departure])
    /// Ask again when something has changed, after these have gone.
    case wait([Departure])
  }

  /// What a thread that has a model and needs a session is to do.
  package enum Seat: Sendable, Equatable {
    /// Take an idle one.
    case idle
    /// Make one, after these have gone.
    case new([Departure])
    /// Ask again when something has changed, after these have gone.
    case wait([Departure])
  }

  private struct Entry {
    var needs: Needs
    var isLoading = true
    /// Threads that have it.
    var holders = 0
    var idleSessions = 0
    var busySessions = 0
    var lastUse: Int

    var bytes: Int { needs.model + (idleSessions + busySessions) * needs.session }
    var isIdle: Bool { !isLoading && holders == 0 }
  }

  /// Bytes of a model and of each of its sessions.
  package struct Needs: Sendable, Equatable {
    package let model: Int
    package let session: Int

    package init(model: Int, session: Int) {
      self.model = model
      self.session = session
    }
  }

  /// Bytes for all together.
  package let limit: Int
  /// Models that are kept at most, unless more are in use.
  package var maximumModels: Int
  private var entries: [Key: Entry] = [:]
  private var uses = 0
  /// Bytes of other things.
  private var besides = 0

  package init(limit: Int, maximumModels: Int) {
    self.limit = limit
    self.maximumModels = maximumModels
  }

  /// Bytes of all that is there.
  package var bytes: Int { entries.values.reduce(besides) { $0 + $1.bytes } }
  /// Models that are there or on their way.
  package var modelCount: Int { entries.count }

  /// A thread needs a model, which takes as much as is estimated.
  package mutating func admit(_ key: Key, estimate: Needs) -> Admission {
    if let entry = entries[key] {
      if entry.isLoading { return .wait([]) }
      touch(key) { $0.holders += 1 }
      return .ready
    }
    var gone = makeRoom(estimate.model + estimate.session)
    while entries.count >= maximumModels, let key = leastRecent() { gone.append(remove(key)) }
    if !fits(estimate.model + estimate.session) { return .wait(gone) }
    uses += 1
    entries[key] = Entry(needs: estimate, lastUse: uses)
    return .load(gone)
  }

  /// The thread that was to load a model has it, and holds it.
  ///
  /// - Returns: what goes, as it takes more than was estimated.
  package mutating func loaded(_ key: Key, needs: Needs) -> [Departure] {
    touch(key) {
      $0.needs = needs
      $0.isLoading = false
      $0.holders += 1
    }
    return makeRoom(0, keepingLast: true)
  }

  /// A model and its sessions take more from now on, as far as that is more than before.
  ///
  /// - Returns: what goes for it.
  package mutating func grow(_ key: Key, to needs: Needs) -> [Departure] {
    touch(key) {
      $0.needs = Needs(model: max($0.needs.model, needs.model), session: max($0.needs.session, needs.session))
    }
    return makeRoom(0, keepingLast: true)
  }

  /// It could not be loaded.
  package mutating func failed(_ key: Key) { entries[key] = nil }

  /// A thread that holds a model needs a session.
  package mutating func seat(_ key: Key) -> Seat {
    guard let entry = entries[key] else { return .new([]) }
    if entry.idleSessions > 0 {
      touch(key) {
        $0.idleSessions -= 1
        $0.busySessions += 1
      }
      return .idle
    }
    let gone = makeRoom(entry.needs.session)
    if !fits(entry.needs.session) { return .wait(gone) }
    touch(key) { $0.busySessions += 1 }
    return .new(gone)
  }

  /// A thread gives its session and its hold on the model back.
  ///
  /// - Returns: what goes, as more were in use than are kept.
  package mutating func giveBack(_ key: Key) -> [Departure] {
    touch(key) {
      $0.busySessions -= 1
      $0.idleSessions += 1
      $0.holders -= 1
    }
    var gone = makeRoom(0, keepingLast: true)
    while entries.count > maximumModels, let key = leastRecent() { gone.append(remove(key)) }
    return gone
  }

  /// Other things take more memory, or less.
  package mutating func charge(_ bytes: Int) -> [Departure] {
    besides += bytes
    return makeRoom(0, keepingLast: true)
  }

  /// Whether as many bytes are left, or nobody is there to wait for.
  private func fits(_ needed: Int) -> Bool {
    bytes + needed <= limit || !entries.values.contains { $0.isLoading || $0.busySessions > 0 }
  }

  /// - Parameter keepsLast: whether the model that was used last stays: a model that does not fit would go after each of
  ///   its shards otherwise.
  private mutating func makeRoom(_ needed: Int, keepingLast keepsLast: Bool = false) -> [Departure] {
    var gone: [Departure] = []
    let last = keepsLast ? entries.max { $0.value.lastUse < $1.value.lastUse }?.key : nil
    while bytes + needed > limit {
      if let key = leastRecent(), key != last {
        gone.append(remove(key))
      } else if let key = entries.first(where: { $0.value.idleSessions > 0 && $0.key != last })?.key {
        entries[key]?.idleSessions -= 1
        gone.append(.session(key))
      } else {
        break
      }
    }
    return gone
  }

  private func leastRecent() -> Key? {
    entries.filter(\.value.isIdle).min { $0.value.lastUse < $1.value.lastUse }?.key
  }

  private mutating func remove(_ key: Key) -> Departure {
    entries[key] = nil
    return .model(key)
  }

  private mutating func touch(_ key: Key, _ change: (inout Entry) -> Void) {
    guard var entry = entries[key] else { return }
    uses += 1
    entry.lastUse = uses
    change(&entry)
    entries[key] = entry
  }
}
