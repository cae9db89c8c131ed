import Coordination
import Foundation
import Monitoring
import NIOCore
import Planning
import Records
import Synchronization
import Testing

/// What a live page's viewers are told.
@Suite struct LiveFramesTests {
  /// The events of a stream: names and their data. nil where it is none.
  private static func events(_ bytes: ByteBuffer) -> [(name: String, data: String)]? {
    let text = String(buffer: bytes)
    guard text.hasSuffix("\n\n") else { return nil }
    return text.components(separatedBy: "\n\n").dropLast().compactMap { block in
      var (name, data) = ("", "")
      for line in block.split(separator: "\n") {
        if line.hasPrefix("event: ") { name = String(line.dropFirst(7)) }
        if line.hasPrefix("data: ") { data = String(line.dropFirst(6)) }
      }
      return name.isEmpty ? nil : (name, data)
    }
  }

  private static func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// Layout and state of a moment.
  private static func said(
    _ scene: LiveScene, _ moment: LiveMoment
  ) throws -> (layout: [String: Any], state: [String: Any]) {
    var frames = LiveFrames(scene.source { moment }, age: .hours(1))
    let events = try #require(Self.events(frames.opening()))
    try #require(events.map(\.name) == ["layout", "state"])
    return (try object(events[0].data), try object(events[1].data))
  }

  @Test(
    "One table has all models and benchmarks; a benchmark of two axes has one a model, rows and columns by its axes")
  func layout() throws {
    let scene = try LiveScene()
    let (layout, state) = try Self.said(
      scene,
      LiveMoment(
        time: 1_003, phase: .running, status: try scene.status { $0.benchmark == 0 || $0.firstImage == 0 }, workers: nil
      ))
    let tables = try #require(layout["tables"] as? [[String: Any]])
    #expect(layout["run"] as? String == "small" && layout["version"] as? String == "1.2.3")
    #expect(tables.map { $0["benchmark"] as? String } == [nil, "imagenet-c", "imagenet-c"])
    #expect(tables.map { $0["model"] as? String } == [nil, "model-0", "model-1"])
    #expect(tables[0]["rows"] as? [String] == ["model-0", "model-1"])
    #expect(tables[0]["columns"] as? [String] == ["imagenet-val", "imagenet-c"])
    #expect(tables[1]["rows"] as? [String] == ["fog", "snow"] && tables[1]["rowAxis"] as? String == "corruption")
    #expect(tables[1]["columns"] as? [String] == ["1", "3", "5"] && tables[1]["columnAxis"] as? String == "severity")
    let cells = try #require(state["tables"] as? [[String: Any]])
    #expect(cells[0]["done"] as? [Int] == [1_000, 500, 1_000, 500])
    #expect(cells[0]["images"] as? [Int] == [10, 60, 10, 60])
    #expect(cells[1]["done"] as? [Int] == Array(repeating: 500, count: 6))
    #expect(cells[0]["of"] == nil, "nothing was judged yet")
    #expect(state["recorded"] as? Int == 2 * (10 + 30) && state["images"] as? Int == 140)
    // 15 of 16 shards within ten seconds of the first, five images each.
    #expect(state["rate"] as? Double == 7.5 && state["left"] as? Double == 8 && state["last"] as? Double == 1_000)
  }

  @Test("Right answers come with Wilson's interval; over several conditions each image counts once for it")
  func shares() throws {
    let scene = try LiveScene()
    // Of clean images seven of ten are right, under two conditions of ten images each the same seven.
    for shard in scene.plan.shards where shard.model == 0 && (shard.benchmark == 0 || [0, 4].contains(shard.condition))
    {
      scene.tally.add(scene.logits(of: shard, right: [0, 1, 2, 4, 5, 6, 7]), failures: [], of: shard)
    }
    let (_, state) = try Self.said(
      scene,
      LiveMoment(
        time: 0, phase: .running, status: try scene.status { _ in false }, workers: nil, interim: scene.tally.counts))
    let tables = try #require(state["tables"] as? [[String: Any]])
    // statsmodels 0.14: proportion_confint(7, 10, method="wilson") is 0.39678 to 0.89221.
    #expect(tables[0]["of"] as? [Int] == [10, 20, 0, 0])
    #expect(tables[0]["share"] as? [Int] == [700, 700, 0, 0])
    #expect(tables[0]["low"] as? [Int] == [397, 397, 0, 0])
    #expect(tables[0]["high"] as? [Int] == [892, 892, 0, 0])
    #expect(tables[1]["of"] as? [Int] == [10, 0, 0, 0, 10, 0], "fog 1 and snow 3")
    #expect(tables[2]["of"] == nil)
  }

