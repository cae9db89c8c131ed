import Foundation

/// Runs programs as their users do.
public enum Program {
  /// What a program gave.
  public struct Outcome: Sendable {
    /// Its exit status; minus the signal's number where one ended it.
    public let status: Int32
    /// What it printed to standard output.
    public let output: String
    /// What it printed to standard error.
    public let errors: String
  }

  /// Runs a program to its end.
  ///
  /// - Parameters:
  ///   - name: its path, or a name that is looked for on the PATH.
  ///   - folder: where it works; this process's folder otherwise.
  ///   - environment: added to this process's own.
  public static func run(
    _ name: String, _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:]
  ) throws -> Outcome {
    let (output, errors) = (try OutputFile(), try OutputFile())
    let process = try start(
      name, arguments, output: output.handle, errors: errors.handle, in: folder, environment: environment)
    process.waitUntilExit()
    return Outcome(status: process.endStatus, output: try output.text(), errors: try errors.text())
  }

  /// Starts a program and gives the process; what it prints goes nowhere unless files are given.
  public static func start(
    _ name: String, _ arguments: [String], output: FileHandle = .nullDevice, errors: FileHandle = .nullDevice,
    in folder: String? = nil, environment: [String: String] = [:]
  ) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: name.contains("/") ? name : "/usr/bin/env")
    process.arguments = name.contains("/") ? arguments : [name] + arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder, isDirectory: true) }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    return process
  }

  /// A file for a process to write to; a file cannot fill up and block it as a pipe does.
  public final class OutputFile {
    private let path = ScratchFolder.freshPath()
    /// Open for writing.
    public let handle: FileHandle

    /// An empty one.
    public init() throws {
      guard FileManager.default.createFile(atPath: path, contents: nil) else { throw CocoaError(.fileWriteUnknown) }
      handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// What was written so far.
    public func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
  }
}

extension Process {
  /// The exit status of one that ended; minus the signal's number where one ended it.
  public var endStatus: Int32 { terminationReason == .uncaughtSignal ? -terminationStatus : terminationStatus }
}
