import CConfinement
import CSpawn
import Durable
import Foundation
import Synchronization

/// What reading a file may cost; all of it grows with the file's size.
package struct ReadingLimits: Equatable {
  /// Bytes of memory of the reader.
  package var memory: Int
  /// Seconds of processor time of the reader, over all that is asked of it.
  package var processorSeconds: Int
  /// Seconds until an answer goes on.
  package var silentSeconds: Int
  /// Bytes of text and figures that are taken, over all.
  package var figureBytes: Int
  /// Bytes of variables that are taken, over all.
  package var valueBytes: Int

  /// What a file of so many bytes is allowed.
  package init(fileSize size: Int) {
    memory = min(size.clampedMultiplication(by: 4), 32 << 30) + 512 << 20
    processorSeconds = 20 + size >> 20
    silentSeconds = 600 + size >> 20
    figureBytes = size.clampedMultiplication(by: 64) + 64 << 20
    // Values that were not written take nothing of a file, and are read as often as figures are made of them.
    valueBytes = size.clampedMultiplication(by: 20_000) + 256 << 20
  }
}

/// The child that reads HDF5 files for this process; see `ReaderChild`.
package final class ReaderProcess {
  /// Its number.
  package let process: pid_t
  private let socket: Int32
  private var isLost = false
  private var limits = ReadingLimits(fileSize: 0)

  /// The program that is started: the one that runs, where it is `gauntlet`; where tests run, the one beside them.
  private static let program = Mutex<String?>(nil)

  static func serve(by path: String) { program.withLock { $0 = path } }

  private static var executable: String {
    if let known = program.withLock({ $0 }) { return known }
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    let beside = [CommandLine.arguments[0], own].map { DurableFile.folder(of: $0) + "/gauntlet" }
    return beside.first { access($0, X_OK) == 0 } ?? beside[0]
  }

  /// Starts a child.
  ///
  /// - Throws: the system's reason, in words.
  package init() throws(ReaderProcessError) {
    var sockets: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &sockets) == 0 else {
      throw .cannotStart(FileError.reason(errno))
    }
    defer { close(sockets[1]) }
    let program = Self.executable
    var words = [strdup(program), strdup(ReaderChild.word), nil]
    var variables: [UnsafeMutablePointer<CChar>?] = Self.environment.map { strdup($0) } + [nil]
    defer { for text in words + variables { free(text) } }
    var process: pid_t = 0
    let status = gauntlet_spawn_on_socket(&process, program, &words, &variables, sockets[1])
    guard status == 0 else {
      close(sockets[0])
      throw .cannotStart("\(program): \(FileError.reason(status))")
    }
    self.process = process
    socket = sockets[0]
  }

  deinit {
    close(socket)
    if !isLost { _ = end() }
  }

  /// What the program needs to find its libraries; nothing of what tells HDF5 to load or to trace. Threads of libraries that
  /// it does not use are not started.
  private static var environment: [String] {
    ProcessInfo.processInfo.environment.filter { name, _ in
      !["HDF5_", "OPENBLAS_", "OMP_", "SWIFT_BACKTRACE", "MALLOC_"].contains { name.utf8.starts(with: $0.utf8) }
    }.map { "\($0.key)=\($0.value)" }
      + ["OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MALLOC_ARENA_MAX=1", "SWIFT_BACKTRACE=enable=no"]
  }

  /// Ends the child. Gives how it ended, if by itself.
  private func end() -> Int32 {
    isLost = true
    var status: Int32 = 0
    // One that closed its end is ending; one that is silent has to be ended.
    for _ in 0..<200 {
      let found = waitpid(process, &status, WNOHANG)
      if found == process { return status }
      if found < 0, errno != EINTR { return 0 }
      usleep(500)
    }
    kill(process, SIGKILL)
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status
  }

  private func lost() -> ReaderProcessError {
    guard !isLost else { return .lost("its reader has exited") }
    let status = end()
    let signal = status & 0x7F
    if signal == SIGXCPU {
      return .lost("its reader exceeded \(limits.processorSeconds) seconds of processor time")
    }
    return .lost(
      signal == 0
        ? "its reader exited with status \(status >> 8 & 0xFF)"
        : "its reader was killed by signal \(signal) (\(String(cString: strsignal(signal))))")
  }

  private func silent() -> ReaderProcessError {
    kill(process, SIGKILL)
    _ = end()
    return .lost("its reader timed out after \(limits.silentSeconds) seconds")
  }

  // MARK: Questions

  /// Makes the child read a file.
  func open(_ descriptor: Int32, size: Int, limits: ReadingLimits) throws(ReaderProcessError) {
    self.limits = limits
    var body = FieldWriter()
    body.add(ReaderProtocol.Request.open.rawValue)
    body.add(UInt64(size))
    body.add(UInt64(limits.memory))
    body.add(UInt64(limits.processorSeconds))
    try send(body.bytes, descriptor: descriptor)
    _ = try answer(atMost: 0)
  }

  /// Asks something of an object.
  func ask(
    _ request: ReaderProtocol.Request, _ name: String, atMost bytes: Int
  ) throws(ReaderProcessError) -> [UInt8] {
    try send(Self.body(request, name).bytes, descriptor: -1)
    return try answer(atMost: bytes)
  }

  /// Asks for a box, whose numbers go to `buffer`.
  func ask(
    _ element: ReaderProtocol.Element, of name: String, start: [Int], count: [Int],
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ReaderProcessError) {
    var body = Self.body(.box, name)
    body.add(element.rawValue)
    body.add(UInt8(clamping: start.count))
    for (first, length) in zip(start, count) {
      body.add(UInt64(first))
      body.add(UInt64(length))
    }
    try send(body.bytes, descriptor: -1)
    var filled = 0
    while let length = try frame() {
      guard length <= buffer.count - filled else { throw babble() }
      try receive(UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + length]))
      filled += length
    }
    guard filled == buffer.count else { throw babble() }
  }

  private static func body(_ request: ReaderProtocol.Request, _ name: String) -> FieldWriter {
    var body = FieldWriter()
    body.add(request.rawValue)
    body.add(name)
    return body
  }

  private func send(_ body: [UInt8], descriptor: Int32) throws(ReaderProcessError) {
    guard !isLost else { throw lost() }
    guard body.count <= ReaderProtocol.longestRequest else { throw .refused("it contains a name that is too long") }
    var header = FieldWriter()
    header.add(UInt32(body.count))
    guard gauntlet_socket_send(socket, header.bytes, header.bytes.count, descriptor) == 0,
      gauntlet_socket_send(socket, body, body.count, -1) == 0
    else { throw lost() }
  }

  private func answer(atMost limit: Int) throws(ReaderProcessError) -> [UInt8] {
    var bytes: [UInt8] = []
    while let length = try frame() {
      guard length <= limit - bytes.count else {
        _ = end()
        throw .lost("it has more text and figures than a file of its size can hold")
      }
      bytes.append(contentsOf: try receive(length))
    }
    return bytes
  }

  /// The length of the next frame of data; nil at the answer's end.
  private func frame() throws(ReaderProcessError) -> Int? {
    var fields = FieldReader(try receive(5))
    guard let kind = fields.byte().flatMap(ReaderProtocol.Frame.init(rawValue:)), let length = fields.uint32(),
      length <= ReaderProtocol.largestFrame
    else { throw babble() }
    switch kind {
    case .data: return Int(length)
    case .end: return nil
    case .refusal:
      guard length <= ReaderProtocol.longestReason else { throw babble() }
      let text = String(decoding: try receive(Int(length)), as: UTF8.self)
      throw .refused(String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.isPrintable })))
    }
  }

  /// A child that says what no child says has been taken over by its file.
  private func babble() -> ReaderProcessError {
    kill(process, SIGKILL)
    _ = end()
    return .lost("its reader gave a malformed answer")
  }

  private func receive(_ count: Int) throws(ReaderProcessError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let received = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(ReaderProcessError) in try receive(buffer) }
    }
    try received.get()
    return bytes
  }

  private func receive(_ buffer: UnsafeMutableRawBufferPointer) throws(ReaderProcessError) {
    var done = 0
    let clock = ContinuousClock()
    let end = clock.now + .seconds(limits.silentSeconds)
    while done < buffer.count {
      var wanted = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      let ready = poll(&wanted, 1, Int32(min(limits.silentSeconds, 1) * 1000))
      if ready == 0 || ready < 0 && errno == EINTR {
        if clock.now >= end { throw silent() }
        continue
      }
      let count = recv(socket, buffer.baseAddress.map { $0 + done }, buffer.count - done, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw lost() }
      done += count
    }
  }
}

/// Why a child gave no answer.
package enum ReaderProcessError: Error, Equatable {
  /// There is none.
  case cannotStart(String)
  /// It says why.
  case refused(String)
  /// It is gone.
  case lost(String)
}

extension Unicode.Scalar.Properties {
  fileprivate var isPrintable: Bool {
    switch generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }
}
