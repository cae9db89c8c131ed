import Durable
import Foundation
import Planning
import Records
import Testing

@Suite struct PlanTests {
  let workspace: Workspace
  let plan: Plan

  init() throws {
    workspace = try Workspace()
    try workspace.write(Workspace.manifest, to: "m.yaml")
    plan = try Plan.make(manifestPath: workspace.path + "/m.yaml")
  }

  private func plan(_ manifest: String, classes: Int) throws -> Plan {
    try workspace.writeHead(classes: classes)
    try workspace.write(manifest, to: "m.yaml")
    return try Plan.make(manifestPath: workspace.path + "/m.yaml")
  }

  @Test("a plan holds the models' class counts; what could not be scored is refused unless scored is false")
  func scorable() throws {
    #expect(plan.manifest.models[0].classCount == 2)
    #expect(plan.assumptions.first?.contains("imagenet-val: 2 class folders") == true)
    #expect(plan.assumptions.last?.contains("scored: false") == true)
    #expect {
      try self.plan(Workspace.manifest, classes: 3)
    } throws: {
      "\($0)".contains("imagenet-val") && "\($0)".contains("3 outputs") && "\($0)".contains("scored: false")
    }
    // Fog has pictures of one of both classes only.
    let scored = Workspace.manifest.replacing("scored: false", with: "scored: true")
    #expect(throws: ManifestError.self) { try self.plan(scored, classes: 2) }
    let unscored = Workspace.manifest.replacing("root: val", with: "root: val\n    scored: false")
    #expect(try plan(unscored, classes: 3).manifest.models[0].classCount == 3)
  }

  @Test("shards cover every image of every condition once")
  func covers() throws {
    var cells = Set<[Int]>()
    for shard in plan.shards {
      #expect((1...4).contains(shard.imageCount))
      for image in shard.firstImage..<shard.firstImage + shard.imageCount {
        #expect(cells.insert([shard.benchmark, shard.condition, image]).inserted)
      }
    }
    #expect(cells.count == 10 + 2 * 5)
    #expect(plan.shards.map(\.id) == Array(0..<Int64(plan.shards.count)))
  }

  @Test("a table of cells gives every shard by its number, and none for a number that is not")
  func table() {
    let sizes = [(7, 3), (0, 5), (1, 9), (6, 2)]
    let table = ShardTable(
      cells: sizes.enumerated().map {
        ShardCell(model: 1, benchmark: 2, condition: $0, imageCount: $1.0, shardImages: $1.1)
      })
    let expected = [(0, 0, 3), (0, 3, 3), (0, 6, 1), (2, 0, 1), (3, 0, 2), (3, 2, 2), (3, 4, 2)]
    let shards: [ShardDefinition] = expected.enumerated().map {
      ShardDefinition(id: Int64($0), model: 1, benchmark: 2, condition: $1.0, firstImage: $1.1, imageCount: $1.2)
    }
    #expect(Array(table) == shards)
    #expect(table.definition(of: 7) == nil && table.definition(of: -1) == nil && table.definition(of: .max) == nil)
    #expect(ShardTable(cells: []).definition(of: 0) == nil)
  }

  @Test("a plan that is written is the plan that is read")
  func roundTrip() throws {
    let folder = RunFolder(workspace.path + "/run")
    try plan.write(to: folder)
    let read = try Plan.read(from: folder)
    #expect(read.runID == plan.runID)
    #expect(read.manifest == plan.manifest)
    #expect(read.listings == plan.listings)
    #expect(read.manifestText == Workspace.manifest)
    try read.checkInputsUnchanged()
  }

  @Test("a changed data set, checkpoint or listing is noticed")
  func noticesChanges() throws {
    let folder = RunFolder(workspace.path + "/run")
    try plan.write(to: folder)
    try workspace.write("one more", to: "val/apple/9.JPEG")
    #expect(throws: RunFolderError.changedData(benchmark: "imagenet-val", root: workspace.path + "/val")) {
      try plan.checkInputsUnchanged()
    }
    try FileManager.default.removeItem(atPath: workspace.path + "/val/apple/9.JPEG")
    try workspace.write("other weights", to: "nano.safetensors")
    #expect(throws: RunFolderError.self) { try plan.checkInputsUnchanged() }
    let listing = folder.listing(of: "imagenet-val")
    let text = try String(contentsOfFile: listing, encoding: .utf8)
    try text.replacingOccurrences(of: "apple/0", with: "apple/7").write(
      toFile: listing, atomically: true, encoding: .utf8)
    #expect(throws: RunFolderError.self) { try Plan.read(from: folder) }
    #expect(throws: RunFolderError.notARun(workspace.path)) { try Plan.read(from: RunFolder(workspace.path)) }
  }

  @Test("a file that cannot be digested is named, with the system's words")
  func digests() throws {
    try workspace.write("abc", to: "abc")
    let digest = try FileDigest.sha256(of: workspace.path + "/abc")
    #expect(digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    for (name, code) in [("none", ENOENT), ("val", EISDIR)] {
      let path = workspace.path + "/" + name
      #expect(throws: FileError("read", path, code: code)) { try FileDigest.sha256(of: path) }
    }
  }

  @Test("a task names its images; a shard of another plan is refused")
  func tasks() throws {
    let shard = plan.shards[1]
    let task = try ShardTask(decoding: ShardTask(shard, of: plan).encoded())
    #expect(task.paths == Array(plan.listings[0].paths[4..<8]))
    #expect(task.model.checkpointDigest.count == 64)
    let stranger = ShardDefinition(id: 9, model: 0, benchmark: 0, condition: 0, firstImage: 8, imageCount: 3)
    #expect(throws: ShardExchangeError.self) { try ShardTask(stranger, of: plan) }
    #expect(throws: ShardExchangeError.self) { try ShardTask(decoding: Data("{}".utf8)) }
  }

  @Test("an output survives the wire bit for bit; a cut or lying one is refused")
  func outputs() throws {
    func subject(_ images: Int) -> ShardSubject {
      ShardSubject(
        ShardDefinition(id: 3, model: 0, benchmark: 0, condition: 0, firstImage: 0, imageCount: images), of: plan)
    }
    let output = ShardOutput(
      shard: 3, subject: subject(2),
      observations: [.logits([1, -0.0, .pi, 4, Float.leastNonzeroMagnitude, 6], classes: 3)],
      failures: [ImageFailure(offset: 1, reason: "it is empty")], provenance: ["host": "a"])
    let data = try output.encoded()
    let read = try ShardOutput(decoding: data)
    #expect(read.observations[0].values.map(\.bitPattern) == output.observations[0].values.map(\.bitPattern))
    #expect(read.failures == output.failures)
    #expect(read.subject == output.subject)
    for length in 0..<data.count {
      #expect(throws: ShardExchangeError.self) { try ShardOutput(decoding: data.prefix(length)) }
    }
    let huge = ShardOutput(
      shard: 3, subject: subject(2_000_000), observations: [.logits([], classes: 0)], failures: [], provenance: [:])
    #expect(throws: ShardExchangeError.self) { try ShardOutput(decoding: huge.encoded()) }
  }
}
