import CFaultyDisk
import Coordination
import Foundation
import Planning
import Testing

extension FaultyDiskTests {
  /// The journal on a disk that loses what was not synced, tears writes, fills up and returns errors: what was committed stays,
  /// and of a commit under way all is there or nothing. Every choice is the seed's.
  @Suite(.serialized) struct LedgerCrashTests {
    private static func number(_ name: String, _ usual: Int) -> Int {
      ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual
    }

    /// Seeds of a run, from `GAUNTLET_LEDGER_SEED` on.
    private static let seeds: Range<UInt64> = {
      let first = number("GAUNTLET_LEDGER_SEED", 0)
      return UInt64(first)..<UInt64(first + number("GAUNTLET_LEDGER_SEEDS", 40))
    }()
    private static let points = number("GAUNTLET_LEDGER_POINTS", 12)

    init() { #expect(gauntlet_disk_install() == 0) }

    /// A story of a run: commits, and where the coordinator is started anew between them.
    private struct Story {
      enum Chapter {
        case commit([LedgerEntry])
        case restart
      }

      static let table = ShardTable(cells: [
        ShardCell(model: 0, benchmark: 0, condition: 0, imageCount: 60, shardImages: 10),
        ShardCell(model: 1, benchmark: 0, condition: 0, imageCount: 40, shardImages: 8),
      ])

      private(set) var chapters: [Chapter] = []
      private var random: SeededRandom
      /// Shards that may be handed out, those that are, and those that are recorded.
      private var waiting: [Int64]
      private var leased: [(shard: Int64, attempt: Int)] = []
      private var recorded: [Int64] = []
      private var attempts: [Int64: Int] = [:]
      private var definitions: [Int64: ShardDefinition]
      private var next: Int64

      init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        next = Int64(Self.table.count)
        waiting = Array(0..<next)
        definitions = Dictionary(uniqueKeysWithValues: (0..<next).map { ($0, Self.table[Int($0)]) })
        for _ in 0..<8 {
          if random.next(below: 6) == 0 { chapters.append(.restart) }
          let entries = (0...random.next(below: 5)).compactMap { _ in entry() }
          if !entries.isEmpty { chapters.append(.commit(entries)) }
        }
      }

      /// Takes any of the elements out.
      private static func take<Element>(_ elements: inout [Element], _ random: inout SeededRandom) -> Element? {
        elements.isEmpty ? nil : elements.remove(at: random.next(below: elements.count))
      }

      private mutating func entry() -> LedgerEntry? {
        let time = Double(chapters.count)
        switch random.next(below: 8) {
        case 0, 1, 2:
          guard let shard = Self.take(&waiting, &random) else { return nil }
          attempts[shard, default: 0] += 1
          leased.append((shard, attempts[shard] ?? 1))
          return .leased(shard: shard, attempt: attempts[shard] ?? 1, worker: "w\(shard % 3)", time: time)
        case 3, 4:
          guard let (shard, attempt) = Self.take(&leased, &random) else { return nil }
          recorded.append(shard)
          let part = StoredPart(path: "parts/\(shard)", sha256: "\(attempt)", bytes: 9, failedImages: 0)
          return .recorded(
            shard: shard, attempt: attempt, worker: "w\(shard % 3)", part: part, computeNanoseconds: 5, time: time)
        case 5:
          guard let (shard, attempt) = Self.take(&leased, &random) else { return nil }
          waiting.append(shard)
          return .ended(
            shard: shard, attempt: attempt, worker: "w\(shard % 3)", outcome: .failed,
            reason: String(repeating: "why ", count: 300), time: time)
        case 6:
          guard let shard = Self.take(&recorded, &random) else { return nil }
          waiting.append(shard)
          return .discarded(shard: shard, reason: "its bytes are others", time: time)
        default:
          guard
            let place = waiting.firstIndex(where: { attempts[$0] == nil && (definitions[$0]?.imageCount ?? 0) > 3 }),
            let whole = definitions[waiting[place]]
          else { return nil }
          waiting.remove(at: place)
          let half = whole.imageCount / 2
          let pieces = [(whole.firstImage, half), (whole.firstImage + half, whole.imageCount - half)].enumerated().map {
            ShardDefinition(
              id: next + Int64($0), model: whole.model, benchmark: whole.benchmark, condition: whole.condition,
              firstImage: $1.0, imageCount: $1.1)
          }
          for piece in pieces {
            definitions[piece.id] = piece
            waiting.append(piece.id)
          }
          next += Int64(pieces.count)
          return .split(shard: whole.id, into: pieces)
        }
      }
    }

