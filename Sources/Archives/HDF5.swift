import CHDF5
import CHDF5Input
import Foundation

/// An archive or part that cannot be written, read or believed, and what to do about it.
public enum ArchiveError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be written.
  case unwritable(path: String, reason: String)
  /// The file is missing, damaged or not Gauntlet's.
  case unreadable(path: String, reason: String)
  /// The file does harm to who reads it, or ends the process that does.
  case damaged(path: String, reason: String)
  /// A part does not fit where it is to go.
  case misplaced(shard: Int64, reason: String)

  /// One sentence: what, where, what to do.
  public var description: String {
    switch self {
    case .unwritable(let path, let reason): "cannot write \(path): \(reason); free space or choose another place"
    case .unreadable(let path, let reason):
      "\(path) cannot be read: \(reason); restore it, or recompute it with gauntlet resume and gauntlet collect"
    case .damaged(let path, let reason):
      "\(path) is damaged: \(reason); restore it, or recompute it with gauntlet resume and gauntlet collect"
    case .misplaced(let shard, let reason): "the part of shard \(shard) does not fit the archive: \(reason)"
    }
  }
}

/// The library is not safe for threads, so all of it is behind one lock.
package enum HDF5 {
  // Recursive, because handles are let go within it as well as without.
  private static let lock = {
    gauntlet_h5_begin()
    return NSRecursiveLock()
  }()

  package static func exclusively<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.lock()
    defer { lock.unlock() }
    gauntlet_h5_quiet()
    return try body()
  }

  /// What the library said of the call that failed just now.
  static var lastMessage: String {
    let message = gauntlet_h5_last_message()
    return withUnsafeBytes(of: message.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

/// The owner of one handle of the library.
struct Handle: ~Copyable {
  let id: hid_t

  init(_ id: hid_t, _ failure: (String) -> ArchiveError) throws(ArchiveError) {
    guard id >= 0 else { throw failure(HDF5.lastMessage) }
    self.id = id
  }

  deinit {
    let id = id
    HDF5.exclusively { _ = H5Idec_ref(id) }
  }
}

/// Datasets and attributes of one file, with its path for errors.
struct StoredFile: ~Copyable {
  let path: String
  let file: Handle
  /// The bytes of a file that is read; nil for one that is written.
  let size: Int?

  var isWritten: Bool { size == nil }

  init(path: String, file: consuming Handle, size: Int?) {
    self.path = path
    self.file = file
    self.size = size
  }

  /// Opens a file for reading from its descriptor, which stays the caller's and is open longer.
  init(reading descriptor: Int32, size: Int, path: String) throws(ArchiveError) {
    let access = try Handle(gauntlet_h5_file_access()) { .unreadable(path: path, reason: $0) }
    guard gauntlet_h5_read_from(access.id, descriptor, UInt64(size)) >= 0 else {
      throw .unreadable(path: path, reason: HDF5.lastMessage)
    }
    let file = try Handle(gauntlet_h5_open(path.isEmpty ? "file" : path, access.id)) {
      .unreadable(path: path, reason: $0.isEmpty ? "it is not an HDF5 file" : $0)
    }
    self.init(path: path, file: file, size: size)
  }

  /// Opens a file's bytes, which outlive it.
  init(_ bytes: UnsafeRawBufferPointer, path: String) throws(ArchiveError) {
    let access = try Handle(gauntlet_h5_file_access()) { .unreadable(path: path, reason: $0) }
    guard gauntlet_h5_read_bytes(access.id, bytes.baseAddress, UInt64(bytes.count)) >= 0 else {
      throw .unreadable(path: path, reason: HDF5.lastMessage)
    }
    let file = try Handle(gauntlet_h5_open(path, access.id)) { .unreadable(path: path, reason: $0) }
    self.init(path: path, file: file, size: bytes.count)
  }

  func failure(_ reason: String) -> ArchiveError {
    isWritten ? .unwritable(path: path, reason: reason) : .unreadable(path: path, reason: reason)
  }

  private func check(_ status: herr_t, _ what: String) throws(ArchiveError) {
    guard status >= 0 else { throw failure("\(what): \(HDF5.lastMessage)") }
  }

  private func own(_ id: hid_t, _ what: String) throws(ArchiveError) -> Handle {
    try Handle(id) { failure("\(what): \($0)") }
  }

  // MARK: Names

  /// Whether there is an object of this name.
  ///
  /// - Throws: where the name leads elsewhere, as through a link to another file: none of Gauntlet's files has links.
  func exists(_ name: String) throws(ArchiveError) -> Bool {
    var place = ""
    let parts = name.utf8.split(separator: UInt8(ascii: "/"))
    guard parts.count <= Self.deepestName else { throw failure("it nests an object \(parts.count) groups deep") }
    for part in parts {
      place += "/" + String(Substring(part))
      switch gauntlet_h5_link(file.id, place) {
      case 1: continue
      case 0: return false
      default: throw failure("\(place) is a link, not an object in this file")
      }
    }
    return true
  }

  /// The most groups that a name of Gauntlet's has, and some more. A group that holds itself makes names without end.
  private static let deepestName = 16

  private func object(_ name: String) throws(ArchiveError) -> Handle {
    guard try exists(name) else { throw failure("\(name) is missing") }
    return try own(H5Oopen(file.id, name, 0), name)
  }

  /// A dataset whose numbers lie in this file, in a form that Gauntlet writes.
  private func dataset(_ name: String) throws(ArchiveError) -> Handle {
    guard try exists(name) else { throw failure("\(name) is missing") }
    let dataset = try own(H5Dopen2(file.id, name, 0), name)
    guard let size else { return dataset }
    if let fault = gauntlet_h5_fault(dataset.id) { throw failure("\(name) \(String(cString: fault))") }
    let type = try own(H5Dget_type(dataset.id), name)
    guard gauntlet_h5_chunk_bytes(dataset.id, H5Tget_size(type.id)) <= Self.mostBytes(in: size) else {
      throw failure("\(name) has chunks of an invalid size")
    }
    return dataset
  }

  /// The most that a file's bytes can stand for, packed as well as deflate packs (1032 times, and a little for what has no
  /// bytes at all, as a fill value).
  static func mostBytes(in size: Int) -> Int { size.clampedMultiplication(by: 1100) + 1 << 24 }

  /// Makes a group and those above it.
  func makeGroup(_ name: String) throws(ArchiveError) {
    var place = ""
    for part in name.utf8.split(separator: UInt8(ascii: "/")) {
      place += "/" + String(Substring(part))
      if H5Lexists(file.id, place, 0) > 0 { continue }
      let creation = try own(gauntlet_h5_group_creation(), place)
      _ = try own(H5Gcreate2(file.id, place, 0, creation.id, 0), place)
    }
  }

  // MARK: Attributes, all of them text

  func setAttribute(_ name: String, of object: String, to value: String) throws(ArchiveError) {
    let type = try own(gauntlet_h5_string(), name)
    let space = try own(gauntlet_h5_scalar(), name)
    let owner = try own(H5Oopen(file.id, object, 0), object)
    let attribute = try own(H5Acreate2(owner.id, name, type.id, space.id, 0, 0), "\(object), \(name)")
    // HDF5's text ends at a zero.
    let status = value.replacing("\0", with: " ").withCString { text in
      var pointer: UnsafePointer<CChar>? = text
      return H5Awrite(attribute.id, type.id, &pointer)
    }
    try check(status, "\(object), \(name)")
  }

  func attributes(of object: String) throws(ArchiveError) -> [String: String] {
    let owner = try self.object(object)
    var result: [String: String] = [:]
    let count = H5Aget_num_attrs(owner.id)
    for index in 0..<max(0, min(count, 10_000)) {
      var name = [CChar](repeating: 0, count: 512)
      guard gauntlet_h5_attribute_name(owner.id, hsize_t(index), &name, name.count) > 0 else { continue }
      let attribute = try own(H5Aopen(owner.id, name, 0), object)
      let stored = try own(H5Aget_type(attribute.id), object)
      let space = try own(H5Aget_space(attribute.id), object)
      guard gauntlet_h5_is_string(stored.id) == 1, H5Sget_simple_extent_npoints(space.id) == 1 else { continue }
      let type = try own(gauntlet_h5_string(), object)
      var pointer: UnsafeMutablePointer<CChar>?
      try check(H5Aread(attribute.id, type.id, &pointer), object)
      if let pointer {
        result[String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)] =
          String(cString: pointer)
        H5free_memory(pointer)
      }
    }
    return result
  }

  // MARK: Datasets

  enum Column {
    case strings([String])
    case integers([Int64])
    case doubles([Double])
  }

  /// Makes a dataset of numbers without contents; NaN or zero is what was not written.
  func makeArray(
    _ name: String, type: hid_t, extents: [Int], chunk: [Int], compressed: Bool, fill: Float?
  ) throws(ArchiveError) {
    let dims = extents.map { hsize_t($0) }
    let space = try own(H5Screate_simple(Int32(dims.count), dims, nil), name)
    let isEmpty = extents.contains(0)
    let creation = try own(
      gauntlet_h5_dataset_creation(isEmpty ? 0 : Int32(chunk.count), chunk.map { hsize_t($0) }, compressed ? 1 : 0),
      name)
    if var fill { try check(H5Pset_fill_value(creation.id, gauntlet_h5_native_float(), &fill), name) }
    _ = try own(H5Dcreate2(file.id, name, type, space.id, 0, creation.id, 0), name)
  }

  /// Writes a whole one-dimensional dataset, or one of `extents`.
  func write(_ column: Column, to name: String, extents: [Int]? = nil) throws(ArchiveError) {
    let count: Int
    switch column {
    case .strings(let values): count = values.count
    case .integers(let values): count = values.count
    case .doubles(let values): count = values.count
    }
    let dims = (extents ?? [count]).map { hsize_t($0) }
    let space = try own(dims.isEmpty ? gauntlet_h5_scalar() : H5Screate_simple(Int32(dims.count), dims, nil), name)
    // Text of any length lies in the file's heap, which no filter reaches.
    var isFiltered = !dims.isEmpty && !dims.contains(0)
    if case .strings = column { isFiltered = false }
    let rank = isFiltered ? Int32(dims.count) : 0
    let creation = try own(gauntlet_h5_dataset_creation(rank, dims, 0), name)
    let text = try own(gauntlet_h5_string(), name)
    let type: hid_t
    switch column {
    case .strings: type = text.id
    case .integers: type = gauntlet_h5_file_int64()
    case .doubles: type = gauntlet_h5_file_double()
    }
    let dataset = try own(H5Dcreate2(file.id, name, type, space.id, 0, creation.id, 0), name)
    guard count > 0 else { return }
    switch column {
    case .strings(let values):
      let copies = values.map { strdup($0) }
      defer { copies.forEach { free($0) } }
      try check(H5Dwrite(dataset.id, text.id, 0, 0, 0, copies), name)
    case .integers(let values): try check(H5Dwrite(dataset.id, gauntlet_h5_native_int64(), 0, 0, 0, values), name)
    case .doubles(let values): try check(H5Dwrite(dataset.id, gauntlet_h5_native_double(), 0, 0, 0, values), name)
    }
  }

  /// Marks a one-dimensional dataset as a dimension of the netCDF-4 kind.
  func makeScale(_ name: String, label: String) throws(ArchiveError) {
    let dataset = try own(H5Dopen2(file.id, name, 0), name)
    try check(H5DSset_scale(dataset.id, label), name)
  }

  func attach(_ scale: String, to name: String, axis: Int) throws(ArchiveError) {
    let dataset = try own(H5Dopen2(file.id, name, 0), name)
    let dimension = try own(H5Dopen2(file.id, scale, 0), scale)
    try check(H5DSattach_scale(dataset.id, dimension.id, UInt32(axis)), name)
  }

  /// Writes or reads a box of a dataset.
  func box<Number>(
    _ name: String, type: hid_t, start: [Int], count: [Int], write: Bool, _ buffer: UnsafeMutableBufferPointer<Number>
  ) throws(ArchiveError) {
    let total = count.reduce(1, *)
    guard total > 0 else { return }
    guard buffer.count == total, let memory = buffer.baseAddress else { throw failure("\(name): sizes differ") }
    let dataset = try self.dataset(name)
    let space = try own(H5Dget_space(dataset.id), name)
    let extents = try self.extents(name)
    guard extents.count == count.count,
      zip(extents, zip(start, count)).allSatisfy({ $1.0 >= 0 && $1.1 >= 0 && $1.1 <= $0 && $1.0 <= $0 - $1.1 })
    else { throw failure("the shape of \(name) does not match its group") }
    try check(gauntlet_h5_select(space.id, start.map { hsize_t($0) }, count.map { hsize_t($0) }), name)
    let inMemory = try own(H5Screate_simple(Int32(count.count), count.map { hsize_t($0) }, nil), name)
    try check(
      write
        ? H5Dwrite(dataset.id, type, inMemory.id, space.id, 0, memory)
        : H5Dread(dataset.id, type, inMemory.id, space.id, 0, memory), name)
  }

  /// Reads a box of numbers.
  func floats(_ name: String, start: [Int], count: [Int]) throws(ArchiveError) -> [Float] {
    var values = [Float](repeating: .nan, count: count.reduce(1, *))
    let read = values.withUnsafeMutableBufferPointer { buffer in
      Result { () throws(ArchiveError) in
        try box(name, type: gauntlet_h5_native_float(), start: start, count: count, write: false, buffer)
      }
    }
    try read.get()
    return values
  }

  func extents(_ name: String) throws(ArchiveError) -> [Int] {
    let dataset = try self.dataset(name)
    let space = try own(H5Dget_space(dataset.id), name)
    let rank = H5Sget_simple_extent_ndims(space.id)
    guard (0...16).contains(rank) else { throw failure("\(name) has \(rank) dimensions") }
    var dims = [hsize_t](repeating: 0, count: Int(rank))
    guard rank == 0 || H5Sget_simple_extent_dims(space.id, &dims, nil) >= 0 else { throw failure(name) }
    var product = 1
    for extent in dims {
      let (next, overflow) = product.multipliedReportingOverflow(by: Int(clamping: extent))
      guard !overflow, next < 1 << 44 else { throw failure("\(name) has an invalid size") }
      product = next
    }
    return dims.map { Int($0) }
  }

  /// Reads a whole dataset; one that cannot be in a file of this size is refused before anything is allocated.
  func read(_ name: String) throws(ArchiveError) -> Column {
    let count = try extents(name).reduce(1, *)
    let size = size ?? 0
    guard count <= 1 << 28, count * 8 <= Self.mostBytes(in: size) else {
      throw failure("\(name) has an invalid size")
    }
    let dataset = try self.dataset(name)
    let type = try own(H5Dget_type(dataset.id), name)
    if gauntlet_h5_is_string(type.id) == 1 {
      guard count * 16 <= size + 4096 else { throw failure("\(name) has an invalid size") }
      let text = try own(gauntlet_h5_string(), name)
      var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
      try check(H5Dread(dataset.id, text.id, 0, 0, 0, &pointers), name)
      defer { pointers.forEach { H5free_memory($0) } }
      return .strings(pointers.map { $0.map { String(cString: $0) } ?? "" })
    }
    guard gauntlet_h5_is_number(type.id) == 1 else { throw failure("\(name) holds neither text nor numbers") }
    if gauntlet_h5_is_integer(type.id) == 1 {
      var values = [Int64](repeating: 0, count: count)
      try check(H5Dread(dataset.id, gauntlet_h5_native_int64(), 0, 0, 0, &values), name)
      return .integers(values)
    }
    var values = [Double](repeating: 0, count: count)
    try check(H5Dread(dataset.id, gauntlet_h5_native_double(), 0, 0, 0, &values), name)
    return .doubles(values)
  }
}

extension Int {
  /// The product, or the largest number where it is larger than any.
  func clampedMultiplication(by other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max / 2 : Swift.min(product, .max / 2)
  }
}
