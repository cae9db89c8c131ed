import Benchmarks
import Imaging
import Planning
import Videos

/// How the images of a shard are read, decoded, changed as their condition says, and made the network's input.
package struct ImagePreparation: Sendable {
  package let task: ShardTask
  let inputHeight: Int
  let inputWidth: Int
  /// What tells the bytes that were read.
  let readBytes: ReadBytes
  /// The digest of the bytes that were believed, hexadecimal.
  package var sha256: String { readBytes.sha256 }
  /// The cell's folder, looked for once.
  private let folder: String
  private let context: PictureContext
  private let read: @Sendable (String) throws -> [UInt8]

  /// - Parameter read: gives a file's bytes; for tests of storage that fails.
  package init(
    task: ShardTask, frostPictures: [RGBImage], inputHeight: Int, inputWidth: Int,
    read: @escaping @Sendable (String) throws -> [UInt8] = { try FileTree.contents(of: $0) }
  ) {
    self.task = task
    self.read = read
    self.inputHeight = inputHeight
    self.inputWidth = inputWidth
    readBytes = ReadBytes(imageCount: task.paths.count)
    folder = task.layout.folder(of: task.condition.cell)
    let input = PictureSize(width: inputWidth, height: inputHeight)
    context = PictureContext(
      preprocessing: task.model.preprocessing, keeping: task.layout.mayFitAlready ? input : nil, seed: task.seed,
      frostPictures: frostPictures)
  }

  /// The values of the shard's image at an offset, height x width x 3, as the network takes them.
  ///
  /// - Throws: as ``unitValues(of:)``.
  package func values(of offset: Int) throws -> [Float] {
    guard task.condition.input.isEmpty else {
      var values = try unitValues(of: offset)
      task.model.preprocessing.normalise(&values)
      return values
    }
    let image = try picture(of: offset)
    var values = [Float](repeating: 0, count: inputHeight * inputWidth * 3)
    try values.withUnsafeMutableBufferPointer { try task.model.preprocessing.normalise(image, into: $0) }
    return values
  }

  /// The values of the shard's image at an offset in [0, 1], height x width x 3, after all that its condition does to them.
  ///
  /// - Throws: what is wrong with the image; `UnreadableFile` where it could not be read.
  package func unitValues(of offset: Int) throws -> [Float] {
    var values = try picture(of: offset).unitValues
    let size = PictureSize(width: inputWidth, height: inputHeight)
    for step in task.condition.input { step.apply(to: &values, size: size, at: task.paths[offset], context) }
    return values
  }

  /// The shard's picture at an offset.
  ///
  /// What is wrong with a picture is believed only of bytes that are read twice alike: a read that storage cut short looks
  /// like a file that is truncated.
  private func picture(of offset: Int) throws -> RGBImage {
    let file = task.layout.file(of: task.paths[offset], in: folder)
    let bytes = try read(file)
    do {
      let image = try picture(bytes, file, offset)
      readBytes.note(bytes, of: offset)
      return image
    } catch {
      let again = try read(file)
      readBytes.note(again, of: offset)
      guard again != bytes else { throw error }
      return try picture(again, file, offset)
    }
  }

  /// Whether one of the task's probes can be read.
  var canReadAny: Bool {
    task.probes.contains { probe in
      (try? read(task.layout.file(of: probe.path, at: probe.cell))) != nil
    }
  }

  /// The picture after all steps of its condition.
  private func picture(_ bytes: [UInt8], _ file: String, _ offset: Int) throws -> RGBImage {
    var (steps, context) = (task.condition.steps[...], context)
    var picture: RGBImage
    if let masks = task.condition.masks {
      picture = try ImageDecoder.decode(bytes, name: file)
      let mask = masks.file(of: task.paths[offset])
      context.mask = try MaskFolder.fitted(
        try read(mask), name: mask, to: picture.size, task.model.preprocessing)
    } else if let frame = task.layout.frame(of: task.condition.cell) {
      picture = try VideoDecoder.frame(frame, of: bytes, name: file)
    } else if steps.first == .fit {
      // At once, so that no more of a JPEG is decoded than the crop needs.
      steps.removeFirst()
      picture = try task.model.preprocessing.decode(bytes, name: file, keeping: context.kept)
      // Before it is corrupted in vain.
      try check(picture, file)
    } else {
      picture = try ImageDecoder.decode(bytes, name: file)
    }
    for step in steps { picture = try step.apply(to: picture, at: task.paths[offset], context) }
    try check(picture, file)
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
