import Foundation
import Planning
import TestSupport

/// A folder of one test, removed with it: a data set of ten classes with the same picture each, and manifests.
final class TenPictures {
  let path = ScratchFolder.freshPath()
  /// The picture's file.
  let picture: Data

  init() throws {
    picture = try Data(contentsOf: URL(fileURLWithPath: Repository.photograph))
    for index in 0..<10 {
      try FileManager.default.createDirectory(atPath: path + "/val/c\(index)", withIntermediateDirectories: true)
      try picture.write(to: URL(fileURLWithPath: path + "/val/c\(index)/p.jpg"))
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A plan of a manifest's text.
  func plan(_ text: String) throws -> Plan {
    let file = path + "/run.yaml"
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    return try Plan.make(manifestPath: file)
  }

  /// A plan of one network of the miniature's on some benchmarks, in YAML's flow style.
  func plan(_ model: String = "resnet-nano", seed: Int = 11, benchmarks: String) throws -> Plan {
    try plan(
      """
      run: small
      seed: \(seed)
      models: [{name: m, architecture: \(model), checkpoint: \(Repository.path)/models/\(model).safetensors}]
      benchmarks: [\(benchmarks)]
      """)
  }

  /// The task of a condition's first images.
  static func task(of plan: Plan, benchmark: Int = 0, condition: Int = 0, images: Int) throws -> ShardTask {
    try ShardTask(
      ShardDefinition(
        id: 0, model: 0, benchmark: benchmark, condition: condition, firstImage: 0, imageCount: images), of: plan)
  }
}
