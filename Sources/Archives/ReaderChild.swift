import CConfinement
import CHDF5
import Foundation

/// A process that reads HDF5 files for another one, and can do nothing else.
///
/// HDF5 is not made for files that lie: damaged metadata crash it, exhaust memory, or keep it busy for ever. So files that
/// are not known byte by byte are read by the same program, started again with ``word``. It is sent a file that is open,
/// gives up the right to do anything but read it (see `CConfinement.h`), and answers questions over a socket, its input.
public enum ReaderChild {
  /// The program's one argument.
  static let word = "read-hdf5"

  private static let socket: Int32 = 0

  /// To be called first by a program that serves: answers where it was started to, and never returns then; otherwise notes
  /// that it is itself what is to be started.
  ///
  /// - Parameters:
  ///   - arguments: what came after the program's name.
  ///   - program: its file.
  public static func serve(if arguments: [String], of program: String) {
    if arguments == [word] { serve() }
    // What runs, even if another file lies at its path by now.
    ReaderProcess.serve(by: access("/proc/self/exe", X_OK) == 0 ? "/proc/self/exe" : program)
  }

  /// Answers until the socket is closed.
  private static func serve() -> Never {
    HDF5.exclusively { _ = H5open() }
    // The socket, no output, no errors, the file, and the next one while the last is still open.
    guard gauntlet_confine_further(1 << 30, 60) == 0, gauntlet_confine(5) == 0 else { _exit(3) }
    var child = Server()
    while child.answer() {}
    _exit(0)
  }

  private struct Server: ~Copyable {
    var file: StoredFile?
    var descriptor: Int32 = -1

    /// Answers one question; false where there is none any more.
    mutating func answer() -> Bool {
      var header: UInt32 = 0
      var received: Int32 = -1
      guard gauntlet_socket_receive(socket, &header, 4, &received) == 0 else { return false }
      let length = Int(UInt32(littleEndian: header))
      guard length > 0, length <= ReaderProtocol.longestRequest else { return false }
      var body = [UInt8](repeating: 0, count: length)
      var none: Int32 = -1
      guard gauntlet_socket_receive(socket, &body, length, &none) == 0 else { return false }
      var fields = FieldReader(body)
      guard let request = fields.byte().flatMap(ReaderProtocol.Request.init(rawValue:)) else { return false }
      do throws(ArchiveError) {
        if request == .open {
          try open(received, &fields)
        } else {
          try perform(request, &fields)
        }
        send(.end, [])
      } catch {
        send(.refusal, Array(Self.reason(error).utf8.prefix(ReaderProtocol.longestReason)))
      }
      return true
    }

    private static func reason(_ error: ArchiveError) -> String {
      switch error {
      case .unreadable(_, let reason), .unwritable(_, let reason), .damaged(_, let reason), .misplaced(_, let reason):
        reason
      }
    }

    private func malformed() -> ArchiveError { .unreadable(path: "", reason: "the request is malformed") }

    private mutating func open(_ received: Int32, _ fields: inout FieldReader) throws(ArchiveError) {
      file = nil
      if descriptor >= 0 { close(descriptor) }
      descriptor = received
      guard received >= 0, let size = fields.size(), let memory = fields.uint64(), let seconds = fields.uint64() else {
        throw malformed()
      }
      guard gauntlet_confine_further(memory, seconds) == 0 else {
        throw .unreadable(path: "", reason: "its reader cannot be sandboxed")
      }
      // The child has one thread.
      file = try StoredFile(reading: received, size: size, path: "")
    }

    private borrowing func perform(
      _ request: ReaderProtocol.Request, _ fields: inout FieldReader
    ) throws(ArchiveError) {
      guard let name = fields.text() else { throw malformed() }
      switch file {
      case .some(let file):
        switch request {
        case .open: throw malformed()
        case .attributes:
          for (name, value) in try file.attributes(of: name).sorted(by: { $0.key < $1.key }) { send([name, value]) }
        case .exists: send(.data, [try file.exists(name) ? 1 : 0])
        case .extents:
          var answer = FieldWriter()
          for extent in try file.extents(name) { answer.add(UInt64(extent)) }
          send(.data, answer.bytes)
        case .column: send(try file.read(name))
        case .box: try box(name, &fields, in: file)
        }
      case .none: throw .unreadable(path: "", reason: "no file is open")
      }
    }

