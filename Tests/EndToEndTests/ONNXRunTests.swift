import Archives
import Foundation
import TestSupport
import Testing

@Suite struct ONNXRunTests {
  @Test("a run of an ONNX model, named after its file, with the architecture left out or given")
  func runsAnExportedModel() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 20, to: scratch.path + "/data")
    let model = Repository.path + "/Tests/NetworksTests/Fixtures/onnx-resnet.onnx"
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

  @Test("where the network gives NaN, every place says so, and the run does not end as if all were well")
  func namesLogitsThatAreNaN() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 20, to: scratch.path + "/data")
    // As many classes as the models have.
    let classes = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/data/val").filter {
      !$0.hasPrefix(".")
    }.sorted()
    for name in classes.dropFirst(5) { try FileManager.default.removeItem(atPath: scratch.path + "/data/val/" + name) }
    let outputs = Repository.path + "/Tests/NetworksTests/Fixtures/outputs/"
    let manifest = """
      run: nan
      models:
        - {name: nan, checkpoint: "\(outputs)nan.onnx", preprocess: {resize: 4}}
        - {name: softmax, checkpoint: "\(outputs)softmax.onnx", preprocess: {resize: 4}}
        - {name: plain, checkpoint: "\(outputs)plain.onnx", preprocess: {resize: 4}}
      benchmarks:
        - {kind: image-folder, name: drawings, root: data/val}
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let run = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run])
    #expect(outcome.status == 1, "\(outcome.errors)")
    #expect(outcome.errors.contains("softmax: it ends in a softmax, which is dropped"))

    let archive = try ArchiveReader(path: run + "/archive.h5")
    let failures = try archive.failures(group: "nan/drawings")
    #expect(failures.count == 10 && failures.allSatisfy { $0.reason.contains("NaN logits") }, "\(failures)")
    #expect(try archive.failures(group: "softmax/drawings").isEmpty)
    let found = try ["softmax", "plain"].map {
      try archive.logits(group: $0 + "/drawings", conditionIndex: 0, images: 0..<10).map(\.bitPattern)
    }
    #expect(found[0] == found[1])
    let notes = archive.groups.map { $0.attributes["logits"] ?? "" }
    #expect(notes.count { $0.contains("softmax") } == 1, "\(notes)")

    let picture = try #require(
      archive.groups.first.map { scratch.path + "/data/val/" + $0.imagePaths[0] })
    let guess = try CommandLineTool.run(["predict", outputs + "nan.onnx", picture, "--json", "--resize", "4"])
    #expect(guess.status == 1 && guess.output.contains("\"error\":\"the network gives NaN logits"), "\(guess)")
    let plain = try CommandLineTool.run(["predict", outputs + "plain.onnx", picture, "--json", "--resize", "4"])
    let softmax = try CommandLineTool.run(["predict", outputs + "softmax.onnx", picture, "--json", "--resize", "4"])
    #expect(plain.status == 0 && plain.output == softmax.output)
    #expect(softmax.errors.contains("is dropped") && !plain.errors.contains("is dropped"))
  }

  @Test("inspect says of an ONNX model what it has, and whether it will run")
  func inspects() throws {
    let fixtures = Repository.path + "/Tests/NetworksTests/Fixtures/"
    let good = try CommandLineTool.run(["inspect", fixtures + "onnx-resnet.onnx"])
    #expect(good.status == 0 && good.output.contains("will run: images of 33x33, 10 classes"))
    let bad = try CommandLineTool.run(["inspect", fixtures + "onnx-unsupported.onnx"])
    #expect(bad.status == 1 && bad.output.contains("will not run: the operator Sinh of node the-odd-one"))
  }
}
