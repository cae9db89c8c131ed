import Foundation
import SwiftProtobuf

/// An ONNX model as the file has it, checked as far as that needs no knowledge of operators.
struct ONNXFile: Sendable {
  let path: String
  let model: Gauntlet_Onnx_ModelProto
  /// The operator set of the standard domain.
  let operatorSet: Int
  /// Bytes of the file and of those beside it.
  let size: Int
  /// Where files beside it may lie, with a slash at the end.
  private let folders: [String]

  /// Operator sets that are understood.
  static let operatorSets = 11...25
  /// The largest file of one message: protobuf's own limit.
  private static let maximumSize = 1 << 31

  init(_ file: CheckpointFile) throws(CheckpointError) {
    path = file.path
    folders = [Self.real(Self.folder(of: file.path)), Self.real(file.path).map(Self.folder(of:))]
      .compactMap { $0.map { $0 == "/" ? $0 : $0 + "/" } }
    guard file.size < Self.maximumSize else {
      throw .malformed(file: path, reason: "it is larger than the limit of a protobuf message")
    }
    let bytes = try file.read(offset: 0, count: file.size)
    do {
      model = try Gauntlet_Onnx_ModelProto(serializedBytes: bytes)
    } catch {
      throw .malformed(file: path, reason: "it is not an ONNX model, or is truncated")
    }
    guard model.hasGraph, !model.graph.node.isEmpty else {
      throw .malformed(file: path, reason: "it is not an ONNX model: it has no graph")
    }
    let standard = model.opsetImport.first { $0.domain.isEmpty || $0.domain == "ai.onnx" }
    guard let standard, Self.operatorSets.contains(Int(clamping: standard.version)) else {
      throw .foreign(
        file: path,
        what: "an ONNX model of operator set \(standard.map { "\($0.version)" } ?? "unknown"), and only "
          + "\(Self.operatorSets.lowerBound) to \(Self.operatorSets.upperBound) are supported",
        advice: "convert it in Python with onnx.version_converter.convert_version(onnx.load(FILE), 17), or export it "
          + "again with opset_version=17")
    }
    operatorSet = Int(standard.version)
    size = file.size
  }

  /// Whether a file can be an ONNX model: its first field is the version of the format, a small number.
  static func isLikely(_ start: [UInt8]) -> Bool {
    start.count >= 3 && start[0] == 0x08 && start[1] < 0x20
      && [0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42].contains(start[2])
  }

  /// The model's image: [batch, 3, height, width].
  func inputShape() throws(CheckpointError) -> (name: String, height: Int, width: Int) {
    let initialisers = Set(model.graph.initializer.map(\.name))
    let inputs = model.graph.input.filter { !initialisers.contains($0.name) }
    guard inputs.count == 1, let input = inputs.first else {
      throw .malformed(file: path, reason: "it takes \(inputs.count) inputs; an image classifier takes one")
    }
    guard [0, 1, 10, 11, 16].contains(input.type.tensorType.elemType) else {
      throw .malformed(
        file: path,
        reason: "its input \(input.name) is not floating-point: export the network without its "
          + "own preprocessing")
    }
    let dimensions = input.type.tensorType.shape.dim
    let extents = dimensions.map { $0.hasDimValue ? Int(clamping: $0.dimValue) : 0 }
    guard extents.count == 4, extents[0] <= 1, extents[1] == 3, (1...2048).contains(extents[2]),
      extents[2] == extents[3]
    else {
      let text = dimensions.map { $0.hasDimValue ? "\($0.dimValue)" : $0.dimParam.isEmpty ? "?" : $0.dimParam }
      throw .malformed(
        file: path,
        reason: "its input \(input.name) is [\(text.joined(separator: ", "))]; images are [1 or any batch, 3, side, "
          + "side] with a fixed side, so export it with a batch of 1 or only the batch dynamic")
    }
    return (input.name, extents[2], extents[3])
  }

