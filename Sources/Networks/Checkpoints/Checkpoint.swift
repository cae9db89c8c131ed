import CZlib
import Foundation
import Tensors

/// How a checkpoint stores a number.
public enum ElementType: String, Sendable, Hashable {
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
  /// The parameter's name, without the `module.` that data-parallel training puts before it.
  public let name: String
  /// Its extents, slowest first.
  public let shape: [Int]
  /// How its numbers are stored.
  public let elementType: ElementType
  /// Byte offset of the first number: in the file, or in what `packed` is unpacked to.
  let offset: Int
  /// Steps between neighbours along each axis, in numbers.
  let strides: [Int]
  /// The packed part of the file that holds it; nil where it lies in the file as it is.
  var packed: ZipEntry?

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

/// The tensors of a checkpoint file. Nothing in the file is ever executed.
public struct Checkpoint: Sendable {
  /// The file's path.
  public let path: String
  /// The tensors, sorted by name.
  public let tensors: [CheckpointTensor]
  private let file: CheckpointFile
  private let index: [String: Int]

  init(file: CheckpointFile, tensors: [CheckpointTensor]) throws(CheckpointError) {
    path = file.path
    self.file = file
    self.tensors = tensors.sorted { $0.name < $1.name }
    var index: [String: Int] = [:]
    for (place, tensor) in self.tensors.enumerated() {
      guard index.updateValue(place, forKey: tensor.name) == nil else {
        throw .malformed(file: file.path, reason: "two tensors are called \(tensor.name)")
      }
      try Self.check(tensor, in: file)
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
        throw .malformed(file: file.path, reason: "\(tensor.name) has an impossible shape")
      }
      (count, last) = (product, end)
    }
    let size = tensor.elementType.byteCount
    let available = tensor.packed?.size ?? file.size
    guard count == 0 || (tensor.offset >= 0 && last < (available - tensor.offset) / size), count <= available
    else { throw .malformed(file: file.path, reason: "\(tensor.name) reaches beyond the file's end; it is cut short") }
  }

  /// Whether there is a tensor of that name.
  public func contains(_ name: String) -> Bool { index[name] != nil }

  /// The shape of a tensor; nil if there is none.
  public func shape(of name: String) -> [Int]? { index[name].map { tensors[$0].shape } }

