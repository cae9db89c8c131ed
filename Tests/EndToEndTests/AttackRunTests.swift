import Archives
import Coordination
import Foundation
import Planning
import Testing

/// Attacked images, computed by workers that come and go.
@Suite(.serialized) struct AttackRunTests {
  private static func manifest(_ scratch: Scratch) throws -> String {
    try Drawings.copy(images: 30, to: scratch.path + "/data")
    let file = scratch.path + "/manifest.yaml"
    try Data(
      """
      run: attacks
      seed: 7
      models:
        - {architecture: vit-nano, checkpoint: "\(Scratch.repository)/models/vit-nano.safetensors"}
        - {architecture: resnet-nano, checkpoint: "\(Scratch.repository)/models/resnet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-val, root: data/val}
        - {kind: attack, name: fgsm, method: fgsm, root: data/val, budgets: [1/255, 0.02]}
        - {kind: attack, name: pgd, method: pgd, root: data/val, budgets: [2/255], steps: 4}
        - {kind: attack, name: apgd, method: apgd-t, root: data/val, budgets: [2/255], steps: 5, targets: 2}
      sharding: {images: 5, lease: 60s}
      """.utf8
    ).write(to: URL(fileURLWithPath: file))
    return file
  }

  @Test(
    "a killed worker changes no bit of an archive of attacks, nor do batches; without budget the logits are the clean images'",
    .timeLimit(.minutes(20)))
  func killedAndResumed() throws {
    let scratch = try Scratch()
    let manifest = try Self.manifest(scratch)
    let quiet = scratch.path + "/quiet"
    let undisturbed = try CommandLineTool.run(["run", manifest, "--run", quiet, "--batch", "8"])
    try #require(undisturbed.status == 0, "\(undisturbed.errors)")

    let folder = RunFolder(scratch.path + "/stormy")
    let coordinator = try CommandLineTool.start(["coordinate", manifest, "--run", folder.path])
    try waitUntil("the coordinator listens") { FileManager.default.fileExists(atPath: folder.endpoint) }
    let worker = try CommandLineTool.start(["work", "--run", folder.path, "--streams", "1", "--batch", "3"])
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    try waitUntil("shards are recorded") { try ledger.status(now: 0).total.recorded >= 8 }
    for process in [coordinator, worker] { kill(process.processIdentifier, SIGKILL) }
    [worker, coordinator].forEach { $0.waitUntilExit() }
    let resumed = try CommandLineTool.run(["resume", folder.path, "--workers", "2", "--batch", "5"])
    #expect(resumed.status == 0, "\(resumed.errors)")
    try expectSameLogits(quiet + "/archive.h5", folder.archive)
    let verified = try CommandLineTool.run(["verify", folder.archive])
    #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    try expectWeakened(folder.archive)
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
      for benchmark in ["fgsm", "pgd", "apgd"] {
        #expect(try logits(benchmark, 0).map(\.bitPattern) == clean.map(\.bitPattern))
        #expect(try logits(benchmark, 1) != clean)
      }
      #expect(try right("fgsm", 2) < right("fgsm", 0))
      // It begins with what PGD's first steps reach, and goes on where an image is still right.
      #expect(try right("apgd", 1) <= right("fgsm", 0))
    }
  }
}
