import CSpawn
import Durable
import Foundation

/// Runs the commands of a batch system, and starts processes that stay.
///
/// Foundation's `Process` ends its waiting only when all descendants are gone, since they inherit its descriptors; here a
/// child gets no descriptor but its three, and only its own end counts.
public struct CommandRunner: Sendable {
  /// What a command gave.
  public struct Outcome: Sendable {
    /// Its exit status; 128 and the signal's number for one that was killed.
    public let status: Int32
    /// Its standard output, without the line ends around it.
    public let output: String
    /// Its standard error, likewise.
    public let errors: String
  }

  /// What is kept of an output, bytes.
  private static let maximumOutput = 1 << 20

  private let path: String?

  /// A runner of commands that are found on the PATH, or on another one.
  public init(path: String? = nil) {
    self.path = path
  }

  /// Runs a command to its end.
  ///
  /// - Parameter environment: added to this process's own.
  /// - Throws: `LaunchError.noCommand` where it is not there or cannot be started.
  public func run(_ command: [String], environment: [String: String] = [:]) throws -> Outcome {
    let (output, errors) = (try OutputFile(), try OutputFile())
    let process = try start(
      command, environment: environment, output: output.path, errors: errors.path, inNewSession: false)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    let signal = status & 0x7F
    return Outcome(
      status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, output: try output.text(), errors: try errors.text())
  }

  /// Starts a process that does not end with this one: in a session of its own, its output appended to a file.
  ///
  /// - Returns: its process id.
  /// - Throws: `LaunchError.noCommand`.
  public func detach(_ command: [String], log: String) throws -> Int32 {
    try start(
      command, environment: WorkerEnvironment.variables, output: log, errors: log, inNewSession: true)
  }

  private func start(
    _ command: [String], environment: [String: String], output: String, errors: String, inNewSession: Bool
  ) throws -> pid_t {
    var all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    if let path { all["PATH"] = path }
    let search = path ?? all["PATH"] ?? "/usr/bin:/bin"
    guard let name = command.first, let program = Self.program(name, on: search) else {
      throw LaunchError.noCommand(command.first ?? "", reason: "command not found")
    }
    var words = command.map { strdup($0) } + [nil]
    var variables = all.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + variables { free(text) } }
    var process: pid_t = 0
    let status = gauntlet_spawn(&process, program, &words, &variables, output, errors, inNewSession ? 1 : 0)
    guard status == 0 else { throw LaunchError.noCommand(name, reason: String(cString: strerror(status))) }
    return process
  }

  /// The file that a command's name stands for.
  private static func program(_ name: String, on path: String) -> String? {
    if name.contains("/") { return name }
    return path.split(separator: ":").map { "\($0)/\(name)" }.first(
      where: FileManager.default.isExecutableFile(atPath:))
  }

  /// A file for a command to write to; a file cannot fill up and block it as a pipe does.
  private final class OutputFile {
    let path = TemporaryFolder.path + "/gauntlet-command-" + UUID().uuidString

    init() throws {
      let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw FileError("write", path) }
      close(descriptor)
    }

    deinit { unlink(path) }

    func text() throws -> String {
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? handle.close() }
      let bytes = try handle.read(upToCount: CommandRunner.maximumOutput) ?? Data()
      return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }
}
