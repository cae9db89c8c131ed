import Foundation

/// The zip that `numpy.savez` and `numpy.savez_compressed` write: a file NAME.npy for each array (NEP 1: a magic
/// string, a version, the length of a Python dictionary that tells type, order and shape, then the numbers).
struct NumPyArchive {
  private let file: CheckpointFile
  private let entries: [String: ZipEntry]

  init(_ file: CheckpointFile, entries: [String: ZipEntry]) {
    self.file = file
    self.entries = entries
  }

  /// The arrays by name; BiT's and ViT's with timm's names and order of axes.
  func tensors() throws(CheckpointError) -> [CheckpointTensor] {
    var tensors: [CheckpointTensor] = []
    for (name, entry) in entries where name.hasSuffix(".npy") {
      if let tensor = try tensor(String(name.dropLast(4)), entry) { tensors.append(tensor) }
    }
    guard !tensors.isEmpty else { throw .malformed(file: file.path, reason: "none of its arrays is numeric") }
    if VisionTransformerNames.isUsed(by: tensors) { return VisionTransformerNames.renamed(tensors) }
    return BigTransferNames.isUsed(by: tensors) ? tensors.map(BigTransferNames.renamed) : tensors
  }

  /// An array; nil for one of other things than numbers, such as text about the training.
  private func tensor(_ name: String, _ entry: ZipEntry) throws(CheckpointError) -> CheckpointTensor? {
    let start = try file.unpack(entry, first: 65_536)
    let bytes = Bytes(start)
    func damaged(_ what: String) -> CheckpointError { .malformed(file: file.path, reason: "the array \(name) \(what)") }
    guard start.starts(with: [0x93] + Array("NUMPY".utf8)), bytes.count >= 12 else { throw damaged("has no header") }
    let isLong = start[6] >= 2
    let length = isLong ? Int(bytes.uint32(8)) : Int(bytes.uint16(8))
    let first = isLong ? 12 : 10
    guard length <= bytes.count - first else { throw damaged("is truncated") }
    let header = String(decoding: start[first..<first + length], as: UTF8.self)
    guard let described = NumPyHeader(header) else { throw damaged("has the header \(header.prefix(80))") }
    guard let type = described.elementType else { return nil }
    let (strides, count) = try TensorLayout.rowMajor(described.shape, name: name, file: file.path)
    guard count <= (entry.size - first - length) / type.byteCount else { throw damaged("is truncated") }
    var steps = strides
    if described.isColumnMajor {
      var step = 1
      for axis in described.shape.indices {
        steps[axis] = step
        step *= described.shape[axis]
      }
    }
    return CheckpointTensor(
      name: name, shape: described.shape, elementType: type,
      offset: (entry.isCompressed ? 0 : entry.offset) + first + length, strides: steps,
      packed: entry.isCompressed ? entry : nil, isBigEndian: described.isBigEndian)
  }
}

/// The dictionary of a .npy file: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
struct NumPyHeader {
  let shape: [Int]
  let isColumnMajor: Bool
  /// nil for what is not numbers.
  let elementType: ElementType?
  /// Whether each number's first byte is the largest one.
  let isBigEndian: Bool

  private static let types: [String: ElementType] = [
    "<f8": .float64, "<f4": .float32, "<f2": .float16, "<i8": .int64, "<i4": .int32, "<i2": .int16, "|i1": .int8,
    "|u1": .uint8, "|b1": .bool,
  ]

  init?(_ text: String) {
    guard let order = Self.value(of: "fortran_order", in: text), let list = Self.value(of: "shape", in: text),
      let type = Self.value(of: "descr", in: text), list.first == "(", let end = list.firstIndex(of: ")")
    else { return nil }
    isColumnMajor = order.hasPrefix("True")
    let parts = list[list.index(after: list.startIndex)..<end].split(separator: ",")
    let extents = parts.compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    guard extents.count == parts.filter({ !$0.allSatisfy(\.isWhitespace) }).count, extents.allSatisfy({ $0 >= 0 })
    else {
      return nil
    }
    shape = extents
    let word = type.first == "'" ? String(type.dropFirst().prefix { $0 != "'" }) : ""
    isBigEndian = word.hasPrefix(">")
    elementType = Self.types[isBigEndian ? "<" + word.dropFirst() : word]
  }

  /// What stands after a key.
  private static func value(of key: String, in text: String) -> Substring? {
    guard let range = text.range(of: "'\(key)':") else { return nil }
    return text[range.upperBound...].drop { $0 == " " }
  }
}

/// The names of Google's published BiT weights (Kolesnikov et al., "Big Transfer", ECCV 2020), whose kernels are
/// [rows, columns, inputs, outputs], in timm's terms.
enum BigTransferNames {
  private static let convolution = "standardized_conv2d/kernel"

  static func isUsed(by tensors: [CheckpointTensor]) -> Bool {
    tensors.contains { $0.name.hasSuffix("root_block/" + convolution) }
  }

  /// The tensor as timm has it; one that it has not keeps its name.
  static func renamed(_ tensor: CheckpointTensor) -> CheckpointTensor {
    let order = tensor.shape.count == 4 ? [3, 2, 0, 1] : Array(tensor.shape.indices)
    return CheckpointTensor(
      name: name(of: tensor.name), shape: order.map { tensor.shape[$0] }, elementType: tensor.elementType,
      offset: tensor.offset, strides: order.map { tensor.strides[$0] }, packed: tensor.packed,
      isBigEndian: tensor.isBigEndian)
  }

  private static func name(of name: String) -> String {
    var parts = name.split(separator: "/").map(String.init)
    // All stand below one folder, "resnet".
    if parts.count > 1, parts[0] == "resnet" { parts.removeFirst() }
    let last = ["kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias"][parts.last ?? ""] ?? ""
    switch parts.first {
    case "root_block": return "stem.conv." + last
    case "head": return "head.fc." + last
    case "group_norm": return "norm." + last
    default:
      guard parts.count >= 4, let stage = Int(parts[0].dropFirst("block".count)),
        let block = Int(parts[1].dropFirst("unit".count)), let layer = ["a": 1, "b": 2, "c": 3][parts[2]]
      else { return name }
      let prefix = "stages.\(stage - 1).blocks.\(block - 1)."
      if parts[3] == "proj" { return prefix + "downsample.conv." + last }
      return prefix + (parts[3] == "group_norm" ? "norm" : "conv") + "\(layer)." + last
    }
  }
}
