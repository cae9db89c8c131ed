import Foundation
import Kernels
import Networks
import Tensors
import TestSupport
import Testing

enum Fixture {
  static let designs = [
    "tiny": Architecture(
      "tiny", side: 32, classCount: 10,
      RepLKNetDesign(kernels: [7, 5, 5, 3], blocks: [1, 1, 2, 1], channels: [8, 16, 24, 32], smallKernel: 3)),
    "tiny-xl": Architecture(
      "tiny-xl", side: 40, classCount: 7,
      RepLKNetDesign(
        kernels: [9, 7, 5, 3], blocks: [1, 1, 1, 1], channels: [8, 16, 16, 24], smallKernel: nil, depthwiseHalves: 3)),
  ]

  static func path(_ name: String) -> String { (Bundle.module.resourcePath ?? "") + "/Fixtures/" + name }

  static func logits(_ classifier: Classifier, _ images: [Float], count: Int, batch: Int) throws -> [Float] {
    let session = classifier.makeSession(maximumBatch: batch)
    let size = images.count / count
    var result: [Float] = []
    for start in stride(from: 0, to: count, by: batch) {
      let part = min(batch, count - start)
      var logits = [Float](repeating: .nan, count: part * classifier.classCount)
      try Array(images[start * size..<(start + part) * size]).withUnsafeBufferPointer { images in
        try logits.withUnsafeMutableBufferPointer { try session.logits(images: images, count: part, into: $0) }
      }
      result += logits
    }
    return result
  }
}

@Suite struct RepLKNetTests {
  static let checkpoints = ["tiny", "tiny-xl"].flatMap { name in
    [".pth", ".safetensors", "-merged.safetensors"].map { (name, name + $0) }
  }

  @Test(arguments: checkpoints, GEMMBackend.allCases)
  func logitsAreThoseOfPyTorch(checkpoint: (name: String, file: String), gemm: GEMMBackend) throws {
    let architecture = try #require(Fixture.designs[checkpoint.name])
    let result = try ReferenceCheck.logits(
      checkpoint: Fixture.path(checkpoint.file), architecture: architecture,
      reference: Fixture.path(checkpoint.name + "-reference.safetensors"), options: ComputeOptions(gemm: gemm))
    #expect(result.largestDifference <= 2e-5 * result.largest, "\(result)")
    #expect(result.largest > 0.01)
  }

  @Test(arguments: ["tiny", "tiny-xl"], Precision.allCases)
  func bitsDependOnNothing(name: String, precision: Precision) throws {
    let architecture = try #require(Fixture.designs[name])
    try expectOneResult(architecture) { set in
      try Classifier(
        architecture: architecture, checkpoint: Fixture.path(name + ".pth"),
        options: ComputeOptions(instructionSet: set, precision: precision))
    }
  }

  /// Wide enough for pairs of rows, on maps with an even number of pixels and, where no pixel has its pair, an odd one;
  /// kernels large enough for two phases.
  @Test(arguments: [40, 44])
  func bitsOfWideNetworksDependOnNothing(side: Int) throws {
    let architecture = Architecture(
      "wide", side: side, classCount: 5,
      RepLKNetDesign(kernels: [9, 5], blocks: [1, 1], channels: [64, 256], smallKernel: nil))
    try expectOneResult(architecture) { set in
      try Classifier(randomly: architecture, options: ComputeOptions(instructionSet: set))
    }
  }

  @Test func bf16IsWithinTwoPercent() throws {
    let architecture = try #require(Fixture.designs["tiny"])
    let images = Self.images(architecture, count: 4)
    let logits = try Precision.allCases.map { precision in
      try Fixture.logits(
        Classifier(
          architecture: architecture, checkpoint: Fixture.path("tiny.pth"),
          options: ComputeOptions(precision: precision)), images, count: 4, batch: 4)
    }
    let largest = logits[0].map(abs).max() ?? 0
    let difference = zip(logits[0], logits[1]).map { abs($0 - $1) }.max() ?? .infinity
    #expect(difference <= 0.02 * largest)
    #expect(difference > 1e-5 * largest, "bf16 was not used")
  }

