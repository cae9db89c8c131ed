import Foundation

/// A checkpoint in several files, as Hugging Face's libraries write large ones: a JSON file NAME.index.json whose
/// `weight_map` says which file beside it holds each tensor.
struct ShardIndex {
  private let path: String
  private let fileOfTensor: [String: String]
  /// The files, sorted, with the index's folder.
  let shards: [String]

  /// More than an index of a million tensors has.
  private static let maximumSize = 256 << 20

  /// The index in a file; nil for any other file.
  ///
  /// - Throws: `CheckpointError` for a JSON file that is none.
  init?(_ file: CheckpointFile) throws(CheckpointError) {
    let start = try file.read(offset: 0, count: min(64, file.size))
    // A table of safetensors begins with its length, whose upper bytes are zero.
    guard start.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{"), !start.contains(0) else {
      return nil
    }
    guard file.size <= Self.maximumSize,
      let json = try? JSONSerialization.jsonObject(with: Data(file.read(offset: 0, count: file.size))),
      let table = (json as? [String: Any])?["weight_map"] as? [String: String], !table.isEmpty
    else {
      throw .foreign(
        file: file.path, what: "a JSON file without weights, such as a network's configuration",
        advice: "name the file of its weights instead, such as model.safetensors")
    }
    for name in table.values where name.isEmpty || name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }) {
      throw .malformed(file: file.path, reason: "it names \"\(name.prefix(80))\", which is not a file beside it")
    }
    path = file.path
    fileOfTensor = table
    let folder = URL(fileURLWithPath: file.path).deletingLastPathComponent()
    shards = Set(table.values).sorted().map { folder.appendingPathComponent($0).path }
  }

  /// All tensors that the index names.
  func checkpoint() throws(CheckpointError) -> Checkpoint {
    guard shards.count <= 1000 else { throw .malformed(file: path, reason: "it names \(shards.count) files") }
    var files: [CheckpointFile] = []
    var tensors: [CheckpointTensor] = []
    var missing = Set(fileOfTensor.keys)
    for (number, shard) in shards.enumerated() {
      let file = try CheckpointFile(shard)
      let name = URL(fileURLWithPath: shard).lastPathComponent
      for var tensor in try CheckpointReader.table(of: file).tensors where fileOfTensor[tensor.name] == name {
        missing.remove(tensor.name)
        tensor.file = number
        tensors.append(tensor)
      }
      files.append(file)
    }
    if let name = missing.min() {
      throw .malformed(file: path, reason: "it says that \(name) is in \(fileOfTensor[name] ?? ""), but it is not")
    }
    return try Checkpoint(path: path, files: files, tensors: tensors)
  }

  /// The index that a file of several belongs to, by its name, such as model-00001-of-00002.safetensors; nil for others.
  static func index(ofShard path: String) -> String? {
    let url = URL(fileURLWithPath: path)
    let parts = url.deletingPathExtension().lastPathComponent.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, parts[parts.count - 2] == "of", let count = Int(parts[parts.count - 1]), count > 1,
      Int(parts[parts.count - 3]) != nil
    else { return nil }
    return parts.dropLast(3).joined(separator: "-") + "." + url.pathExtension + ".index.json"
  }
}
