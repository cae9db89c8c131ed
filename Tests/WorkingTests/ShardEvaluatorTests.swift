import Benchmarks
import Foundation
import Imaging
import Networks
import Planning
import Records
import TestSupport
import Testing
import Working

/// From a shard's task to its output, with pictures that are sound, damaged and gone.
@Suite struct ShardEvaluatorTests {
  private let data: TenPictures
  private let plan: Plan

  init() throws {
    data = try TenPictures()
    plan = try data.plan(benchmarks: "{kind: imagenet-val, root: val}")
  }

  private func task(isLastAttempt: Bool = false) throws -> ShardTask {
    try ShardTask(
      ShardDefinition(id: 7, model: 0, benchmark: 0, condition: 0, firstImage: 0, imageCount: 10), of: plan,
      isLastAttempt: isLastAttempt)
  }

  private func output(_ task: ShardTask, batch: Int = 4) throws -> ShardOutput {
    let evaluator = ShardEvaluator(batch: batch, memory: 1 << 30, version: "1.2.3")
    return try ShardOutput(decoding: evaluator.compute(task: task.encoded()))
  }

  /// Each image's logits, as bits.
  private func rows(_ output: ShardOutput) -> [[UInt32]] {
    let values = output.observations[0].values
    let count = values.count / output.imageCount
    return (0..<output.imageCount).map { values[$0 * count..<($0 + 1) * count].map(\.bitPattern) }
  }

  private func isMissing(_ row: [UInt32]) -> Bool { row.allSatisfy { Float(bitPattern: $0).isNaN } }

  /// What the network itself gives for a picture.
  private func expected() throws -> [UInt32] {
    let model = plan.manifest.models[0]
    let classifier = try Classifier(
      architecture: try #require(Architecture.named(model.architecture)), checkpoint: model.checkpoint)
    let picture = try model.preprocessing.decode([UInt8](data.picture), name: "picture")
    var input = [Float](repeating: 0, count: classifier.inputHeight * classifier.inputWidth * 3)
    try input.withUnsafeMutableBufferPointer { try model.preprocessing.normalise(picture, into: $0) }
    var logits = [Float](repeating: 0, count: classifier.classCount)
    let session = classifier.makeSession(maximumBatch: 1)
    try input.withUnsafeBufferPointer { input in
      try logits.withUnsafeMutableBufferPointer { try session.logits(images: input, count: 1, into: $0) }
    }
    return logits.map(\.bitPattern)
  }

  @Test("Every image has the network's own bits for its picture, whatever the batch", arguments: [1, 3, 16])
  func bits(batch: Int) throws {
    let output = try output(task(), batch: batch)
    #expect(output.shard == 7 && output.imageCount == 10 && output.failures.isEmpty)
    #expect(output.observations.map(\.variable.name) == ["logits"])
    let row = try expected()
    #expect(rows(output).allSatisfy { $0 == row })
  }

  @Test("An output says who computed it, how, and of which bytes")
  func provenance() throws {
    let output = try output(task())
    #expect(output.provenance["version"] == "1.2.3" && output.provenance["gemm"] == "native")
    #expect(output.provenance["host"] == ProcessInfo.processInfo.hostName)
    var digests = ShardBytes(imageCount: 10)
    for place in 0..<10 { digests.set(ShardBytes.digest(of: [UInt8](data.picture)), at: place) }
    #expect(output.provenance[ShardBytes.attribute] == digests.sha256)
  }

  @Test("An image that cannot be decoded is set aside by name, and the others keep their bits")
  func damaged() throws {
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: data.path + "/val/c3/p.jpg"))
    let output = try output(task())
    let failure = try #require(output.failures.first)
    #expect(output.failures.count == 1 && failure.offset == 3 && !failure.isUnreadable)
    #expect(failure.reason.contains("c3/p.jpg"), "\(failure.reason)")
    let row = try expected()
    for (place, found) in rows(output).enumerated() { #expect(place == 3 ? isMissing(found) : found == row) }
  }

  @Test("An image that cannot be read fails the shard, and is set aside in its last attempt")
  func unreadable() throws {
    try FileManager.default.removeItem(atPath: data.path + "/val/c4/p.jpg")
    let error = #expect(throws: (any Error).self) { try output(task()) }
    #expect("\(String(describing: error))".contains("other images of the data set can be read"))
    #expect(!(error is WorkerTrouble))
    let last = try output(task(isLastAttempt: true))
    #expect(last.failures.map(\.offset) == [4] && last.failures[0].isUnreadable)
    #expect(rows(last).enumerated().allSatisfy { $0.offset == 4 ? isMissing($0.element) : !isMissing($0.element) })
  }

  @Test("Where nothing of the data can be read, nor the checkpoint, the trouble is the worker's own")
  func trouble() throws {
    let whole = try task(isLastAttempt: true)
    try FileManager.default.removeItem(atPath: data.path + "/val")
    #expect(throws: WorkerTrouble.self) { try output(whole) }
    let elsewhere = try TenPictures()
    let checkpoint = elsewhere.path + "/resnet-nano.safetensors"
    try FileManager.default.copyItem(atPath: Repository.checkpoint("resnet-nano"), toPath: checkpoint)
    let plan = try elsewhere.plan(
      """
      run: small
      models: [{name: m, architecture: resnet-nano, checkpoint: \(checkpoint)}]
      benchmarks: [{kind: imagenet-val, root: val}]
      """)
    let task = try TenPictures.task(of: plan, images: 1)
    try FileManager.default.removeItem(atPath: checkpoint)
    #expect(throws: WorkerTrouble.self) { try output(task) }
  }

  @Test("Bytes that are no task are refused")
  func noTask() {
    let evaluator = ShardEvaluator(batch: 1, memory: 1 << 30, version: "1")
    #expect(throws: (any Error).self) { try evaluator.compute(task: Data("{}".utf8)) }
  }
}
