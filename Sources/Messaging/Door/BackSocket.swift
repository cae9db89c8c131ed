import Foundation

/// The socket behind the door, at which ZeroMQ listens. It has no name any more, so that this process alone reaches it.
final class BackSocket: Sendable {
  /// Linux's O_PATH, which Glibc's module lacks: a descriptor that only names a file.
  private static let pathOnly: Int32 = 0o10000000
  /// With the name of the folder and the socket a path must fit into 107 bytes.
  private static let longestFolder = 80

  private let descriptor: Int32

  /// - Parameter listen: listens at an address of ZeroMQ, `ipc://PATH`.
  init(listen: (String) throws(MessagingError) -> Void) throws(MessagingError) {
    let folder = try Self.makeFolder()
    defer { rmdir(folder) }
    let path = folder + "/door"
    defer { unlink(path) }
    try listen("ipc://" + path)
    descriptor = open(path, Self.pathOnly | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(call: "open(\(path))", reason: KeyFile.systemReason()) }
  }

  deinit { close(descriptor) }

  /// A folder that others cannot look into.
  private static func makeFolder() throws(MessagingError) -> String {
    let given = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    var reason = ""
    for place in [given, "/tmp", "/dev/shm"] where place.utf8.count <= longestFolder {
      var template = Array((place + "/gauntlet-XXXXXX").utf8CString)
      if mkdtemp(&template) != nil { return Z85.string(template) }
      reason = KeyFile.systemReason()
    }
    throw .system(
      call: "mkdtemp",
      reason: "no folder can be created in TMPDIR, /tmp or /dev/shm (\(reason)); set TMPDIR to a writable folder")
  }

  /// A new connection's descriptor, or the number of the error: `EAGAIN` where ZeroMQ has not accepted earlier ones yet.
  func connect() -> Result<Int32, SystemError> {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let end = socket(AF_UNIX, type, 0)
    guard end >= 0 else { return .failure(SystemError(code: errno)) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: "/proc/self/fd/\(descriptor)".utf8) }
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(end, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    if status == 0 { return .success(end) }
    let code = errno
    close(end)
    return .failure(SystemError(code: code))
  }

  struct SystemError: Error { let code: Int32 }
}
