/// What `torch.save` wrote before version 1.6: five pickles, then each storage's count and numbers.
enum LegacyTorchFile {
  /// The number that marks the format, as the first pickle has it.
  private static let magic: [UInt8] = [
    0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]
  private static let largestFront = 256 << 20

  /// Whether a file begins with the pickle of the number, in any protocol: some have a frame around it.
  static func isLikely(_ start: [UInt8]) -> Bool {
    guard start.count > 2, start[0] == 0x80, (2...5).contains(start[1]) else { return false }
    let first = start.dropFirst(2)
    return first.starts(with: magic) || (first.first == 0x95 && first.dropFirst(9).starts(with: magic))
  }

  static func tensors(
    of file: CheckpointFile
  ) throws(CheckpointError) -> (tensors: [CheckpointTensor], record: CheckpointRecord) {
    let front = try front(of: file)
    guard !front.state.tensors.isEmpty else {
      throw .malformed(file: file.path, reason: "its pickle contains no tensors")
    }
    var storages: [String: TorchStorage] = [:]
    var place = front.end
    for (key, type) in front.storages {
      let digits = try file.read(offset: place, count: 8)
      let count = digits.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      place += 8
      guard count <= UInt64((file.size - place) / type.byteCount) else {
        throw .malformed(
          file: file.path, reason: "the storage \(key) extends beyond the end of the file, which is truncated")
      }
      storages[key] = TorchStorage(offset: place, size: Int(count) * type.byteCount)
      place += Int(count) * type.byteCount
    }
    var tensors: [CheckpointTensor] = []
    for (name, tensor) in front.state.tensors {
      guard let storage = storages[tensor.storage] else {
        throw .malformed(file: file.path, reason: "the storage of \(name) is missing")
      }
      tensors.append(try storage.place(name, tensor, file: file))
    }
    return (tensors, front.state.record)
  }

  /// The pickles, whose length nothing tells: more and more of the file is read until they end.
  private static func front(of file: CheckpointFile) throws(CheckpointError) -> Unpickler.LegacyFront {
    var count = 1 << 20
    while true {
      let bytes = try file.read(offset: 0, count: min(count, file.size))
      do throws(PickleError) {
        return try Unpickler.legacyFront(of: bytes)
      } catch {
        guard error.advice == nil, bytes.count < file.size, count < largestFront else {
          throw error.error(of: file.path)
        }
        count *= 8
      }
    }
  }
}