  /// A tensor of the message, its numbers unread.
  func constant(_ tensor: Gauntlet_Onnx_TensorProto, name: String) throws(CheckpointError) -> ConstantTensor {
    let shape = tensor.dims.map { Int(clamping: $0) }
    let (_, count) = try TensorLayout.rowMajor(shape, name: name, file: path)
    guard let type = Self.types[tensor.dataType] else {
      throw .malformed(file: path, reason: "\(name) has the unsupported ONNX type \(tensor.dataType)")
    }
    if tensor.dataLocation == 1 {
      return ConstantTensor(shape: shape, stored: try external(tensor, type, count, name: name))
    }
    if !tensor.rawData.isEmpty || count == 0 {
      guard tensor.rawData.count == count * type.byteCount else {
        throw .malformed(file: path, reason: "the size of \(name) in bytes does not match its shape")
      }
      return ConstantTensor(
        shape: shape,
        stored: StoredNumbers(type: type, count: count, place: .bytes(tensor.rawData), name: name, origin: path))
    }
    let found: ConstantTensor
    switch type {
    case .float32: found = ConstantTensor(shape: shape, floats: tensor.floatData)
    case .float64: found = ConstantTensor(shape: shape, floats: tensor.doubleData.map { Float($0) })
    case .float16:
      found = ConstantTensor(
        shape: shape, floats: tensor.int32Data.map { Float(Float16(bitPattern: UInt16(truncatingIfNeeded: $0))) })
    case .bfloat16:
      found = ConstantTensor(
        shape: shape,
        floats: tensor.int32Data.map { Float(bitPattern: UInt32(UInt16(truncatingIfNeeded: $0)) << 16) })
    case .int64: found = ConstantTensor(shape: shape, integers: tensor.int64Data.map { Int(clamping: $0) })
    case .int32, .int16, .int8, .uint8, .bool:
      found = ConstantTensor(shape: shape, integers: tensor.int32Data.map { Int($0) })
    }
    let stored =
      switch found.storage {
      case .floats(let values): values.contains(where: \.isNaN) ? -1 : values.count
      case .integers(let values): values.count
      case .stored: count
      }
    guard stored >= 0 else { throw .notFinite(name: name, what: "NaN", file: path) }
    guard stored == count else {
      throw .malformed(file: path, reason: "\(name) has \(stored) numbers; its shape needs \(count)")
    }
    return found
  }

  /// ONNX's numbers of types (TensorProto.DataType).
  private static let types: [Int32: ElementType] = [
    1: .float32, 2: .uint8, 3: .int8, 5: .int16, 6: .int32, 7: .int64, 9: .bool, 10: .float16, 11: .float64,
    16: .bfloat16,
  ]

  /// The file beside the model that holds a tensor's numbers; one that lies outside of its folder, by its name or by a link,
  /// is refused. Where the model is itself a link, as in Hugging Face's cache, the folder that it leads to is its folder, too.
  private func externalFile(
    of tensor: Gauntlet_Onnx_TensorProto, name: String
  ) throws(CheckpointError) -> String {
    // By bytes: a slash before an accent is no character of its own.
    let location = tensor.externalData.first { $0.key == "location" }?.value ?? ""
    let parts = location.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard !parts.contains(where: { $0.isEmpty || $0.elementsEqual("..".utf8) }), !location.utf8.contains(0) else {
      throw .malformed(file: path, reason: "the external data of \(name) must be in a file beside it")
    }
    let file = Self.folder(of: path) + "/" + location
    // What is not there is told of where it is opened.
    guard let real = Self.real(file) else { return file }
    guard folders.contains(where: { real.utf8.starts(with: $0.utf8) }) else {
      throw .malformed(
        file: path, reason: "the external data of \(name) must be in a file beside it: \(location) is a link")
    }
    return file
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// A path without links; nil where nothing is there.
  private static func real(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
  }

  /// Numbers in a file beside the model.
  private func external(
    _ tensor: Gauntlet_Onnx_TensorProto, _ type: ElementType, _ count: Int, name: String
  ) throws(CheckpointError) -> StoredNumbers {
    let file = try CheckpointFile(try externalFile(of: tensor, name: name))
    let offset = Int(tensor.externalData.first { $0.key == "offset" }?.value ?? "0") ?? -1
    guard offset >= 0, count <= file.size, offset <= file.size - count * type.byteCount else {
      throw .malformed(file: file.path, reason: "\(name) extends beyond its end; it is truncated")
    }
    return StoredNumbers(type: type, count: count, place: .file(file, offset: offset), name: name, origin: path)
  }

  /// The files beside it that hold its numbers, sorted.
  func externalFiles() throws(CheckpointError) -> [String] {
    var paths: Set<String> = []
    for tensor in model.graph.initializer where tensor.dataLocation == 1 {
      paths.insert(try externalFile(of: tensor, name: tensor.name))
    }
    return paths.sorted()
  }

  /// Bytes of the message and of the files beside it.
  func sizeWithExternalFiles() throws(CheckpointError) -> Int {
    var total = size
    for path in try externalFiles() { total += try CheckpointFile(path).size }
    return total
  }
}
