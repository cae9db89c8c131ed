import Benchmarks
import Planning

/// Something else than this program that computes a model's logits of pictures that this program prepared.
public protocol LogitsAnswerer: Sendable {
  /// What computes, in words, for the archive.
  var summary: String { get }

  /// The logits of images, [count, classes]. Any number of threads may ask at once.
  ///
  /// - Parameters:
  ///   - images: [count, height, width, 3], normalised.
  ///   - count: from 1 to the batch that it was made for.
  /// - Throws: `AnswerError`, or `WorkerTrouble` where there is nobody to answer any more.
  func logits(of images: [Float], count: Int, shape: AnsweredShape) throws -> [Float]
}

/// What an answerer is asked for.
public struct AnsweredShape: Sendable, Hashable {
  /// Height of the images in pixels.
  public let height: Int
  /// Width of the images in pixels.
  public let width: Int
  /// Logits of an image.
  public let classes: Int

  /// A shape.
  public init(height: Int, width: Int, classes: Int) {
    (self.height, self.width, self.classes) = (height, width, classes)
  }

  /// Values of an image.
  var imageSize: Int { height * width * 3 }
}

/// An answerer's answer is none.
public struct AnswerError: Error, Equatable, CustomStringConvertible {
  /// What it said, or what is wrong with it.
  public let description: String

  /// An error in one sentence.
  public init(_ description: String) { self.description = description }
}

/// What a model answers that another program computes.
struct AnsweredObserver: ImageObserving {
  let task: ShardTask
  let shape: ObservedShape
  private let answered: AnsweredShape
  private let answerer: any LogitsAnswerer

  /// - Throws: `ShardExchangeError` for a task that asks for more than logits.
  init(_ task: ShardTask, _ python: PythonModel, _ answerer: any LogitsAnswerer) throws {
    guard task.observed == .logits, !task.condition.asksNetworks, task.condition.lesion == nil,
      let side = task.model.preprocessing.crop
    else { throw ShardExchangeError.malformed("the task asks for more than logits from a model computed by Python") }
    (self.task, self.answerer) = (task, answerer)
    answered = AnsweredShape(height: side, width: side, classes: python.classes)
    shape = .logits(classes: python.classes)
  }

  /// They are normalised.
  var takesUnitValues: Bool { false }
  var imageSize: Int { answered.imageSize }
  /// The input's height in pixels.
  var height: Int { answered.height }
  /// The input's width in pixels.
  var width: Int { answered.width }

  func observe(_ values: [Float], at offsets: [Int], keep: ([Float]) -> Void) throws -> [[Float]] {
    [try answerer.logits(of: Array(values[..<(offsets.count * imageSize)]), count: offsets.count, shape: answered)]
  }
}