  private static func images(_ architecture: Architecture, count: Int) -> [Float] {
    let random = CounterRandom(key: 3, stream: 1)
    return (0..<count * architecture.inputHeight * architecture.inputWidth * 3).map {
      Float(random.normal(at: UInt64($0)))
    }
  }

  private func expectOneResult(
    _ architecture: Architecture, _ load: (InstructionSet) throws -> Classifier
  ) throws {
    let images = Self.images(architecture, count: 5)
    var expected: [UInt32]?
    for set in InstructionSet.available {
      let classifier = try load(set)
      for batch in [1, 2, 5] {
        let bits = try Fixture.logits(classifier, images, count: 5, batch: batch).map(\.bitPattern)
        #expect(bits == expected ?? bits, "\(set), batch \(batch)")
        expected = bits
      }
    }
  }

  @Test func aSessionRefusesWhatDoesNotFit() throws {
    let architecture = try #require(Fixture.designs["tiny"])
    let session = try Classifier(architecture: architecture, checkpoint: Fixture.path("tiny.pth"))
      .makeSession(maximumBatch: 2)
    var logits = [Float](repeating: 0, count: 30)
    logits.withUnsafeMutableBufferPointer { logits in
      for (count, numbers) in [(3, 3 * 32 * 32 * 3), (1, 32 * 32 * 3 - 1), (-1, 10)] {
        _ = [Float](repeating: 0, count: numbers).withUnsafeBufferPointer { images in
          #expect(throws: InferenceError.self) { try session.logits(images: images, count: count, into: logits) }
        }
      }
    }
  }
}

@Suite struct CheckpointTests {
  @Test func pthAndSafetensorsHoldTheSameTensors() throws {
    let torch = try CheckpointReader.open(Fixture.path("tiny.pth"))
    let safe = try CheckpointReader.open(Fixture.path("tiny.safetensors"))
    #expect(torch.tensors.map(\.name) == safe.tensors.map(\.name))
    for tensor in torch.tensors {
      #expect(safe.shape(of: tensor.name) == tensor.shape)
      #expect(try safe.values(tensor.name) == torch.values(tensor.name), "\(tensor.name)")
    }
  }

  /// The same weights in PyTorch's older format, in half precision below `model_ema`, and views of one storage.
  @Test func olderFilesHoldTheSameTensors() throws {
    let torch = try CheckpointReader.open(Fixture.path("tiny.pth"))
    let legacy = try CheckpointReader.open(Fixture.path("tiny-legacy.pth"))
    #expect(legacy.tensors.map(\.name) == torch.tensors.map(\.name))
    #expect(legacy.tensors.contains { $0.elementType == .float16 })
    for tensor in torch.tensors {
      #expect(legacy.shape(of: tensor.name) == tensor.shape)
      let expected = try torch.values(tensor.name).map { Float(Float16($0)) }
      #expect(try legacy.values(tensor.name) == expected, "\(tensor.name)")
    }
  }

  @Test func theMiniaturesNetworkIsRecognised() throws {
    let checkpoint = try CheckpointReader.open(Repository.path + "/models/replknet-nano.safetensors")
    #expect(checkpoint.matchingArchitectures().map(\.name) == ["replknet-nano"])
    #expect(try CheckpointReader.open(Fixture.path("tiny.pth")).matchingArchitectures().isEmpty)
  }

