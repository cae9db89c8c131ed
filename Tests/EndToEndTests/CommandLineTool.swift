import Foundation
import Testing

/// The `gauntlet` that was built beside these tests, run as users run it.
enum CommandLineTool {
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String
  }

  static let executable: URL = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0])
    .resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("gauntlet")

  /// Runs the tool to its end.
  static func run(
    _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:]
  ) throws -> Outcome {
    let files = try (0..<2).map { _ in try TemporaryFile() }
    let process = try start(
      arguments, output: files[0].handle, errors: files[1].handle, in: folder,
      environment: environment)
    process.waitUntilExit()
    return Outcome(
      status: process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus,
      output: try files[0].text(), errors: try files[1].text())
  }

  /// Starts the tool and gives the process.
  static func start(
    _ arguments: [String], output: FileHandle = .nullDevice, errors: FileHandle = .nullDevice,
    in folder: String? = nil, environment: [String: String] = [:]
  ) throws -> Process {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder, isDirectory: true) }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    return process
  }
}

/// A file for a process to write to; a file cannot fill up and block it as a pipe does.
final class TemporaryFile {
  let path = NSTemporaryDirectory() + "gauntlet-output-" + UUID().uuidString
  let handle: FileHandle

  init() throws {
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  func text() throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }
}

/// A folder of one test, removed with it.
final class Scratch {
  let path = NSTemporaryDirectory() + "gauntlet-end-to-end-" + UUID().uuidString

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The repository's folder, found from this file.
  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// Draws a small miniature and writes a manifest of it.
  ///
  /// - Parameter live: the corruptions that are made on the fly; all of them keep a worker busy for some ten seconds.
  /// - Returns: the manifest's path.
  func miniature(
    images: Int, shardImages: Int, lease: String = "60s", live: String = "[gaussian_noise, pixelate]"
  ) throws -> String {
    try Drawings.copy(images: images, to: path + "/data")
    let manifest = """
      run: small
      seed: 7
      models:
        - architecture: replknet-nano
          checkpoint: \(Self.repository)/models/replknet-nano.safetensors
      benchmarks:
        - kind: imagenet-val
          root: data/val
        - kind: imagenet-c
          root: data/imagenet-c
          corruptions: [gaussian_noise, brightness, contrast, pixelate]
        - kind: imagenet-c
          name: live
          from: data/val
          corruptions: \(live)
          severities: [2, 5]
      sharding: {images: \(shardImages), lease: \(lease)}
      """
    let file = path + "/manifest.yaml"
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: file))
    return file
  }
}
