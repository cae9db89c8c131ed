import Durable
import Foundation

/// An HDF5 file that a child reads; see `ReaderChild`.
package final class ConfinedFile {
  let path: String
  /// Its bytes.
  let size: Int
  /// The child that reads it.
  package let process: ReaderProcess
  private let limits: ReadingLimits
  private var (figureBytes, valueBytes) = (0, 0)

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - process: a child that reads no other file meanwhile; nil for one of its own.
  ///   - limits: nil for those of the file's size.
  package init(path: String, process: ReaderProcess? = nil, limits: ReadingLimits? = nil) throws(ArchiveError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(path: path, reason: FileError.reason(errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(path: path, reason: "it is not a file")
    }
    self.path = path
    size = Int(status.st_size)
    self.limits = limits ?? ReadingLimits(fileSize: size)
    do throws(ReaderProcessError) {
      if let process { self.process = process } else { self.process = try ReaderProcess() }
      try self.process.open(descriptor, size: size, limits: self.limits)
    } catch { throw Self.error(error, path) }
  }

  func failure(_ reason: String) -> ArchiveError { .unreadable(path: path, reason: reason) }

  private static func error(_ error: ReaderProcessError, _ path: String) -> ArchiveError {
    switch error {
    case .cannotStart(let reason):
      .unreadable(path: path, reason: "the process that reads it cannot be started: \(reason)")
    case .refused(let reason): .unreadable(path: path, reason: reason.isEmpty ? "HDF5 refuses it" : reason)
    case .lost(let reason): .damaged(path: path, reason: reason)
    }
  }

  private func ask(_ request: ReaderProtocol.Request, _ name: String, atMost: Int) throws(ArchiveError) -> [UInt8] {
    // Names are read, too.
    try count(figures: name.utf8.count + 64)
    do throws(ReaderProcessError) {
      let answer = try process.ask(request, name, atMost: atMost)
      try? count(figures: answer.count)
      return answer
    } catch { throw Self.error(error, path) }
  }

  private func count(figures: Int) throws(ArchiveError) {
    figureBytes += figures
    guard figureBytes <= limits.figureBytes else {
      throw .damaged(path: path, reason: "it would expand to more data than a file of its size can hold")
    }
  }

  private func misunderstood(_ name: String) -> ArchiveError {
    .damaged(path: path, reason: "\(name) cannot be parsed")
  }

  package func attributes(of object: String) throws(ArchiveError) -> [String: String] {
    var fields = FieldReader(try ask(.attributes, object, atMost: size + 1 << 20))
    var result: [String: String] = [:]
    while !fields.isAtEnd {
      guard let name = fields.text(), let value = fields.text() else { throw misunderstood(object) }
      result[name] = value
    }
    return result
  }

  func exists(_ name: String) throws(ArchiveError) -> Bool { try ask(.exists, name, atMost: 1) == [1] }

  /// A dataset's extents; their product is below 2^44.
  func extents(_ name: String) throws(ArchiveError) -> [Int] {
    var fields = FieldReader(try ask(.extents, name, atMost: 8 * ReaderProtocol.mostDimensions))
    var (extents, product): ([Int], Int) = ([], 1)
    while !fields.isAtEnd {
      guard let extent = fields.size(), case (let next, false) = product.multipliedReportingOverflow(by: extent),
        next < 1 << 44
      else { throw misunderstood(name) }
      product = next
      extents.append(extent)
    }
    return extents
  }

  /// Reads a whole dataset.
  func read(_ name: String) throws(ArchiveError) -> StoredFile.Column {
    var fields = FieldReader(try ask(.column, name, atMost: min(StoredFile.mostBytes(in: size), 1 << 31)))
    switch fields.byte().flatMap(ReaderProtocol.Kind.init(rawValue:)) {
    case .strings: return .strings(try fields.all(misunderstood(name)) { $0.text() })
    case .integers: return .integers(try fields.all(misunderstood(name)) { $0.uint64().map { Int64(bitPattern: $0) } })
    case .doubles: return .doubles(try fields.all(misunderstood(name)) { $0.uint64().map { Double(bitPattern: $0) } })
    case nil: throw misunderstood(name)
    }
  }

  func strings(_ name: String) throws(ArchiveError) -> [String] {
    guard case .strings(let values) = try read(name) else { throw failure("\(name) is not text") }
    return values
  }

  func integers(_ name: String) throws(ArchiveError) -> [Int64] {
    guard case .integers(let values) = try read(name) else { throw failure("\(name) does not hold integers") }
    return values
  }

  func doubles(_ name: String) throws(ArchiveError) -> [Double] {
    guard case .doubles(let values) = try read(name) else { throw failure("\(name) does not hold numbers") }
    return values
  }

  /// Reads a box of numbers.
  func floats(_ name: String, start: [Int], count: [Int]) throws(ArchiveError) -> [Float] {
    try box(name, .float32, start, count: count, of: Float.nan)
  }

  /// Reads a box of small whole numbers.
  func bytes(_ name: String, start: [Int], count: [Int]) throws(ArchiveError) -> [Int8] {
    try box(name, .int8, start, count: count, of: Int8(0))
  }

  private func box<Number>(
    _ name: String, _ element: ReaderProtocol.Element, _ start: [Int], count: [Int], of fill: Number
  ) throws(ArchiveError) -> [Number] {
    let total = count.reduce(1) { $0.clampedMultiplication(by: $1) }
    let bytes = total.clampedMultiplication(by: element.byteCount)
    try self.count(figures: name.utf8.count + 64)
    // Extents cost a file nothing, memory and time they do.
    guard bytes <= StoredFile.mostBytes(in: size) else {
      throw failure("\(name) has \(total) numbers, more than a file of its size can hold")
    }
    valueBytes += bytes
    guard valueBytes <= limits.valueBytes else {
      throw .damaged(path: path, reason: "it would expand to more data than a file of its size can hold")
    }
    var values = [Number](repeating: fill, count: total)
    guard total > 0 else { return values }
    let read = values.withUnsafeMutableBytes { buffer in
      Result { () throws(ReaderProcessError) in
        try process.ask(element, of: name, start: start, count: count, into: buffer)
      }
    }
    do throws(ReaderProcessError) { try read.get() } catch { throw Self.error(error, path) }
    return values
  }
}

extension FieldReader {
  fileprivate mutating func all<Value>(
    _ error: ArchiveError, _ next: (inout FieldReader) -> Value?
  ) throws(ArchiveError) -> [Value] {
    var values: [Value] = []
    while !isAtEnd {
      guard let value = next(&self) else { throw error }
      values.append(value)
    }
    return values
  }
}
