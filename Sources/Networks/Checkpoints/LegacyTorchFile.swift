/// What `torch.save` wrote before version 1.6: five pickles, then each storage's count and numbers.
enum LegacyTorchFile {
  /// The first pickle, whole: protocol 2 and the number that marks the format.
  static let magic: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]
  private static let largestFront = 256 << 20

  static func tensors(of file: CheckpointFile) throws(CheckpointError) -> [CheckpointTensor] {
    let front = try front(of: file)
    guard !front.tensors.isEmpty else { throw .malformed(file: file.path, reason: "its pickle describes no tensor") }
    var storages: [String: TorchStorage] = [:]
    var place = front.end
    for (key, type) in front.storages {
      let digits = try file.read(offset: place, count: 8)
      let count = digits.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      place += 8
      guard count <= UInt64((file.size - place) / type.byteCount) else {
        throw .malformed(file: file.path, reason: "the storage \(key) reaches beyond the file's end; it is cut short")
      }
      storages[key] = TorchStorage(offset: place, size: Int(count) * type.byteCount)
      place += Int(count) * type.byteCount
    }
    var tensors: [CheckpointTensor] = []
    for (name, tensor) in front.tensors {
      guard let storage = storages[tensor.storage] else {
        throw .malformed(file: file.path, reason: "the storage of \(name) is missing")
      }
      tensors.append(try storage.place(name, tensor, file: file))
    }
    return tensors
  }

  /// The pickles, whose length nothing tells: more and more of the file is read until they end.
  private static func front(of file: CheckpointFile) throws(CheckpointError) -> Unpickler.LegacyFront {
    var count = 1 << 20
    while true {
      let bytes = try file.read(offset: 0, count: min(count, file.size))
      do throws(PickleError) {
        return try Unpickler.legacyFront(of: bytes)
      } catch {
        guard bytes.count < file.size, count < largestFront else {
          throw .malformed(file: file.path, reason: error.reason)
        }
        count *= 8
      }
    }
  }
}
