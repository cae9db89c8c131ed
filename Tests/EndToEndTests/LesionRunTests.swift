import Archives
import Foundation
import TestSupport
import Testing

/// Networks without some of their blocks, computed by several workers that come and go.
@Suite(.serialized) struct LesionRunTests {
  private static func manifest(_ scratch: ScratchFolder) throws -> String {
    try Drawings.copy(images: 40, to: scratch.path + "/data")
    let file = scratch.path + "/manifest.yaml"
    try Data(
      """
      run: lesions
      seed: 7
      models:
        - {architecture: vit-nano, checkpoint: "\(Repository.path)/models/vit-nano.safetensors"}
        - {architecture: replknet-nano, checkpoint: "\(Repository.path)/models/replknet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-val, root: data/val}
        - {kind: lesion, root: data/val, removed: [0, 1, 2], draws: 3, blocks: all}
      sharding: {images: 4, lease: 60s}
      """.utf8
    ).write(to: URL(fileURLWithPath: file))
    return file
  }

  @Test(
    "a killed worker changes no bit of an archive of lesions, and without any the logits are those of the clean images",
    .hangLimit)
  func killedAndResumed() throws {
    let scratch = try ScratchFolder()
    let run = try StormyRun(Self.manifest(scratch), in: scratch, recorded: 10)
    try expectCleanWhereNothingIsLeftOut(run.archive)
  }

  private func expectCleanWhereNothingIsLeftOut(_ path: String) throws {
    let archive = try ArchiveReader(path: path)
    for model in ["vit-nano", "replknet-nano"] {
      func logits(_ benchmark: String, _ condition: Int) throws -> [UInt32] {
        try archive.logits(group: "\(model)/\(benchmark)", conditionIndex: condition, images: 0..<40).map(\.bitPattern)
      }
      let clean = try logits("imagenet-val", 0)
      #expect(try logits("lesion", 0) == clean)
      // The grid's rows are of three draws, of which nothing left out has one.
      for condition in 3..<9 { #expect(try logits("lesion", condition) != clean, "condition \(condition)") }
    }
  }
}
