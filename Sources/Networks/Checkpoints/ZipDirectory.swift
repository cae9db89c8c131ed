/// One file within a zip.
struct ZipEntry: Sendable, Hashable {
  /// Its first byte in the zip.
  let offset: Int
  /// Its bytes, unpacked.
  let size: Int
  /// Bytes that it takes in the zip.
  let packedSize: Int
  /// Whether they are packed by deflate.
  let isCompressed: Bool
}

/// The directory of a zip (PKWARE APPNOTE 6.3.10): end record, central directory, local headers.
struct ZipDirectory {
  private let file: CheckpointFile
  private(set) var entries: [String: ZipEntry] = [:]

  init(_ file: CheckpointFile) throws(CheckpointError) {
    self.file = file
    try readDirectory()
  }

  private mutating func readDirectory() throws(CheckpointError) {
    let tailSize = min(file.size, 65_557)
    let tailStart = file.size - tailSize
    let tail = Bytes(try file.read(offset: tailStart, count: tailSize))
    guard let end = (0...max(0, tailSize - 22)).reversed().first(where: { tail.uint32($0) == 0x0605_4B50 }) else {
      throw .malformed(file: file.path, reason: "the zip has no end record; it is truncated")
    }
    var count = Int(tail.uint16(end + 10))
    var size = Int(tail.uint32(end + 12))
    var offset = Int(tail.uint32(end + 16))
    if count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
      guard end >= 20, tail.uint32(end - 20) == 0x0706_4B50 else { throw damaged }
      let record = Bytes(try file.read(offset: try Self.int(tail.uint64(end - 12), damaged), count: 56))
      guard record.uint32(0) == 0x0606_4B50 else { throw damaged }
      count = try Self.int(record.uint64(32), damaged)
      size = try Self.int(record.uint64(40), damaged)
      offset = try Self.int(record.uint64(48), damaged)
    }
    guard count <= 1_000_000, size <= 256 << 20 else { throw damaged }
    let directory = Bytes(try file.read(offset: offset, count: size))
    var place = 0
    for _ in 0..<count {
      guard place + 46 <= size, directory.uint32(place) == 0x0201_4B50 else { throw damaged }
      place = try readEntry(directory, at: place)
    }
  }

  private mutating func readEntry(_ directory: Bytes, at place: Int) throws(CheckpointError) -> Int {
    let nameLength = Int(directory.uint16(place + 28))
    let extraLength = Int(directory.uint16(place + 30))
    let end = place + 46 + nameLength + extraLength + Int(directory.uint16(place + 32))
    guard end <= directory.count else { throw damaged }
    let name = String(decoding: directory.slice(place + 46, nameLength), as: UTF8.self)
    let method = directory.uint16(place + 10)
    guard method == 0 || method == 8 else {
      throw .malformed(file: file.path, reason: "\(name) in the zip is compressed with method \(method), not deflate")
    }
    // ZIP64: fields that do not fit 32 bits stand in the extra field 1, in this order.
    var wide: [UInt64] = []
    var extra = place + 46 + nameLength
    let extraEnd = extra + extraLength
    while extra + 4 <= extraEnd {
      let length = Int(directory.uint16(extra + 2))
      guard extra + 4 + length <= extraEnd else { throw damaged }
      if directory.uint16(extra) == 1 {
        wide = stride(from: extra + 4, to: extra + 4 + length - 7, by: 8).map(directory.uint64)
      }
      extra += 4 + length
    }
    var next = wide.makeIterator()
    func field(_ value: UInt32) throws(CheckpointError) -> Int {
      guard value == 0xFFFF_FFFF else { return Int(value) }
      guard let wider = next.next() else { throw damaged }
      return try Self.int(wider, damaged)
    }
    let size = try field(directory.uint32(place + 24))
    let packedSize = try field(directory.uint32(place + 20))
    let header = try field(directory.uint32(place + 42))
    let local = Bytes(try file.read(offset: header, count: 30))
    guard local.uint32(0) == 0x0403_4B50 else { throw damaged }
    let offset = header + 30 + Int(local.uint16(26)) + Int(local.uint16(28))
    guard packedSize <= file.size, offset <= file.size - packedSize, method == 8 || size == packedSize else {
      throw damaged
    }
    entries[name] = ZipEntry(offset: offset, size: size, packedSize: packedSize, isCompressed: method == 8)
    return end
  }

  private var damaged: CheckpointError { .malformed(file: file.path, reason: "the zip is damaged") }

  private static func int(_ value: UInt64, _ error: CheckpointError) throws(CheckpointError) -> Int {
    guard value < UInt64(Int.max / 2) else { throw error }
    return Int(value)
  }
}

/// Little-endian numbers in bytes; beyond the end they are zero.
struct Bytes {
  private let storage: [UInt8]

  init(_ storage: [UInt8]) { self.storage = storage }

  var count: Int { storage.count }

  func slice(_ start: Int, _ length: Int) -> ArraySlice<UInt8> {
    storage[min(start, count)..<min(start + length, count)]
  }

  func uint16(_ offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: number(offset, 2)) }
  func uint32(_ offset: Int) -> UInt32 { UInt32(truncatingIfNeeded: number(offset, 4)) }
  func uint64(_ offset: Int) -> UInt64 { number(offset, 8) }

  private func number(_ offset: Int, _ length: Int) -> UInt64 {
    guard offset >= 0, offset + length <= count else { return 0 }
    return storage[offset..<offset + length].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
