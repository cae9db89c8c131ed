import Foundation
import Planning
import Records
import Synchronization
import TestSupport
import Testing
import Working

/// Shards whose logits another program gives, and what goes between the two.
@Suite struct PythonExchangeTests {
  /// Keeps the values that it was given.
  private final class Keeper: LogitsAnswerer {
    let summary = "a keeper, of tests"
    let images = Mutex<[[Float]]>([])

    func logits(of values: [Float], count: Int, shape: AnsweredShape) throws -> [Float] {
      let size = values.count / count
      images.withLock { kept in
        kept += (0..<count).map { Array(values[($0 * size)..<(($0 + 1) * size)]) }
      }
      return (0..<count * shape.classes).map(Float.init)
    }
  }

  private static let manifest = """
    run: small
    seed: 3
    models:
      - {name: m, engine: python, callable: f, classes: 10,
         preprocess: {resize: 72, crop: 64, interpolation: bilinear, mean: imagenet, std: imagenet}}
    benchmarks: [{kind: imagenet-c, from: val, corruptions: [fog], severities: [3]}]
    """

  @Test("Whoever answers is given the bits that preparation gives, and what it answers is the output")
  func sameBits() throws {
    let data = try TenPictures()
    let task = try TenPictures.task(of: data.plan(Self.manifest), images: 7)
    let keeper = Keeper()
    let evaluator = ShardEvaluator(batch: 3, memory: 1 << 28, version: "1", answerer: keeper)
    let output = try ShardOutput(decoding: evaluator.compute(task: task.encoded()))
    let preparation = ImagePreparation(task: task, frostPictures: [], inputHeight: 64, inputWidth: 64)
    let given = keeper.images.withLock { $0 }
    #expect(given.count == 7)
    for (offset, values) in given.enumerated() {
      #expect(try values.map(\.bitPattern) == preparation.values(of: offset).map(\.bitPattern))
    }
    #expect(output.failures.isEmpty && output.observations.map(\.variable.name) == ["logits"])
    #expect(output.provenance["engine"] == "python" && output.provenance["answered_by"] == keeper.summary)
    #expect(output.provenance["gemm"] == nil)
  }

