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
  /// The reader of files with this ending.
  static func reader(of ending: String) -> any FuzzedReader {
    switch ending {
    case "h5": ArchiveFuzzing()
    case "yaml": ManifestFuzzing()
    case "tar": TarFuzzing()
    case "png", "jpg", "webp", "tif", "gif", "bmp", "ppm", "pgm": PictureFuzzing()
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

  func reads(_ bytes: [UInt8], at path: String) throws -> Bool {
    do {
      _ = try ImageDecoder.decode(bytes, name: path)
      return true
    } catch is ImageError {
      return false
    }
  }
}

private final class ManifestFuzzing: FuzzedReader {
  func reads(_ bytes: [UInt8], at path: String) throws -> Bool {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    do {
      _ = try ManifestReader(file: path).read()
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
      let archive = try ArchiveReader(ConfinedFile(path: path, process: child))
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
