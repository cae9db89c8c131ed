import Durable
import Foundation
import Synchronization

/// Which process has a run: what `owner.json` in the run folder says for as long as it lives.
struct RunOwner: Codable, Equatable {
  /// The machine's name.
  let host: String
  /// The process's number there.
  let process: Int32
  /// When the process began, in ticks since its machine did: numbers are used again.
  let began: UInt64
  /// Which start of which machine that was.
  let boot: String
  /// Which processes its number is told among: a container has numbers of its own.
  let space: String
  /// Another with each lock.
  let token: String
  /// Counts up while it lives.
  var beat = 0

  /// This process.
  static func ofThisProcess() -> RunOwner {
    let process = ProcessInfo.processInfo.processIdentifier
    return RunOwner(
      host: ProcessInfo.processInfo.hostName, process: process, began: beginning(of: process) ?? 0,
      boot: text(of: "/proc/sys/kernel/random/boot_id").trimmingCharacters(in: .whitespacesAndNewlines),
      space: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? "",
      token: UUID().uuidString)
  }

  /// Whether it lives, as far as `observer` can tell: a process sees those of its own machine and container.
  func lives(seenBy observer: RunOwner) -> Bool? {
    guard !boot.isEmpty, boot == observer.boot, space == observer.space else { return nil }
    return Self.beginning(of: process) == began
  }

  /// Who a run folder says has it.
  static func found(in folder: String) -> RunOwner? {
    FileManager.default.contents(atPath: folder + "/owner.json").flatMap {
      try? JSONDecoder().decode(RunOwner.self, from: $0)
    }
  }

  /// When a process began; nil where there is none of that number.
  static func beginning(of process: Int32) -> UInt64? {
    // The name, in brackets, may hold anything; the twentieth field after it is the time.
    let fields = text(of: "/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ") ?? []
    return fields.count > 19 && fields[0] != "Z" ? UInt64(fields[19]) : nil
  }

  private static func text(of path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}

/// The record in a run folder, renewed by a thread until it is removed.
final class OwnerRecord: Sendable {
  private struct State {
    var owner: RunOwner
    var usurper: RunOwner?
  }

  /// Beats without a sign after which an owner of another machine is given up.
  private static let patience = 3
  /// Seconds after which it is given up without waiting, by the clock of the file system.
  private static let forgotten = 60

  private let path: String
  private let state: Mutex<State>
  private let stop = DispatchSemaphore(value: 0)
  private let stopped = DispatchSemaphore(value: 0)

  /// Takes the record over, once nobody who lives has it.
  ///
  /// - Parameter lock: the lock's file, open for writing.
  init(folder: String, lock: Int32, beat: Duration, note: (String) -> Void) throws {
    path = folder + "/owner.json"
    let own = RunOwner.ofThisProcess()
    state = Mutex(State(owner: own))
    if let other = Self.read(path), Self.lives(other, seenBy: own, path, lock, beat: beat, note: note) {
      throw CoordinationError.owned(folder: folder, host: other.host, process: other.process)
    }
    try Self.write(own, to: path)
    let (stop, stopped) = (self.stop, self.stopped)
    Thread.detachNewThread { [weak self] in
      while stop.wait(timeout: .now() + beat.inSeconds) == .timedOut { self?.renew() }
      stopped.signal()
    }
  }

  /// Who took the run over; nil where nobody did.
  var usurper: RunOwner? { state.withLock { $0.usurper } }

  /// Ends the renewing, and removes the record if it is still this one.
  func remove() {
    stop.signal()
    stopped.wait()
    state.withLock { state in
      if Self.read(path)?.token == state.owner.token { unlink(path) }
    }
  }

  private func renew() {
    state.withLock { state in
      if let found = Self.read(path), found.token != state.owner.token { state.usurper = found }
      guard state.usurper == nil else { return }
      state.owner.beat += 1
      // A folder that is gone, or a disk that is full, ends the coordinator elsewhere.
      try? Self.write(state.owner, to: path)
    }
  }

  private static func lives(
    _ other: RunOwner, seenBy own: RunOwner, _ path: String, _ lock: Int32, beat: Duration, note: (String) -> Void
  ) -> Bool {
    if let lives = other.lives(seenBy: own) { return lives }
    // The lock's file was written just now, so both times are of one clock.
    var (now, then) = (stat(), stat())
    if fstat(lock, &now) == 0, stat(path, &then) == 0, now.st_mtim.tv_sec - then.st_mtim.tv_sec > forgotten {
      return false
    }
    let wait = beat * patience
    note("process \(other.process) of \(other.host) was running this run a moment ago; checking whether it still is")
    let end = ContinuousClock.now + wait
    while ContinuousClock.now < end {
      usleep(UInt32(max(1_000, beat.inSeconds * 100_000)))
      guard let found = read(path) else { return false }
      if found.token != other.token || found.beat != other.beat { return true }
    }
    return false
  }

  private static func read(_ path: String) -> RunOwner? {
    FileManager.default.contents(atPath: path).flatMap { try? JSONDecoder().decode(RunOwner.self, from: $0) }
  }

  private static func write(_ owner: RunOwner, to path: String) throws {
    try DurableFile.write(try JSONEncoder().encode(owner), to: path)
  }
}
