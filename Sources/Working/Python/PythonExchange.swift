import Dispatch
import Durable
import Foundation
import Synchronization

/// Asks the Python process that started this one for logits.
///
/// Values lie in memory that both map; what is said about them goes through two pipes, a line of JSON each. This process asks
/// `{"slot": 0, "count": 8, "height": 224, "width": 224, "classes": 1000, "images": 0, "logits": 9633792, "bytes": 19283968}`:
/// from value `images` on lie `count` images, [count, height, width, 3] as float32 in the machine's order, and from value `logits`
/// on there is room for `count` x `classes` logits; the memory has `bytes` bytes now. The answer is `{"slot": 0}` once they
/// are there, or `{"slot": 0, "error": "why there are none"}`. There are two slots, so that one is filled while the other is
/// computed.
public final class PythonExchange: LogitsAnswerer {
  private struct Question: Encodable {
    let slot: Int
    let count: Int
    let height: Int
    let width: Int
    let classes: Int
    let images: Int
    let logits: Int
    let bytes: Int
  }

  private struct Answer: Decodable {
    let slot: Int
    let error: String?
  }

  private struct State {
    var values: SharedValues?
    var shape: AnsweredShape?
    var free = Array(0..<PythonExchange.slots)
    var waiting: [Int: DispatchSemaphore] = [:]
    var answers: [Int: Answer] = [:]
    /// Nobody answers any more.
    var isGone = false
  }

  private static let slots = 2
  /// The longest line that is read, bytes.
  private static let lineBytes = 1 << 16

  /// What computes, in words, for the archive.
  public let summary: String
  private let batch: Int
  private let questions: FileHandle
  private let source: FileHandle
  private let memory: Int32
  private let state = Mutex(State())
  private let room = DispatchSemaphore(value: PythonExchange.slots)

  /// An exchange over open files, which it closes; ``start(onEnd:)`` comes before the first question.
  ///
  /// - Parameters:
  ///   - questions: a pipe's end to write to.
  ///   - answers: a pipe's end to read from.
  ///   - memory: a memory file that this process enlarges.
  ///   - batch: images of a question at most.
  ///   - summary: what computes, in words.
  public init(questions: Int32, answers: Int32, memory: Int32, batch: Int, summary: String) {
    (self.memory, self.batch, self.summary) = (memory, max(1, batch), summary)
    self.questions = FileHandle(fileDescriptor: questions, closeOnDealloc: true)
    source = FileHandle(fileDescriptor: answers, closeOnDealloc: true)
  }

  /// Starts a thread that reads the answers until they end, or say what is no answer; then `onEnd` is called.
  public func start(onEnd: @escaping @Sendable () -> Void) {
    Thread.detachNewThread { [self] in
      var rest = Data()
      while rest.count < Self.lineBytes, let more = someBytes() {
        rest.append(more)
        var isUnderstood = true
        while isUnderstood, let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
          isUnderstood = take(rest[rest.startIndex..<end])
          rest = Data(rest[rest.index(after: end)...])
        }
        // Whoever says what is no answer will not say that there was one: nobody is to wait for it.
        if !isUnderstood { break }
      }
      end()
      onEnd()
    }
  }

  /// What has come, as soon as anything has; nil at the end.
  private func someBytes() -> Data? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(source.fileDescriptor, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      return count > 0 ? Data(bytes[..<count]) : nil
    }
  }

  /// The logits of images, [count, classes], as Python has them.
  public func logits(of images: [Float], count: Int, shape: AnsweredShape) throws -> [Float] {
    guard (1...batch).contains(count), images.count == count * shape.imageSize else {
      throw AnswerError("\(count) images of \(images.count) values are not a valid batch")
    }
    room.wait()
    defer { room.signal() }
    let turn = DispatchSemaphore(value: 0)
    let (slot, values) = try state.withLock { state in
      guard !state.isGone else { throw Self.gone }
      guard state.shape == nil || state.shape == shape else {
        throw AnswerError("the model's image size or classes changed")
      }
      // Before a slot is taken, which would be lost where there is no memory.
      let values = try state.values ?? WorkerTrouble.telling { try made(for: shape) }
      guard let slot = state.free.popLast() else { throw Self.gone }
      (state.values, state.shape) = (values, shape)
      state.waiting[slot] = turn
      return (slot, values)
    }
    defer { state.withLock { $0.free.append(slot) } }
    let place = slot * size(of: shape)
    values.write(images, at: place)
    let logits = place + batch * shape.imageSize
    try ask(
      Question(
        slot: slot, count: count, height: shape.height, width: shape.width, classes: shape.classes, images: place,
        logits: logits, bytes: values.count * MemoryLayout<Float>.stride))
    turn.wait()
    guard let answer = state.withLock({ $0.answers.removeValue(forKey: slot) }) else { throw Self.gone }
    if let error = answer.error { throw AnswerError(error.isEmpty ? "the callable failed" : error) }
    return values.read(count * shape.classes, at: logits)
  }

  private func made(for shape: AnsweredShape) throws -> SharedValues {
    try SharedValues(descriptor: memory, count: Self.slots * size(of: shape))
  }

  private static var gone: WorkerTrouble { WorkerTrouble("the Python process that computes has exited") }

  /// Values of a slot: images, then logits.
  private func size(of shape: AnsweredShape) -> Int { batch * (shape.imageSize + shape.classes) }

  private func ask(_ question: Question) throws {
    var line = try JSONEncoder().encode(question)
    line.append(UInt8(ascii: "\n"))
    do { try questions.write(contentsOf: line) } catch {
      end()
      throw Self.gone
    }
  }

  /// - Returns: whether the line is an answer; one to no question is passed over.
  private func take(_ line: Data) -> Bool {
    guard let answer = try? JSONDecoder().decode(Answer.self, from: line) else { return false }
    state.withLock { state in
      guard let turn = state.waiting.removeValue(forKey: answer.slot) else { return }
      state.answers[answer.slot] = answer
      turn.signal()
    }
    return true
  }

  /// Whoever waits learns that there is nobody to answer.
  private func end() {
    state.withLock { state in
      state.isGone = true
      for turn in state.waiting.values { turn.signal() }
      state.waiting = [:]
    }
  }
}
