import Archives
import Foundation
import Testing

@Suite struct TarTests {
  @Test("a run over a tar archive and over the unpacked folder gives the same logits, bit for bit")
  func tarEqualsFolder() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    let drawn = try CommandLineTool.run(["miniature", data, "--images", "20"])
    try #require(drawn.status == 0, "\(drawn.errors)")
    let tar = Process()
    tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    tar.arguments = ["tar", "-cf", scratch.path + "/images.tar", "-C", data, "val", "imagenet-9"]
    try tar.run()
    tar.waitUntilExit()
    try #require(tar.terminationStatus == 0)
    let manifest = """
      run: tar
      models:
        - {architecture: replknet-nano, checkpoint: "\(Scratch.repository)/models/replknet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-val, name: folder, root: data/val}
        - {kind: imagenet-val, name: archive, root: images.tar/val}
        - {kind: imagenet-9, name: nine, root: data/imagenet-9}
        - {kind: imagenet-9, name: nine-archive, root: images.tar/imagenet-9}
      sharding: {images: 16}
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let run = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run])
    try #require(outcome.status == 0, "\(outcome.errors)")

    let archive = try ArchiveReader(path: run + "/archive.h5")
    for (folder, packed, count) in [("folder", "archive", 20), ("nine", "nine-archive", 160)] {
      let groups = ["replknet-nano/" + folder, "replknet-nano/" + packed]
      let found = try groups.map { try archive.logits(group: $0, conditionIndex: 0, images: 0..<count) }
      #expect(found[0].allSatisfy { $0.isFinite })
      #expect(found[0].map { $0.bitPattern } == found[1].map { $0.bitPattern })
      let metrics = try groups.map { try archive.metrics(group: $0) }
      // Bit by bit, as a figure that is not defined is NaN.
      #expect(metrics[0].map(\.name) == metrics[1].map(\.name))
      #expect(metrics[0].map { $0.values.map(\.bitPattern) } == metrics[1].map { $0.values.map(\.bitPattern) })
    }
  }
}
