/// The zip that `torch.save` writes: a pickle that describes tensors, and their storages beside it, uncompressed.
struct TorchArchive {
  private let file: CheckpointFile
  private let entries: [String: ZipEntry]

  init(_ file: CheckpointFile, entries: [String: ZipEntry]) {
    self.file = file
    self.entries = entries
  }

  /// The tensors of the state dict: the pickle's own dictionary, or the one below `model`, `state_dict` or the like.
  func tensors() throws(CheckpointError) -> (tensors: [CheckpointTensor], record: CheckpointRecord) {
    guard let (name, pickle) = entries.first(where: { $0.key.hasSuffix("/data.pkl") || $0.key == "data.pkl" }) else {
      throw .malformed(file: file.path, reason: "the zip has no data.pkl")
    }
    if let compressed = entries.first(where: { $0.value.isCompressed }) {
      throw .malformed(
        file: file.path, reason: "\(compressed.key) in the zip is compressed, which torch.save never does")
    }
    guard pickle.size <= 256 << 20 else { throw .malformed(file: file.path, reason: "its pickle is too large") }
    let folder = String(name.dropLast("data.pkl".count))
    let bytes = try file.read(offset: pickle.offset, count: pickle.size)
    let state: StateDict
    do {
      state = try Unpickler.stateDict(in: bytes)
    } catch {
      throw error.error(of: file.path)
    }
    guard !state.tensors.isEmpty else { throw .malformed(file: file.path, reason: "its pickle contains no tensors") }
    let isBigEndian = try isBigEndian(folder)
    var tensors: [CheckpointTensor] = []
    for (name, tensor) in state.tensors {
      guard let storage = entries[folder + "data/" + tensor.storage] else {
        throw .malformed(file: file.path, reason: "the storage of \(name) is missing")
      }
      var placed = try TorchStorage(offset: storage.offset, size: storage.size).place(name, tensor, file: file)
      placed.isBigEndian = isBigEndian
      tensors.append(placed)
    }
    return (tensors, state.record)
  }

  /// What the file says of the order of its numbers' bytes; files before PyTorch 2.1 say nothing and are little-endian.
  private func isBigEndian(_ folder: String) throws(CheckpointError) -> Bool {
    guard let entry = entries[folder + "byteorder"] else { return false }
    let word = String(decoding: try file.unpack(entry, first: 16), as: UTF8.self)
    guard ["little", "big"].contains(word) else {
      throw .malformed(file: file.path, reason: "its byte order is \"\(word)\", not little or big")
    }
    return word == "big"
  }
}

/// Bytes of a file that hold numbers of tensors.
struct TorchStorage {
  let offset: Int
  let size: Int

  /// Where a tensor lies; refuses one that reaches beyond the storage.
  func place(_ name: String, _ tensor: PickledTensor, file: CheckpointFile) throws(CheckpointError) -> CheckpointTensor
  {
    let (_, count) = try TensorLayout.rowMajor(tensor.shape, name: name, file: file.path)
    let width = tensor.elementType.byteCount
    var last = tensor.offset
    for (extent, stride) in zip(tensor.shape, tensor.strides) {
      guard stride >= 0, stride <= size, extent <= size || count == 0, last <= size else {
        throw .malformed(file: file.path, reason: "\(name) has an invalid layout")
      }
      let (reach, overflow) = max(0, extent - 1).multipliedReportingOverflow(by: stride)
      guard !overflow, reach <= size else {
        throw .malformed(file: file.path, reason: "\(name) has an invalid layout")
      }
      last += reach
    }
    guard tensor.shape.count == tensor.strides.count, tensor.offset >= 0, count == 0 || last < size / width
    else {
      throw .malformed(file: file.path, reason: "\(name) extends beyond its storage")
    }
    return CheckpointTensor(
      name: name, shape: tensor.shape, elementType: tensor.elementType,
      offset: offset + tensor.offset * width, strides: tensor.strides)
  }
}
