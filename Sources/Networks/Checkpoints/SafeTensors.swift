import Foundation

/// The safetensors format: a little-endian length, a JSON table of that length, then the tensors' bytes.
enum SafeTensors {
  /// The longest table that is believed, as the format's own library has it.
  private static let maximumHeader = 100_000_000
  private static let types: [String: ElementType] = [
    "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16, "I64": .int64, "I32": .int32,
    "I16": .int16, "I8": .int8, "U8": .uint8, "BOOL": .bool,
  ]

  static func tensors(of file: CheckpointFile) throws(CheckpointError) -> [CheckpointTensor] {
    guard file.size >= 8 else { throw .malformed(file: file.path, reason: "it is \(file.size) bytes long") }
    let length = try file.read(offset: 0, count: 8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(min(maximumHeader, file.size - 8)) else {
      throw .malformed(file: file.path, reason: "it does not start like a safetensors or PyTorch file")
    }
    let header = try file.read(offset: 8, count: Int(length))
    guard let table = (try? JSONSerialization.jsonObject(with: Data(header))) as? [String: Any] else {
      throw .malformed(file: file.path, reason: "its table of tensors is not a JSON object")
    }
    var tensors: [CheckpointTensor] = []
    for (name, entry) in table where name != "__metadata__" {
      guard let entry = entry as? [String: Any], let typeName = entry["dtype"] as? String,
        let shape = entry["shape"] as? [Int], let range = entry["data_offsets"] as? [Int], range.count == 2,
        range[0] >= 0, range[0] <= range[1], range[1] <= file.size - 8 - Int(length)
      else { throw .malformed(file: file.path, reason: "the entry of \(name) is inconsistent") }
      guard let type = types[typeName] else {
        throw .malformed(file: file.path, reason: "\(name) has the unsupported type \(typeName)")
      }
      let (strides, count) = try TensorLayout.rowMajor(shape, name: name, file: file.path)
      guard range[1] - range[0] == count * type.byteCount else {
        throw .malformed(file: file.path, reason: "the size of \(name) in bytes does not match its shape")
      }
      tensors.append(
        CheckpointTensor(
          name: name, shape: shape, elementType: type, offset: 8 + Int(length) + range[0],
          strides: strides))
    }
    return tensors
  }
}

enum TensorLayout {
  /// More numbers than any network here has; products below it cannot overflow.
  private static let maximumCount = 1 << 40

  /// Strides and count of a dense row-major tensor.
  static func rowMajor(_ shape: [Int], name: String, file: String) throws(CheckpointError) -> ([Int], Int) {
    var strides = [Int](repeating: 1, count: shape.count)
    var count = 1
    for axis in shape.indices.reversed() {
      guard shape[axis] >= 0, shape[axis] <= maximumCount, shape.count <= 16 else {
        throw .malformed(file: file, reason: "\(name) has an invalid shape")
      }
      strides[axis] = count
      // An extent of 0 must not hide others whose product overflows in another order.
      let (product, overflow) = count.multipliedReportingOverflow(by: max(1, shape[axis]))
      guard !overflow, product <= maximumCount else {
        throw .malformed(file: file, reason: "\(name) has an invalid shape")
      }
      count = product
    }
    return (strides, shape.contains(0) ? 0 : count)
  }
}