    private borrowing func box(
      _ name: String, _ fields: inout FieldReader, in file: borrowing StoredFile
    ) throws(ArchiveError) {
      guard let element = fields.byte().flatMap(ReaderProtocol.Element.init(rawValue:)), let rank = fields.byte(),
        Int(rank) <= ReaderProtocol.mostDimensions
      else { throw malformed() }
      var (start, count): ([Int], [Int]) = ([], [])
      for _ in 0..<rank {
        guard let first = fields.size(), let length = fields.size() else { throw malformed() }
        start.append(first)
        count.append(length)
      }
      for piece in BoxPieces(start: start, count: count, largest: Self.largestPiece / element.byteCount) {
        switch element {
        case .int8: try send(Int8(0), gauntlet_h5_native_int8(), piece, of: name, in: file)
        case .float32: try send(Float(0), gauntlet_h5_native_float(), piece, of: name, in: file)
        }
      }
    }

    /// Bytes of a box that are read at once.
    private static let largestPiece = 64 << 20

    private borrowing func send<Number>(
      _ zero: Number, _ type: hid_t, _ piece: BoxPieces.Piece, of name: String, in file: borrowing StoredFile
    ) throws(ArchiveError) {
      var values = [Number](repeating: zero, count: piece.total)
      let read = values.withUnsafeMutableBufferPointer { buffer in
        Result { () throws(ArchiveError) in
          try file.box(name, type: type, start: piece.start, count: piece.count, write: false, buffer)
        }
      }
      try read.get()
      values.withUnsafeBytes { send(.data, $0) }
    }

    // MARK: Frames

    private borrowing func send(_ column: StoredFile.Column) {
      switch column {
      case .strings(let values):
        send(.data, [ReaderProtocol.Kind.strings.rawValue])
        send(values)
      case .integers(let values):
        send(.data, [ReaderProtocol.Kind.integers.rawValue])
        values.withUnsafeBytes { send(.data, $0) }
      case .doubles(let values):
        send(.data, [ReaderProtocol.Kind.doubles.rawValue])
        values.withUnsafeBytes { send(.data, $0) }
      }
    }

    private borrowing func send(_ texts: [String]) {
      var fields = FieldWriter()
      for text in texts {
        fields.add(text)
        if fields.bytes.count >= ReaderProtocol.largestFrame {
          send(.data, fields.bytes)
          fields = FieldWriter()
        }
      }
      if !fields.bytes.isEmpty { send(.data, fields.bytes) }
    }

    private borrowing func send(_ kind: ReaderProtocol.Frame, _ bytes: [UInt8]) {
      bytes.withUnsafeBytes { send(kind, $0) }
    }

    /// Sends bytes in frames. Where nobody listens any more there is nothing left to do.
    private borrowing func send(_ kind: ReaderProtocol.Frame, _ bytes: UnsafeRawBufferPointer) {
      var rest = bytes[...]
      repeat {
        let piece = rest.prefix(ReaderProtocol.largestFrame)
        rest = rest.dropFirst(piece.count)
        var header = FieldWriter()
        header.add(kind.rawValue)
        header.add(UInt32(piece.count))
        guard gauntlet_socket_send(socket, header.bytes, header.bytes.count, -1) == 0 else { _exit(0) }
        guard let start = UnsafeRawBufferPointer(rebasing: piece).baseAddress, !piece.isEmpty else { continue }
        guard gauntlet_socket_send(socket, start, piece.count, -1) == 0 else { _exit(0) }
      } while !rest.isEmpty
    }
  }
}

/// A box in pieces that follow each other in its order, each as many rows of the slowest dimension that must be cut as fit.
package struct BoxPieces: Sequence, IteratorProtocol {
  package struct Piece: Equatable {
    package var start: [Int]
    package var count: [Int]
    var total: Int { count.reduce(1) { $0.clampedMultiplication(by: $1) } }
  }

  private let whole: Piece
  /// The dimension that is cut, whose faster ones are whole; those before it have one place at a time.
  private let axis: Int
  private let rows: Int
  private var place: [Int]?

  package init(start: [Int], count: [Int], largest: Int) {
    whole = Piece(start: start, count: count)
    var (axis, inner) = (count.count, 1)
    while axis > 0, inner.clampedMultiplication(by: count[axis - 1]) <= largest {
      axis -= 1
      inner *= count[axis]
    }
    self.axis = axis - 1
    rows = Swift.max(1, largest / Swift.max(1, inner))
    place = count.contains(0) ? nil : count.map { _ in 0 }
  }

  package mutating func next() -> Piece? {
    guard var now = place else { return nil }
    guard axis >= 0 else {
      place = nil
      return whole
    }
    var piece = whole
    for dimension in 0..<axis {
      piece.start[dimension] += now[dimension]
      piece.count[dimension] = 1
    }
    piece.start[axis] += now[axis]
    piece.count[axis] = Swift.min(rows, whole.count[axis] - now[axis])
    now[axis] += piece.count[axis]
    var dimension = axis
    while now[dimension] == whole.count[dimension] {
      guard dimension > 0 else {
        place = nil
        return piece
      }
      now[dimension] = 0
      dimension -= 1
      now[dimension] += 1
    }
    place = now
    return piece
  }
}