    /// All that a ledger tells.
    private func contents(_ ledger: Ledger) throws -> String {
      let status = try ledger.status(now: 100)
      return try [
        "\(status.cells)", "\(ledger.parts())", "\(ledger.attempts())", "\(ledger.errors(limit: 1000))",
        "\((0..<40).map { ledger.definition(of: Int64($0)) })",
      ].joined(separator: "\n")
    }

    private struct Progress {
      var isMade = false
      var commits = 0
    }

    /// Tells the story until its end or until the disk fails it.
    ///
    /// - Parameter told: what the ledger tells after each commit; nothing is read where it is nil.
    private func tell(
      _ chapters: [Story.Chapter], at path: String, _ progress: inout Progress, told: inout [String]?
    ) throws {
      var ledger: Ledger? =
        progress.isMade ? try Ledger.open(at: path) : try Ledger.create(at: path, run: ["id": "a"], shards: Story.table)
      progress.isMade = true
      if told != nil, let ledger { told?.append(try contents(ledger)) }
      for chapter in chapters {
        switch chapter {
        case .restart:
          ledger = nil
          ledger = try Ledger.open(at: path)
        case .commit(let entries):
          try ledger?.commit(entries)
          progress.commits += 1
          if told != nil, let ledger { told?.append(try contents(ledger)) }
        }
      }
    }

    /// The chapters after so many commits.
    private func rest(of story: Story, after commits: Int) -> [Story.Chapter] {
      var left = commits
      return Array(
        story.chapters.drop { chapter in
          guard left > 0 else { return false }
          if case .commit = chapter { left -= 1 }
          return true
        })
    }

    private func check(seed: UInt64, fault: gauntlet_fault, at operation: Int, story: Story, told: [String]) throws {
      let folder = NSTemporaryDirectory() + "gauntlet-crash-" + UUID().uuidString
      let path = folder + "/ledger.sqlite"
      let place: Comment = "GAUNTLET_LEDGER_SEED=\(seed), \(fault) at \(operation)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      gauntlet_disk_watch(folder, seed &* 1_000_003 &+ UInt64(operation))
      gauntlet_disk_arm(fault, operation)
      var progress = Progress()
      var nothing: [String]?
      let outcome = Result { try tell(story.chapters, at: path, &progress, told: &nothing) }
      if case .failure(let error) = outcome {
        #expect(error is LedgerError, "\(place): \(error)")
      }
      #expect(gauntlet_disk_restore() == 0)
      guard progress.isMade || FileManager.default.fileExists(atPath: path) else { return }
      let reopened: String
      do { reopened = try contents(Ledger.open(at: path, checksAll: true)) } catch {
        Issue.record("\(place): after \(progress.commits) commits the ledger cannot be read: \(error)")
        return
      }
      let possible = told[progress.commits..<min(told.count, progress.commits + 2)]
      #expect(possible.contains(reopened), "\(place): \(progress.commits) commits were acknowledged")
      // What comes after goes on as if nothing had been.
      guard let found = told.firstIndex(of: reopened) else { return }
      var again = Progress(isMade: true, commits: found)
      try tell(rest(of: story, after: found), at: path, &again, told: &nothing)
      #expect(try contents(Ledger.open(at: path, checksAll: true)) == told.last, "\(place)")
    }

    @Test("Whatever the disk loses at whichever operation, what was committed is there, and no half of anything else")
    func crashes() throws {
      for seed in Self.seeds {
        let story = Story(seed: seed)
        let folder = NSTemporaryDirectory() + "gauntlet-crash-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        gauntlet_disk_watch(folder, seed)
        var progress = Progress()
        var told: [String]? = []
        try tell(story.chapters, at: folder + "/ledger.sqlite", &progress, told: &told)
        let operations = Int(gauntlet_disk_operations())
        try #require(operations > 20)
        var random = SeededRandom(seed: seed ^ 0xC4A5)
        for point in 0..<Self.points {
          let fault = [GAUNTLET_POWER_CUT, GAUNTLET_POWER_CUT, GAUNTLET_DISK_FULL, GAUNTLET_IO_ERROR][point % 4]
          try check(
            seed: seed, fault: fault, at: 1 + random.next(below: operations), story: story, told: told ?? [])
        }
      }
    }
  }
}
