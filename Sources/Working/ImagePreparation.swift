import Benchmarks
import Imaging
import Planning
import Tensors
import Videos

/// How the images of a shard are read, decoded, changed as their condition says, and made the network's input.
package struct ImagePreparation: Sendable {
  let task: ShardTask
  let frostPictures: [RGBImage]
  let inputHeight: Int
  let inputWidth: Int
  /// What tells the bytes that were read.
  let readBytes: ReadBytes
  /// The condition's folder, looked for once.
  private let folder: String

  init(task: ShardTask, frostPictures: [RGBImage], inputHeight: Int, inputWidth: Int) {
    self.task = task
    self.frostPictures = frostPictures
    self.inputHeight = inputHeight
    self.inputWidth = inputWidth
    readBytes = ReadBytes(imageCount: task.paths.count)
    folder = task.benchmark.folder(of: task.condition)
  }

  /// The values of the shard's image at an offset, height x width x 3. What is wrong with an image is believed when it is
  /// found a second time: a read that storage cut short once looks like a file that is cut short.
  ///
  /// - Throws: what is wrong with the image; `UnreadableFile` where it could not be read.
  func values(of offset: Int) throws -> [Float] {
    let image: RGBImage = try Self.trusting { try self.image(task.paths[offset], offset) }
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
      let file = task.benchmark.file(of: probe.path, under: probe.condition)
      return (try? FileTree.contents(of: file)) != nil
    }
  }

  private func image(_ path: String, _ offset: Int) throws -> RGBImage {
    let file = task.benchmark.file(of: path, in: folder)
    let image = try fitted(file, path, offset)
    guard image.width == inputWidth, image.height == inputHeight else {
      throw EvaluationError.wrongSize(
        path: file, width: image.width, height: image.height, expectedWidth: inputWidth, expectedHeight: inputHeight)
    }
    if let drop = task.benchmark.patchDrop(of: task.condition) {
      return drop.apply(image, random: CounterRandom(key: task.seed, stream: StableHash.of("\(path)\tocclusion")))
    }
    guard let (corruption, severity) = task.benchmark.liveCorruption(of: task.condition) else { return image }
    let random = CounterRandom(
      key: task.seed, stream: StableHash.of("\(path)\t\(corruption.rawValue)\t\(severity)"))
    return try task.benchmark.making.apply(
      corruption, to: image, severity: severity, random: random, frostPictures: frostPictures)
  }

  /// A picture at the network's size; a perturbation made on the fly moves the picture before it is cropped.
  private func fitted(_ file: String, _ path: String, _ offset: Int) throws -> RGBImage {
    let bytes = try FileTree.contents(of: file)
    readBytes.note(bytes, of: offset)
    let (benchmark, preprocessing) = (task.benchmark, task.model.preprocessing)
    let input = PictureSize(width: inputWidth, height: inputHeight)
    let kept = benchmark.mayFitAlready ? input : nil
    if benchmark.isVideo, let number = benchmark.frame(of: task.condition) {
      let frame = try VideoDecoder.frame(number, of: bytes, name: file)
      return frame.size == kept ? frame : try preprocessing.geometry(frame)
    }
    if let (perturbation, frame) = benchmark.livePerturbation(of: task.condition) {
      return try perturbation.frame(
        frame, of: ImageDecoder.decode(bytes, name: file), preprocessing: preprocessing,
        random: CounterRandom(key: task.seed, stream: StableHash.of("\(path)\t\(perturbation.rawValue)")))
    }
    return try preprocessing.decode(bytes, name: file, keeping: kept)
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
