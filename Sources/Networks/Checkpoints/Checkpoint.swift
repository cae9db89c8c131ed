import Foundation
import Tensors

/// How a checkpoint stores a number.
public enum ElementType: String, Sendable, Hashable {
  /// Numbers of so many bits, and truth values of a byte each.
  case float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool

  /// Bytes of one number.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }
}

/// One tensor of a checkpoint; its numbers stay in the file until they are asked for.
public struct CheckpointTensor: Sendable, Hashable {
  /// The parameter's name, without what wrappers such as data-parallel training put before it (see `TensorNames`).
  public internal(set) var name: String
  /// Its extents, slowest first.
  public internal(set) var shape: [Int]
  /// How its numbers are stored.
  public let elementType: ElementType
  /// Byte offset of the first number: in the file, or in what `packed` is unpacked to.
  var offset: Int
  /// Steps between neighbours along each axis, in numbers.
  var strides: [Int]
  /// The packed part of the file that holds it; nil where it lies in the file as it is.
  var packed: ZipEntry?
  /// Whether its numbers' first byte is the largest one.
  var isBigEndian = false
  /// Which of the checkpoint's files it lies in.
  var file = 0
  /// Tensors that stand one after the other along its first axis, where it is made of several; nothing else is read.
  var joined: [CheckpointTensor] = []

  /// Whether its numbers lie in row-major order without gaps.
  var isDense: Bool {
    var expected = 1
    for (extent, stride) in zip(shape, strides).reversed() {
      guard stride == expected || extent == 1 else { return false }
      expected *= extent
    }
    return true
  }
}

/// The tensors of a checkpoint. Nothing in its files is ever executed.
public struct Checkpoint: Sendable {
  /// The file's path; of a checkpoint in several files, that of its index.
  public let path: String
  /// The tensors, sorted by name.
  public let tensors: [CheckpointTensor]
  /// What the file says of itself besides the tensors.
  public let record: CheckpointRecord
  /// Whose names the tensors have that no architecture here has, and what to do; nil where that is not known.
  let namesOrigin: String?
  private let files: [CheckpointFile]
  private let index: [String: Int]

  init(
    path: String, files: [CheckpointFile], tensors: [CheckpointTensor], record: CheckpointRecord = CheckpointRecord()
  ) throws(CheckpointError) {
    self.path = path
    self.files = files
    self.record = record
    self.tensors = PublishedNames.renamed(TensorNames.unwrapped(tensors)).sorted { $0.name < $1.name }
    namesOrigin = TensorNames.origin(self.tensors.map(\.name))
    var index: [String: Int] = [:]
    for (place, tensor) in self.tensors.enumerated() {
      guard index.updateValue(place, forKey: tensor.name) == nil else {
        throw .malformed(file: path, reason: "duplicate tensor name \(tensor.name)")
      }
      for part in tensor.joined.isEmpty ? [tensor] : tensor.joined { try Self.check(part, in: files[part.file]) }
    }
    self.index = index
  }

  /// Every number of the tensor lies in the file.
  private static func check(_ tensor: CheckpointTensor, in file: CheckpointFile) throws(CheckpointError) {
    var last = 0
    var count = 1
    for (extent, stride) in zip(tensor.shape, tensor.strides) {
      let (product, first) = count.multipliedReportingOverflow(by: extent)
      let (reach, second) = max(0, extent - 1).multipliedReportingOverflow(by: stride)
      let (end, third) = last.addingReportingOverflow(reach)
      guard extent >= 0, stride >= 0, !first, !second, !third else {
        throw .malformed(file: file.path, reason: "\(tensor.name) has an invalid shape")
      }
      (count, last) = (product, end)
    }
    let size = tensor.elementType.byteCount
    let available = tensor.packed?.size ?? file.size
    guard count == 0 || (tensor.offset >= 0 && last < (available - tensor.offset) / size), count <= available
    else {
      throw .malformed(file: file.path, reason: "\(tensor.name) extends beyond the end of the file, which is truncated")
    }
  }

  /// Whether there is a tensor of that name.
  public func contains(_ name: String) -> Bool { index[name] != nil }

  /// The shape of a tensor; nil if there is none.
  public func shape(of name: String) -> [Int]? { index[name].map { tensors[$0].shape } }

  /// A tensor's numbers in row-major order, rounded to float32 where they are wider.
  public func values(_ name: String) throws(CheckpointError) -> [Float] {
    guard let place = index[name] else { throw .missing(name: name, file: path) }
    return try values(tensors[place])
  }