  @Test("A worker without Python does not take such a shard, nor one with it another")
  func wrongWorker() throws {
    let data = try TenPictures()
    let task = try TenPictures.task(of: data.plan(Self.manifest), images: 1).encoded()
    #expect { try ShardEvaluator(batch: 1, memory: 1 << 28, version: "1").compute(task: task) } throws: {
      "\($0)".contains("which this worker lacks")
    }
    let own = try TenPictures.task(of: data.plan(benchmarks: "{kind: imagenet-val, root: val}"), images: 1).encoded()
    let evaluator = ShardEvaluator(batch: 1, memory: 1 << 28, version: "1", answerer: Keeper())
    #expect { try evaluator.compute(task: own) } throws: { "\($0)".contains("is not computed by Python") }
  }

  /// The other side of an exchange, as a Python process would be: it doubles the first value of each image.
  private final class Host {
    let exchange: PythonExchange
    private let questions: FileHandle
    private let answers: FileHandle
    let ended = DispatchSemaphore(value: 0)
    private let file: FileHandle
    let folder = ScratchFolder.freshPath()

    init(batch: Int) throws {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let path = folder + "/memory"
      try #require(FileManager.default.createFile(atPath: path, contents: nil))
      file = try #require(FileHandle(forUpdatingAtPath: path))
      let (asked, answered) = (Pipe(), Pipe())
      (questions, answers) = (asked.fileHandleForReading, answered.fileHandleForWriting)
      exchange = PythonExchange(
        questions: dup(asked.fileHandleForWriting.fileDescriptor),
        answers: dup(answered.fileHandleForReading.fileDescriptor), memory: dup(file.fileDescriptor), batch: batch,
        summary: "a host")
      try asked.fileHandleForWriting.close()
      try answered.fileHandleForReading.close()
      exchange.start { [ended] in ended.signal() }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The next question; nil at the end.
    func question() throws -> [String: Int]? {
      var line = Data()
      while let byte = try questions.read(upToCount: 1), !byte.isEmpty, byte != Data("\n".utf8) { line += byte }
      return line.isEmpty ? nil : try JSONDecoder().decode([String: Int].self, from: line)
    }

    func values(from place: Int, count: Int) throws -> [Float] {
      try file.seek(toOffset: UInt64(4 * place))
      let bytes = try #require(try file.read(upToCount: 4 * count))
      return bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    func write(_ values: [Float], at place: Int) throws {
      try file.seek(toOffset: UInt64(4 * place))
      try file.write(contentsOf: values.withUnsafeBytes { Data($0) })
    }

    func say(_ line: String) throws { try answers.write(contentsOf: Data((line + "\n").utf8)) }

    func end() throws { try answers.close() }
  }

  /// A thread whose end can be waited for.
  private struct Started {
    private let ended = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () -> Void) {
      Thread.detachNewThread { [ended] in
        body()
        ended.signal()
      }
    }

    func wait() { ended.wait() }
  }

  private static let shape = AnsweredShape(height: 2, width: 2, classes: 3)

  @Test("Images go there and logits come back, from many threads at once")
  func thereAndBack() throws {
    let host = try Host(batch: 4)
    let answers = Mutex<[Int: [Float]]>([:])
    let exchange = host.exchange
    let threads = (0..<6).map { index in
      Started {
        let images = (0..<2 * 12).map { Float(index * 100 + $0) }
        let logits = (try? exchange.logits(of: images, count: 2, shape: Self.shape)) ?? []
        answers.withLock { $0[index] = logits }
      }
    }
    for _ in threads {
      let question = try #require(try host.question())
      let (images, logits) = (try #require(question["images"]), try #require(question["logits"]))
      #expect(question["count"] == 2 && question["height"] == 2 && question["classes"] == 3)
      let values = try host.values(from: images, count: 24)
      try host.write([values[0], values[12], -1, values[23], 0, 1], at: logits)
      try host.say("{\"slot\": \(question["slot"] ?? -1)}")
    }
    for thread in threads { thread.wait() }
    for index in 0..<6 {
      let first = Float(index * 100)
      #expect(answers.withLock { $0[index] } == [first, first + 12, -1, first + 23, 0, 1])
    }
  }

  @Test("What the callable says went wrong is the error; an end is this machine's trouble, for whoever waits and later")
  func wrong() throws {
    let host = try Host(batch: 2)
    let errors = Mutex<[String]>([])
    let exchange = host.exchange
    func ask() -> Started {
      Started {
        do { _ = try exchange.logits(of: Array(repeating: 1, count: 12), count: 1, shape: Self.shape) } catch {
          errors.withLock { $0.append("\(type(of: error)): \(error)") }
        }
      }
    }
    let first = ask()
    let question = try #require(try host.question())
    // An answer that nobody asked for is passed over.
    try host.say("{\"slot\": 17}")
    try host.say("{\"slot\": \(question["slot"] ?? -1), \"error\": \"ValueError: no memory\"}")
    first.wait()
    let second = ask()
    _ = try host.question()
    try host.end()
    second.wait()
    ask().wait()
    host.ended.wait()
    #expect(
      errors.withLock { $0 } == [
        "AnswerError: ValueError: no memory", "WorkerTrouble: the Python process that computes has exited",
        "WorkerTrouble: the Python process that computes has exited",
      ])
  }

  @Test("What is no answer ends the exchange, so that nobody waits for one")
  func noAnswer() throws {
    let host = try Host(batch: 2)
    let errors = Mutex<[String]>([])
    let exchange = host.exchange
    let asking = Started {
      do { _ = try exchange.logits(of: Array(repeating: 1, count: 12), count: 1, shape: Self.shape) } catch {
        errors.withLock { $0.append("\(error)") }
      }
    }
    _ = try host.question()
    // As of text that is no Unicode.
    try host.say(#"{"slot": 0, "error": "\ud800"}"#)
    asking.wait()
    host.ended.wait()
    #expect(errors.withLock { $0 } == ["the Python process that computes has exited"])
  }
}
