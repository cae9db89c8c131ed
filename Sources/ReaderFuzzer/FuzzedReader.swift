import Archives
import Benchmarks
import Crypto
import Foundation
import Imaging
import Networks
import Planning
import Reporting

/// A reader of one kind of files, which damaged ones are fed to.
protocol FuzzedReader: AnyObject {
  /// Bytes of memory beyond those that it has and four times the file's.
  var memory: Int? { get }
  /// Reads a file as a user would; false where it is refused.
  func reads(_ bytes: [UInt8], at path: String) throws -> Bool
}

extension FuzzedReader {
  var memory: Int? { 64 << 20 }
}

enum FuzzedReaders {
  /// The reader of files like a valid one, by its ending.
  static func reader(of seed: URL) -> any FuzzedReader {
    switch seed.pathExtension {
    case "h5": ArchiveFuzzing()
    case "yaml": ManifestFuzzing(seed.path)
    case "tar": TarFuzzing()
    case "png": PictureFuzzing { PNGChunks.summed($0) }
    case "jpg", "webp", "tif", "gif", "bmp", "ppm", "pgm": PictureFuzzing { $0 }
    default: CheckpointFuzzing()
    }
  }
}

private final class CheckpointFuzzing: FuzzedReader {
  func reads(_ bytes: [UInt8], at path: String) throws -> Bool {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    do {
      if CheckpointReader.isONNX(path) || path.hasSuffix(".onnx") {
        try computeONNX(path)
      } else {
        let checkpoint = try CheckpointReader.open(path)
        for tensor in checkpoint.tensors { _ = try checkpoint.values(tensor.name) }
      }
      return true
    } catch is CheckpointError {
      return false
    }
  }

  /// Reads a model, and computes one image where that is little work.
  private func computeONNX(_ path: String) throws {
    let summary = try ONNXSummary(path)
    guard summary.problems.isEmpty else { throw CheckpointError.unsupported(file: path, problems: summary.problems) }
    guard summary.multiplyAdds < 1 << 22, summary.largestValue < 1 << 18 else { return }
    let classifier = try Classifier(architecture: .onnx(path), checkpoint: path)
    let image = [Float](repeating: 0.5, count: classifier.inputHeight * classifier.inputWidth * 3)
    var logits = [Float](repeating: 0, count: classifier.classCount)
    let session = classifier.makeSession(maximumBatch: 1)
    try image.withUnsafeBufferPointer { image in
      try logits.withUnsafeMutableBufferPointer { try session.logits(images: image, count: 1, into: $0) }
    }
  }
}

private final class PictureFuzzing: FuzzedReader {
  // The largest picture that a small file may be, its numbers, and what decoders keep of it.
  let memory: Int? = 1 << 30
  private let repair: ([UInt8]) -> [UInt8]

  init(repair: @escaping ([UInt8]) -> [UInt8]) { self.repair = repair }

  func reads(_ bytes: [UInt8], at path: String) throws -> Bool {
    do {
      _ = try ImageDecoder.decode(repair(bytes), name: path)
      return true
    } catch {
      return false
    }
  }
}

/// PNG's checksums, without which no damage would get to the decoder.
private enum PNGChunks {
  /// The bytes with each chunk's checksum made anew, as far as chunks can be told.
  static func summed(_ bytes: [UInt8]) -> [UInt8] {
    var (result, place) = (bytes, 8)
    while place + 12 <= result.count {
      let length = result[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= result.count - place - 12 else { break }
      let end = place + 8 + length
      let sum = result[place + 4..<end].reduce(UInt32.max) { sum, byte in
        (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
      }
      for byte in 0..<4 { result[end + byte] = UInt8(truncatingIfNeeded: ~sum >> UInt32(24 - 8 * byte)) }
      place = end + 4
    }
    return result
  }
}

private final class ManifestFuzzing: FuzzedReader {
  /// Where its relative paths start.
  private let seed: String

  init(_ seed: String) { self.seed = seed }

  func reads(_ bytes: [UInt8], at path: String) throws -> Bool {
    do {
      _ = try ManifestReader(file: seed).parse(String(decoding: bytes, as: UTF8.self))
      return true
    } catch {
      return false
    }
  }
}

private final class TarFuzzing: FuzzedReader {
  func reads(_ bytes: [UInt8], at path: String) throws -> Bool {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    do {
      _ = try TarIndex(archive: path)
      return true
    } catch {
      return false
    }
  }
}

/// Archives are sealed anew, since the seal would tell damage and nothing else be read, and verified and shown as the commands
/// do. A reader that is lost is counted, and another started.
private final class ArchiveFuzzing: FuzzedReader {
  // Of this process; the child has limits of its own.
  let memory: Int? = nil
  private var process: ReaderProcess?
  private var (files, lost) = (0, [String: Int]())

  func reads(_ bytes: [UInt8], at path: String) throws -> Bool {
    try Data(ArchiveVerifier.sealed(bytes)).write(to: URL(fileURLWithPath: path))
    // HDF5 loses memory with every file that it refuses.
    files += 1
    if files % 500 == 0 { process = nil }
    do {
      let child = try process ?? ReaderProcess()
      process = child
      // A loop without end ends no later, so it need not take long.
      var limits = ReadingLimits(fileSize: bytes.count)
      limits.processorSeconds = 2
      let archive = try ArchiveReader(ConfinedFile(path: path, process: child, limits: limits))
      let report = try ArchiveVerifier.verify(archive)
      let model = try ReportModel(archives: [archive])
      _ = (ReportTable.render(model, colour: false, width: 100), HTMLReport.render(model), CSVReport.render(model))
      return report.isSound
    } catch ArchiveError.damaged(_, let reason) {
      process = nil
      if lost[reason] == nil { try Data(bytes).write(to: URL(fileURLWithPath: path + ".lost-\(lost.count)")) }
      lost[reason, default: 0] += 1
      return false
    } catch is ArchiveError {
      return false
    }
  }

  deinit {
    for (reason, count) in lost.sorted(by: { $0.key < $1.key }) { print("  \(count) times \(reason)") }
  }
}