  @Test func anotherArchitectureIsRefusedByName() throws {
    let nano = try #require(Architecture.named("replknet-nano"))
    #expect {
      try Classifier(architecture: nano, checkpoint: Fixture.path("tiny.pth"))
    } throws: {
      "\($0)".contains("stem.0.conv.weight")
    }
  }

  private func temporary(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    let path = ScratchFolder.freshPath()
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test(.hangLimit) func whatIsNoFileIsRefusedAndNotKeptOpen() throws {
    let folder = try ScratchFolder.fresh()
    let pipe = folder + "/pipe.safetensors"
    #expect(mkfifo(pipe, 0o600) == 0)
    for path in [folder, pipe] {
      #expect(throws: CheckpointError.unreadable(file: path, reason: "it is not a file")) {
        try CheckpointReader.open(path)
      }
      #expect(throws: CheckpointError.unreadable(file: path, reason: "it is not a file")) {
        try CheckpointReader.files(of: path)
      }
    }
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter {
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0)
      return target?.contains(folder) == true
    }
    #expect(open.isEmpty)
  }

  /// Reads all that a file says it holds; only a `CheckpointError` may come of it.
  private func readAll(_ path: String) {
    do {
      let checkpoint = try CheckpointReader.open(path)
      for tensor in checkpoint.tensors { _ = try checkpoint.values(tensor.name) }
    } catch {
      #expect(error.description.contains(path))
    }
  }

  @Test(arguments: ["tiny-xl.pth", "tiny-xl.safetensors", "tiny-legacy.pth"])
  func aCutFileIsRefused(name: String) throws {
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixture.path(name))))
    for share in 0..<40 {
      try temporary(Array(whole.prefix(whole.count * share / 40))) { path in
        #expect(throws: CheckpointError.self) { try CheckpointReader.open(path) }
      }
    }
  }

  @Test(arguments: ["tiny-xl.pth", "tiny-xl.safetensors", "tiny-legacy.pth"])
  func damageNeverCrashes(name: String) throws {
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixture.path(name))))
    var random = CounterRandomSequence(CounterRandom(key: 9, stream: 0))
    for round in 0..<300 {
      var damaged = whole
      // Where the tables lie: the front for safetensors, pickle and directory for the zip.
      let isFront = round % 2 == 0
      for _ in 0..<1 + round % 5 {
        let reach = Int(random.nextUniform() * 12_000)
        let place = isFront ? min(reach, whole.count - 1) : max(0, whole.count - 1 - reach)
        damaged[place] = UInt8(truncatingIfNeeded: random.next())
      }
      try temporary(damaged) { readAll($0) }
    }
  }

  @Test func aPickleThatCallsSomethingIsNotObeyed() throws {
    let mark = ScratchFolder.freshPath()
    // cposix\nsystem\n(X<command>tR. after PROTO 2
    let command = Array("touch \(mark)".utf8)
    let pickle: [UInt8] =
      [0x80, 2] + Array("cposix\nsystem\n".utf8) + [0x28, 0x58, UInt8(command.count), 0, 0, 0] + command
      + [0x74, 0x52, 0x2E]
    try temporary(StoredZip.file(["archive/data.pkl": pickle])) { path in
      #expect(throws: CheckpointError.self) { try CheckpointReader.open(path) }
    }
    #expect(!FileManager.default.fileExists(atPath: mark))
  }

  @Test func aDeepNestIsRefusedOrReleasedWithoutRecursion() throws {
    let lists: [UInt8] = [0x80, 2] + Array(repeating: 0x5D, count: 400_000) + Array(repeating: 0x61, count: 399_999)
    let tuples: [UInt8] = [0x80, 2, 0x4E] + Array(repeating: 0x85, count: 400_000)
    for pickle in [lists, tuples] {
      try temporary(StoredZip.file(["archive/data.pkl": pickle + [0x2E]])) { path in
        #expect(throws: CheckpointError.self) { try CheckpointReader.open(path) }
      }
    }
  }
}

/// The simplest zip: stored entries.
enum StoredZip {
  static func file(_ entries: [String: [UInt8]]) -> [UInt8] {
    var body: [UInt8] = []
    var directory: [UInt8] = []
    func little(_ value: Int, _ length: Int) -> [UInt8] { (0..<length).map { UInt8(value >> (8 * $0) & 255) } }
    for (name, bytes) in entries {
      let sizes = little(0, 4) + little(bytes.count, 4) + little(bytes.count, 4) + little(name.utf8.count, 2)
      let offset = body.count
      body += [0x50, 0x4B, 3, 4] + little(20, 2) + little(0, 8) + sizes + little(0, 2) + Array(name.utf8) + bytes
      directory += [0x50, 0x4B, 1, 2] + little(20, 2) + little(20, 2) + little(0, 8) + sizes + little(0, 12)
      directory += little(offset, 4) + Array(name.utf8)
    }
    let end = little(0, 4) + little(entries.count, 2) + little(entries.count, 2) + little(directory.count, 4)
    return body + directory + [0x50, 0x4B, 5, 6] + end + little(body.count, 4) + little(0, 2)
  }
}
