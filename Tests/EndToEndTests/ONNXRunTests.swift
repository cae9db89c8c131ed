import Archives
import Foundation
import Testing

@Suite struct ONNXRunTests {
  @Test("a run of an ONNX model, named after its file, with the architecture left out or given")
  func runsAnExportedModel() throws {
    let scratch = try Scratch()
    try Drawings.copy(images: 20, to: scratch.path + "/data")
    let model = Scratch.repository + "/Tests/NetworksTests/Fixtures/onnx-resnet.onnx"
    let manifest = """
      run: onnx
      models:
        - {checkpoint: "\(model)"}
        - {name: again, architecture: onnx, checkpoint: "\(model)"}
      benchmarks:
        - {kind: imagenet-val, root: data/val}
      sharding: {images: 7}
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let run = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run])
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("The models side by side"))
    #expect(outcome.errors.contains("pictures of again: an ONNX file does not say how its pictures are prepared"))

    let archive = try ArchiveReader(path: run + "/archive.h5")
    let found = try ["onnx-resnet", "again"].map {
      try archive.logits(group: $0 + "/imagenet-val", conditionIndex: 0, images: 0..<20)
    }
    #expect(found[0].count == 200 && found[0].allSatisfy { $0.isFinite })
    #expect(Set(found[0].map(\.bitPattern)).count > 100)
    #expect(found[0].map(\.bitPattern) == found[1].map(\.bitPattern))
  }

  @Test("inspect says of an ONNX model what it has, and whether it will run")
  func inspects() throws {
    let fixtures = Scratch.repository + "/Tests/NetworksTests/Fixtures/"
    let good = try CommandLineTool.run(["inspect", fixtures + "onnx-resnet.onnx"])
    #expect(good.status == 0 && good.output.contains("will run: images of 33x33, 10 classes"))
    let bad = try CommandLineTool.run(["inspect", fixtures + "onnx-unsupported.onnx"])
    #expect(bad.status == 1 && bad.output.contains("will not run: the operator Sinh of node the-odd-one"))
  }
}