  /// A tensor's numbers in row-major order, rounded to float32 where they are wider.
  public func values(_ name: String) throws(CheckpointError) -> [Float] {
    guard let place = index[name] else { throw .missing(name: name, file: path) }
    let tensor = tensors[place]
    let count = tensor.shape.reduce(1, *)
    guard count > 0 else { return [] }
    if tensor.isDense, tensor.packed == nil { return try denseValues(tensor, count) }
    let size = tensor.elementType.byteCount
    let span = zip(tensor.shape, tensor.strides).reduce(0) { $0 + ($1.0 - 1) * $1.1 } + 1
    let bytes: [UInt8]
    if let packed = tensor.packed {
      bytes = Array(try file.unpack(packed)[tensor.offset..<tensor.offset + span * size])
    } else {
      bytes = try file.read(offset: tensor.offset, count: span * size)
    }
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
  private func denseValues(_ tensor: CheckpointTensor, _ count: Int) throws(CheckpointError) -> [Float] {
    let size = tensor.elementType.byteCount
    if tensor.elementType == .float32 {
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
    let bytes = try file.read(offset: tensor.offset, count: count * size)
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      bytes.withUnsafeBytes { raw in
        for index in 0..<count { buffer[index] = tensor.elementType.float(raw, at: index * size) }
      }
      initialized = count
    }
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

/// Opens checkpoints of every format that Gauntlet reads.
public enum CheckpointReader {
  /// Reads a file's table of tensors: safetensors, the zip of `torch.save` or of `numpy.savez`, or what `torch.save`
  /// wrote before version 1.6, told apart by content.
  public static func open(_ path: String) throws(CheckpointError) -> Checkpoint {
    let file = try CheckpointFile(path)
    let start = try file.read(offset: 0, count: min(LegacyTorchFile.magic.count, file.size))
    if start.starts(with: [0x50, 0x4B]) {
      let entries = try ZipDirectory(file).entries
      let isNumPy = entries.keys.contains { $0.hasSuffix(".npy") }
      return try Checkpoint(
        file: file,
        tensors: isNumPy
          ? NumPyArchive(file, entries: entries).tensors() : TorchArchive(file, entries: entries).tensors())
    }
    if start == LegacyTorchFile.magic { return try Checkpoint(file: file, tensors: LegacyTorchFile.tensors(of: file)) }
    if start.starts(with: [0x80, 0x02]) {
      throw .malformed(file: path, reason: "it is a pickle, but not one of torch.save")
    }
    return try Checkpoint(file: file, tensors: SafeTensors.tensors(of: file))
  }

  /// Whether a file is an ONNX model, by its beginning.
  public static func isONNX(_ path: String) -> Bool {
    guard let file = try? CheckpointFile(path), let start = try? file.read(offset: 0, count: min(16, file.size)) else {
      return false
    }
    return ONNXFile.isLikely(start)
  }

  /// The file and those beside it that hold its numbers; an error where it is no file.
  public static func files(of path: String) throws(CheckpointError) -> [String] {
    let file = try CheckpointFile(path)
    guard ONNXFile.isLikely(try file.read(offset: 0, count: min(16, file.size))) else { return [path] }
    return [path] + (try ONNXFile(file).externalFiles())
  }

  /// Refuses a checkpoint that is not one of the architecture.
  public static func check(_ path: String, fits architecture: Architecture) throws(CheckpointError) {
    if architecture.family == .onnx {
      _ = try ONNXModel(ONNXFile(CheckpointFile(path)))
    } else {
      try open(path).checkFits(architecture)
    }
  }
}

extension CheckpointFile {
  /// More than weights can be packed to: what claims it is made to fill memory.
  private var largestUnpacked: Int { 2 * size + (32 << 20) }

  /// The bytes of a part of a zip, or its first ones.
  func unpack(_ entry: ZipEntry, first: Int = .max) throws(CheckpointError) -> [UInt8] {
    let count = min(first, entry.size)
    guard entry.isCompressed else { return try read(offset: entry.offset, count: count) }
    // Bytes that do not pack may take a little more room than they are.
    let needed = count < entry.size ? min(entry.packedSize, count + 1024) : entry.packedSize
    let packed = try read(offset: entry.offset, count: needed)
    guard entry.size <= largestUnpacked else {
      throw .malformed(file: path, reason: "it claims to unpack to \(entry.size) bytes, more than weights can")
    }
    var isDamaged = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      buffer.initialize(repeating: 0)
      isDamaged = gauntlet_inflate(packed, packed.count, buffer.baseAddress, count, count < entry.size ? 1 : 0) != 0
      initialized = count
    }
    guard !isDamaged else { throw .malformed(file: path, reason: "a part of the zip is damaged") }
    return bytes
  }
}

/// A file that is read in places. Reading beyond its end is an error, never a crash.
final class CheckpointFile: Sendable {
  let path: String
  let size: Int
  private let descriptor: Int32

  init(_ path: String) throws(CheckpointError) {
    self.path = path
    // Not blocking, so that a named pipe does not hold us up.
    descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(file: path, reason: String(cString: strerror(errno))) }
    var status = stat()
    let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    size = Int(status.st_size)
    // Everything is set, so `deinit` closes what is no file.
    guard isFile else { throw .unreadable(file: path, reason: "it is not a file") }
  }

  deinit { close(descriptor) }

  func read(offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    guard count >= 0, count <= size else { throw .malformed(file: path, reason: "it is cut short") }
    var problem: CheckpointError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(CheckpointError) {
        try read(
          offset: offset, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
        )
        initialized = count
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return bytes
  }

  /// Fills `target`. The file is read, not mapped: one that another program cuts short is then an error and no signal.
  func read(offset: Int, into target: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    guard offset >= 0, target.count <= size, offset <= size - target.count else {
      throw .malformed(file: path, reason: "it is cut short")
    }
    var done = 0
    while done < target.count {
      let got = pread(descriptor, target.baseAddress?.advanced(by: done), target.count - done, off_t(offset + done))
      if got < 0, errno == EINTR { continue }
      guard got > 0 else {
        throw .unreadable(
          file: path, reason: got < 0 ? String(cString: strerror(errno)) : "it became shorter while it was read")
      }
      done += got
    }
  }
}