  private func values(_ tensor: CheckpointTensor) throws(CheckpointError) -> [Float] {
    if !tensor.joined.isEmpty {
      var values: [Float] = []
      for part in tensor.joined { values += try self.values(part) }
      return values
    }
    let file = files[tensor.file]
    let count = tensor.shape.reduce(1, *)
    guard count > 0 else { return [] }
    if tensor.isDense, tensor.packed == nil { return try denseValues(tensor, count, file) }
    let size = tensor.elementType.byteCount
    let span = zip(tensor.shape, tensor.strides).reduce(0) { $0 + ($1.0 - 1) * $1.1 } + 1
    var bytes: [UInt8]
    if let packed = tensor.packed {
      bytes = Array(try file.unpack(packed)[tensor.offset..<tensor.offset + span * size])
    } else {
      bytes = try file.read(offset: tensor.offset, count: span * size)
    }
    if tensor.isBigEndian { bytes.reverseEach(size) }
    var values = [Float](repeating: 0, count: count)
    bytes.withUnsafeBytes { raw in
      var place = [Int](repeating: 0, count: tensor.shape.count)
      var source = 0
      for target in 0..<count {
        values[target] = tensor.elementType.float(raw, at: source * size)
        for axis in place.indices.reversed() {
          place[axis] += 1
          source += tensor.strides[axis]
          if place[axis] < tensor.shape[axis] { break }
          source -= place[axis] * tensor.strides[axis]
          place[axis] = 0
        }
      }
    }
    return values
  }

  /// Numbers that lie in the file as they are asked for; float32 is read to where it stays.
  private func denseValues(
    _ tensor: CheckpointTensor, _ count: Int, _ file: CheckpointFile
  ) throws(CheckpointError) -> [Float] {
    let size = tensor.elementType.byteCount
    if tensor.elementType == .float32, !tensor.isBigEndian {
      var problem: CheckpointError?
      let values = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        do throws(CheckpointError) {
          try file.read(offset: tensor.offset, into: UnsafeMutableRawBufferPointer(buffer))
          initialized = count
        } catch {
          problem = error
        }
      }
      if let problem { throw problem }
      #if _endian(big)
        return values.map { Float(bitPattern: $0.bitPattern.byteSwapped) }
      #else
        return values
      #endif
    }
    var bytes = try file.read(offset: tensor.offset, count: count * size)
    if tensor.isBigEndian { bytes.reverseEach(size) }
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      bytes.withUnsafeBytes { raw in
        for index in 0..<count { buffer[index] = tensor.elementType.float(raw, at: index * size) }
      }
      initialized = count
    }
  }
}

extension [UInt8] {
  /// Turns round the bytes of each of the numbers of a size.
  fileprivate mutating func reverseEach(_ size: Int) {
    guard size > 1 else { return }
    for start in stride(from: 0, to: count - size + 1, by: size) { self[start..<start + size].reverse() }
  }
}

extension ElementType {
  /// Whether numbers have a fraction.
  var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    case .int64, .int32, .int16, .int8, .uint8, .bool: false
    }
  }

  /// The little-endian number at an offset, rounded to float32 where it is wider.
  func float(_ raw: UnsafeRawBufferPointer, at offset: Int) -> Float {
    func load<Number: FixedWidthInteger>(_: Number.Type) -> Number {
      Number(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
    return switch self {
    case .float64: Float(Double(bitPattern: load(UInt64.self)))
    case .float32: Float(bitPattern: load(UInt32.self))
    case .float16: Float(Float16(bitPattern: load(UInt16.self)))
    case .bfloat16: Float(bitPattern: UInt32(load(UInt16.self)) << 16)
    case .int64, .int32, .int16, .int8, .uint8, .bool: Float(integer(raw, at: offset))
    }
  }

  /// The little-endian whole number at an offset; 0 for types with a fraction.
  func integer(_ raw: UnsafeRawBufferPointer, at offset: Int) -> Int {
    func load<Number: FixedWidthInteger>(_: Number.Type) -> Int {
      Int(truncatingIfNeeded: Number(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: Number.self)))
    }
    return switch self {
    case .int64: load(Int64.self)
    case .int32: load(Int32.self)
    case .int16: load(Int16.self)
    case .int8: load(Int8.self)
    case .uint8, .bool: load(UInt8.self)
    case .float64, .float32, .float16, .bfloat16: 0
    }
  }
}

/// What a checkpoint says of itself besides its tensors.
public struct CheckpointRecord: Sendable, Hashable {
  /// The entry of the file that the tensors are from, such as `state_dict`; nil where they lie bare.
  public var entry: String?
  /// Other entries with tensors that could have been meant.
  public var otherEntries: [String] = []
  /// The name of the network that training wrote beside the tensors.
  public var architecture: String?

  /// Nothing but tensors.
  public init() {}
}