  @Test(
    "However large the grids, there are no more cells than a page takes: columns are taken together, then tables left out"
  )
  func bounds() throws {
    let maps = "- {kind: fourier-heat-map, root: val, size: 63}"
    for (models, rows) in [(1, [63]), (3, [63, 63, 63])] {
      let scene = try LiveScene(models: models, benchmarks: maps)
      let (layout, state) = try Self.said(
        scene, LiveMoment(time: 0, phase: .running, status: try scene.status { $0.firstImage == 0 }, workers: nil))
      let tables = try #require(layout["tables"] as? [[String: Any]])
      #expect(tables.dropFirst().map { ($0["rows"] as? [String])?.count } == rows)
      #expect(tables.dropFirst().allSatisfy { ($0["columns"] as? [String])?.count == (models == 1 ? 63 : 1) })
      let cells = try #require(state["tables"] as? [[String: Any]]).map { $0["done"] as? [Int] ?? [] }
      #expect(cells.reduce(0) { $0 + $1.count } <= 10_000)
      // A wave and its mirror are one condition, so that the lower half of the map is none.
      #expect(cells[1].first == 500 && cells[1].last == -1)
      #expect(cells[0] == Array(repeating: 500, count: 2 * models))
    }
  }

  @Test("Workers are told of one by one up to a bound, what needs a look first, with what they do in words")
  func workers() throws {
    let scene = try LiveScene()
    let shard = try #require(scene.plan.shards.first { $0.model == 1 && $0.benchmark == 1 && $0.condition == 4 })
    let workers =
      (0..<2_000).map { LiveScene.worker("w\($0)", shard: shard) } + [LiveScene.worker("z", .silent)]
    let (_, state) = try Self.said(
      scene,
      LiveMoment(
        time: 0, phase: .running, status: try scene.status { _ in false }, workers: WorkersSight(workers, atMost: 200)))
    let said = try #require(state["workers"] as? [String: Any])
    #expect(said["total"] as? Int == 2_001)
    #expect(said["counts"] as? [String: Int] == ["computing": 2_000, "idle": 0, "resting": 0, "silent": 1])
    let shown = try #require(said["shown"] as? [[String: Any]])
    #expect(shown.count == 200 && shown[0]["name"] as? String == "z" && shown[0]["task"] == nil)
    #expect(shown[1]["name"] as? String == "w0" && shown[1]["task"] as? String == "model-1, imagenet-c, snow/3")
    #expect(shown[1]["progress"] as? Double == 0.25 && shown[1]["rate"] as? Double == 3.5)
  }

  @Test("What others named is text: no mark of HTML in events, none but escaped in the page, and a line stays a line")
  func escaping() throws {
    let scene = try LiveScene()
    let evil = "</script><img src=x onerror=alert(1)>\n\ndata: {}\u{202E}\"\\"
    let error: [LedgerEntry] = [
      .leased(shard: 1, attempt: 1, worker: evil, time: 0),
      .ended(shard: 1, attempt: 1, worker: evil, outcome: .failed, reason: evil, time: 1),
    ]
    let shard = scene.plan.shards[0]
    scene.tally.add(
      scene.logits(of: shard, right: []), failures: [ImageFailure(offset: 0, reason: evil)], of: shard)
    let moment = LiveMoment(
      time: 0, phase: .stopped, reason: evil, status: try scene.status(errors: error) { _ in false },
      workers: WorkersSight([LiveScene.worker(evil)], atMost: 10), interim: scene.tally.counts)
    var frames = LiveFrames(scene.source { moment }, age: .hours(1))
    let stream = String(buffer: frames.opening())
    #expect(!stream.contains("<") && !stream.contains("\u{202E}"))
    #expect(stream.components(separatedBy: "\ndata: ").count == 3)
    let state = try Self.object(try #require(Self.events(frames.state()))[0].data)
    let failures = try #require(state["failures"] as? [[String: Any]])
    #expect(failures.map { $0["what"] as? String } == ["shard failed", "image set aside"])
    #expect(failures.allSatisfy { ($0["reason"] as? String)?.hasPrefix("</script><img src=x") == true })
    let page = String(buffer: frames.page())
    #expect(!page.contains("<img") && page.contains("&lt;img src=x onerror=alert(1)&gt;"))
    #expect(page.components(separatedBy: "<script").count == 2, "its own, from a file")
  }

  @Test("A state is made once for all who ask within its time")
  func once() throws {
    final class Count: Sendable { let moments = Atomic(0) }
    let (scene, count) = (try LiveScene(), Count())
    var frames = LiveFrames(
      scene.source {
        count.moments.wrappingAdd(1, ordering: .relaxed)
        return LiveMoment(time: 0, phase: .starting, status: nil, workers: nil)
      }, age: .hours(1))
    #expect(count.moments.load(ordering: .relaxed) == 0)
    for _ in 0..<10 {
      _ = frames.opening()
      _ = frames.page()
    }
    #expect(count.moments.load(ordering: .relaxed) == 1)
    frames.renew()
    _ = frames.state()
    #expect(count.moments.load(ordering: .relaxed) == 2)
  }

  @Test("Rates are of steps of one length, however long a run goes on")
  func rates() {
    var rates = LiveRates()
    // Two images a second for 10,000 s, told twice a second.
    for half in 0..<20_000 { rates.note(half, at: 100 + Double(half) / 2) }
    let steps = rates.rates
    #expect((100...240).contains(steps.count))
    #expect(steps.allSatisfy { abs($0.imagesPerSecond - 2) < 1e-9 })
    #expect(
      zip(steps, steps.dropFirst()).allSatisfy { abs($1.time - $0.time - (steps[1].time - steps[0].time)) < 1e-9 })
    rates.note(0, at: 20_000)
    #expect(rates.rates.last?.imagesPerSecond == 0, "images that were taken up again")
  }
}
