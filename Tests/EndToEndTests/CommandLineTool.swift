import Foundation
import TestSupport

/// The `gauntlet` that was built beside these tests, run as users run it.
enum CommandLineTool {
  static let path = Repository.program("gauntlet")

  /// Runs the tool to its end.
  static func run(
    _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:]
  ) throws -> Program.Outcome {
    try Program.run(path, arguments, in: folder, environment: environment)
  }

  /// Starts the tool and gives the process.
  static func start(
    _ arguments: [String], output: FileHandle = .nullDevice, errors: FileHandle = .nullDevice,
    in folder: String? = nil, environment: [String: String] = [:]
  ) throws -> Process {
    try Program.start(path, arguments, output: output, errors: errors, in: folder, environment: environment)
  }
}

extension ScratchFolder {
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
          checkpoint: \(Repository.path)/models/replknet-nano.safetensors
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
