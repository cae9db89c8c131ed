import Benchmarks
import Imaging
import Planning
import Videos

/// How the images of a shard are read, decoded, changed as their condition says, and made the network's input.
package struct ImagePreparation: Sendable {
  let task: ShardTask
  let inputHeight: Int
  let inputWidth: Int
  /// What tells the bytes that were read.
  let readBytes: ReadBytes
  /// The cell's folder, looked for once.
  private let folder: String
  private let context: PictureContext

  init(task: ShardTask, frostPictures: [RGBImage], inputHeight: Int, inputWidth: Int) {
    self.task = task
    self.inputHeight = inputHeight
    self.inputWidth = inputWidth
    readBytes = ReadBytes(imageCount: task.paths.count)
    folder = task.layout.folder(of: task.condition.cell)
    let input = PictureSize(width: inputWidth, height: inputHeight)
    context = PictureContext(
      preprocessing: task.model.preprocessing, keeping: task.layout.mayFitAlready ? input : nil, seed: task.seed,
      frostPictures: frostPictures)
  }

  /// The values of the shard's image at an offset, height x width x 3. What is wrong with an image is believed when it is
  /// found a second time: a read that storage cut short once looks like a file that is cut short.
  ///
  /// - Throws: what is wrong with the image; `UnreadableFile` where it could not be read.
  func values(of offset: Int) throws -> [Float] {
    let image = try Self.trusting { try picture(of: offset) }
    var values = [Float](repeating: 0, count: inputHeight * inputWidth * 3)
    try values.withUnsafeMutableBufferPointer { try task.model.preprocessing.normalise(image, into: $0) }
    return values
  }

  /// Gives what `body` gives, the second time where it throws the first time.
  package static func trusting<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch { return try body() }
  }

  /// Whether one of the task's probes can be read.
  var canReadAny: Bool {
    task.probes.contains { probe in
      (try? FileTree.contents(of: task.layout.file(of: probe.path, at: probe.cell))) != nil
    }
  }

  /// The picture after all steps of its condition. Once it has come to the network's size it keeps it.
  private func picture(of offset: Int) throws -> RGBImage {
    let path = task.paths[offset]
    let file = task.layout.file(of: path, in: folder)
    let bytes = try FileTree.contents(of: file)
    readBytes.note(bytes, of: offset)
    var steps = task.condition.steps[...]
    var picture: RGBImage
    if let frame = task.layout.frame(of: task.condition.cell) {
      picture = try VideoDecoder.frame(frame, of: bytes, name: file)
    } else if steps.first == .fit {
      // At once, so that no more of a JPEG is decoded than the crop needs.
      steps.removeFirst()
      picture = try task.model.preprocessing.decode(bytes, name: file, keeping: context.kept)
      try check(picture, file)
    } else {
      picture = try ImageDecoder.decode(bytes, name: file)
    }
    for step in steps {
      picture = try step.apply(to: picture, at: path, context)
      try check(picture, file)
    }
    return picture
  }

  private func check(_ picture: RGBImage, _ file: String) throws(EvaluationError) {
    guard picture.width == inputWidth, picture.height == inputHeight else {
      throw .wrongSize(
        path: file, width: picture.width, height: picture.height, expectedWidth: inputWidth,
        expectedHeight: inputHeight)
    }
  }
}

/// An image that the network cannot take.
enum EvaluationError: Error, CustomStringConvertible {
  case wrongSize(path: String, width: Int, height: Int, expectedWidth: Int, expectedHeight: Int)

  var description: String {
    switch self {
    case .wrongSize(let path, let width, let height, let expectedWidth, let expectedHeight):
      "\(path) is \(width)x\(height), but the network takes \(expectedWidth)x\(expectedHeight)"
    }
  }
}
