import Foundation

/// Opens checkpoints of every format that Gauntlet reads.
public enum CheckpointReader {
  /// Reads a checkpoint's table of tensors: safetensors, the index of several such files, the zip of `torch.save` or of
  /// `numpy.savez`, or what `torch.save` wrote before version 1.6, told apart by content.
  ///
  /// - Throws: `CheckpointError`, which names what people take for a checkpoint and is none.
  public static func open(_ path: String) throws(CheckpointError) -> Checkpoint {
    let file = try file(path)
    if let index = try ShardIndex(file) { return try index.checkpoint() }
    if let index = ShardIndex.index(ofShard: path) {
      throw .foreign(file: path, what: "only one part of a sharded checkpoint", advice: "name \(index) instead")
    }
    let (tensors, record) = try table(of: file)
    return try Checkpoint(path: path, files: [file], tensors: tensors, record: record)
  }

  /// The tensors of one file, under the names that it gives them.
  static func table(
    of file: CheckpointFile
  ) throws(CheckpointError) -> (tensors: [CheckpointTensor], record: CheckpointRecord) {
    let start = try file.read(offset: 0, count: min(512, file.size))
    if start.starts(with: [0x50, 0x4B]) {
      let entries = try ZipDirectory(file).entries
      if entries.keys.contains(where: { $0.hasSuffix(".npy") }) {
        return (try NumPyArchive(file, entries: entries).tensors(), CheckpointRecord())
      }
      if let refusal = ForeignFile.refusal(ofZip: Array(entries.keys), file: file.path) { throw refusal }
      return try TorchArchive(file, entries: entries).tensors()
    }
    if LegacyTorchFile.isLikely(start) { return try LegacyTorchFile.tensors(of: file) }
    if let refusal = ForeignFile.refusal(of: start, file: file.path) { throw refusal }
    do {
      return (try SafeTensors.tensors(of: file), CheckpointRecord())
    } catch {
      guard ONNXFile.isLikely(start) else { throw error }
      throw .foreign(
        file: file.path, what: "an ONNX model",
        advice: "omit the architecture, or name it onnx, since the file defines its own")
    }
  }

  /// Opens a file; a folder is refused by what it is.
  private static func file(_ path: String) throws(CheckpointError) -> CheckpointFile {
    if let refusal = ForeignFile.refusal(ofFolder: path) { throw refusal }
    return try CheckpointFile(path)
  }

  /// Why a folder that people take for a checkpoint is none, and what to do; nil for any other folder or file.
  public static func refusal(ofFolder path: String) -> CheckpointError? { ForeignFile.refusal(ofFolder: path) }

  /// Whether a file is an ONNX model, by its beginning.
  public static func isONNX(_ path: String) -> Bool {
    guard let file = try? CheckpointFile(path), let start = try? file.read(offset: 0, count: min(16, file.size)) else {
      return false
    }
    return ONNXFile.isLikely(start)
  }

  /// The file and those beside it that hold its numbers; an error where it is no file.
  public static func files(of path: String) throws(CheckpointError) -> [String] {
    let file = try file(path)
    if let index = try ShardIndex(file) { return [path] + index.shards }
    guard ONNXFile.isLikely(try file.read(offset: 0, count: min(16, file.size))) else { return [path] }
    return [path] + (try ONNXFile(file).externalFiles())
  }
}
