import Archives
import Foundation
import TestSupport
import Testing

/// Attacked images, computed by workers that come and go.
@Suite(.serialized) struct AttackRunTests {
  private static func manifest(_ scratch: ScratchFolder) throws -> String {
    try Drawings.copy(images: 30, to: scratch.path + "/data")
    let file = scratch.path + "/manifest.yaml"
    try Data(
      """
      run: attacks
      seed: 7
      models:
        - {architecture: vit-nano, checkpoint: "\(Repository.path)/models/vit-nano.safetensors"}
        - {architecture: resnet-nano, checkpoint: "\(Repository.path)/models/resnet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-val, root: data/val}
        - {kind: attack, name: fgsm, method: fgsm, root: data/val, budgets: [1/255, 0.02]}
        - {kind: attack, name: pgd, method: pgd, root: data/val, budgets: [2/255], steps: 4}
        - {kind: attack, name: apgd, method: apgd-t, root: data/val, budgets: [2/255], steps: 5, targets: 2}
        - {kind: attack, name: fab, method: fab-t, root: data/val, budgets: [2/255], steps: 5, targets: 2}
        - {kind: attack, name: auto, method: autoattack, root: data/val, budgets: [2/255], steps: 4, targets: 2, queries: 20}
        - {kind: attack, name: square, method: square, root: data/val, budgets: [4/255], steps: 30}
        - {kind: attack, name: taig, method: taig-r, root: data/val, budgets: [2/255], steps: 2}
      sharding: {images: 3, lease: 60s}
      """.utf8
    ).write(to: URL(fileURLWithPath: file))
    return file
  }

  @Test(
    "a killed worker changes no bit of an archive of attacks, nor do batches; without budget the logits are the clean images'",
    .hangLimit)
  func killedAndResumed() throws {
    let scratch = try ScratchFolder()
    let run = try StormyRun(Self.manifest(scratch), in: scratch, recorded: 8)
    try expectWeakened(run.archive)
  }

  private func expectWeakened(_ path: String) throws {
    let archive = try ArchiveReader(path: path)
    for model in ["vit-nano", "resnet-nano"] {
      func logits(_ benchmark: String, _ condition: Int) throws -> [Float] {
        try archive.logits(group: "\(model)/\(benchmark)", conditionIndex: condition, images: 0..<30)
      }
      let labels = try #require(archive.groups.first { $0.path == "\(model)/fgsm" }).labels
      func right(_ benchmark: String, _ condition: Int) throws -> Int {
        let logits = try logits(benchmark, condition)
        return labels.indices.count { image in
          let row = logits[(image * 10)..<((image + 1) * 10)]
          return row.max() == row[row.startIndex + Int(labels[image])]
        }
      }
      let clean = try logits("imagenet-val", 0)
      for benchmark in ["fgsm", "pgd", "apgd", "fab", "auto", "square", "taig"] {
        #expect(try logits(benchmark, 0).map(\.bitPattern) == clean.map(\.bitPattern))
        #expect(try logits(benchmark, 1) != clean)
      }
      #expect(try right("fgsm", 2) < right("fgsm", 0))
      // An image that errs is kept, so that no more are right than without.
      for benchmark in ["apgd", "fab", "auto", "square"] { #expect(try right(benchmark, 1) <= right("fgsm", 0)) }
      for benchmark in ["apgd", "fab", "auto"] { #expect(try right(benchmark, 1) < right("fgsm", 0)) }
    }
  }
}
