import Foundation
import Networks
import TestSupport
import Testing

/// Checkpoints as people's tools save them; `tools/checkpoint_forms.py` wrote the files.
@Suite struct CheckpointFormTests {
  private static let forms = [
    "data-parallel.pth", "compiled.pth", "compiled-parallel.pth", "tutorial.pth", "ema.pth", "averaged.pth",
    "subclass.pth", "python2.pth", "default.pth", "imagenet-example.pth", "random-state.pth", "unusual.pth",
    "two-nets.pth", "fsdp.pth", "parameters.pth", "big-endian.pth", "big-endian.npz", "protocol2.pth", "protocol3.pth",
    "protocol4.pth", "protocol5.pth", "protocol2.pt", "protocol3.pt", "protocol4.pt", "protocol5.pt",
    "model.safetensors.index.json",
  ]

  @Test(arguments: forms)
  func everyFormHoldsThePlainTensors(form: String) throws {
    let plain = try CheckpointReader.open(Fixture.path("forms/plain.pth"))
    let found = try CheckpointReader.open(Fixture.path("forms/" + form))
    #expect(found.tensors.map(\.name) == plain.tensors.map(\.name))
    for tensor in plain.tensors {
      #expect(found.shape(of: tensor.name) == tensor.shape)
      #expect(try found.values(tensor.name) == plain.values(tensor.name), "\(tensor.name)")
    }
  }

  @Test func whatStandsBesideTheStateDictIsKnown() throws {
    let example = try CheckpointReader.open(Fixture.path("forms/imagenet-example.pth")).record
    #expect(example.entry == "state_dict" && example.architecture == "resnet18")
    let two = try CheckpointReader.open(Fixture.path("forms/two-nets.pth")).record
    #expect(two.entry == "model" && two.otherEntries == ["model_ema"] && two.architecture == "resnet18")
    // What Lightning's module holds besides the network keeps its name.
    let lightning = try CheckpointReader.open(Fixture.path("forms/lightning.pth"))
    #expect(lightning.tensors.map(\.name) == ["conv.weight", "criterion.weight", "fc.bias"])
  }

  @Test func aCheckpointInSeveralFilesIsOneOfAllItsFiles() throws {
    let index = Fixture.path("forms/model.safetensors.index.json")
    #expect(
      try CheckpointReader.files(of: index).map { ($0 as NSString).lastPathComponent }.sorted() == [
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json",
      ])
    #expect(
      refusal(of: Fixture.path("forms/model-00001-of-00002.safetensors")).contains("model.safetensors.index.json"))
  }

  @Test(arguments: [
    ("refused-whole.pth", "a pickled torch.nn.modules.container.Sequential object"),
    ("refused-whole-below.pth", "a pickled torch.nn.modules.container.Sequential object"),
    ("refused-script.pt", "a TorchScript program"), ("refused-float8.pth", "fc.bias is of type torch.float8_e4m3fn"),
    ("refused-two.pth", "tensors under several names (encoder, decoder)"),
    // Thousands of entries of one name, each of which holds thousands: 4 kB.
    ("refused-thicket.pth", "entries are nested or shared too much"),
  ])
  func whatIsNoStateDictIsNamed(file: String, says: String) {
    let text = refusal(of: Fixture.path("forms/" + file))
    #expect(text.contains(says) && text.count <= 600, "\(text)")
  }

  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12345\n", "git lfs pull"),
    ("\n<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"), ("", "is empty"),
    ("{\"architectures\": [\"ResNet\"]}", "a JSON file without weights"),
    ("{\"weight_map\": {\"a\": \"../../etc/passwd\"}}", "not a file beside it"),
    // A slash before an accent is a slash.
    ("{\"weight_map\": {\"a\": \"../\u{301}x\"}}", "not a file beside it"),
    ("\u{1F}", "not a readable checkpoint"),
    (String(repeating: "\0", count: 600), "all zeros"), ("GGUF\u{3}\0\0\0", "GGUF"),
    ("7z\u{00BC}", "not a readable checkpoint"),
  ])
  func whatIsNoCheckpointIsNamed(content: String, says: String) throws {
    let path = ScratchFolder.freshPath()
    try Data(content.utf8).write(to: URL(fileURLWithPath: path))
    #expect(refusal(of: path).contains(says), "\(refusal(of: path))")
  }

  @Test(arguments: [
    (".metadata", "dcp_to_torch"), ("__0_0.distcp", "dcp_to_torch"), ("zero_to_fp32.py", "DeepSpeed"),
    ("saved_model.pb", "tf2onnx"), ("pytorch_model.bin", "name pytorch_model.bin inside it"),
    ("notes.txt", "not a file"),
  ])
  func aFolderIsNamedByWhatItHolds(file: String, says: String) throws {
    let folder = try ScratchFolder.fresh()
    try Data().write(to: URL(fileURLWithPath: folder + "/" + file))
    #expect(refusal(of: folder).contains(says), "\(refusal(of: folder))")
  }

  @Test("an ONNX model that is opened as a checkpoint of a native architecture is told what it is")
  func onnxIsNamed() throws {
    let said = refusal(of: Fixture.path("onnx-resnet.onnx"))
    #expect(said.contains("an ONNX model") && said.contains("omit the architecture"), "\(said)")
  }

  @Test(arguments: [
    ("authors-convnext.pth", "tiny-convnext"), ("authors-swin.pth", "tiny-swin"), ("authors-vit.npz", "tiny-vit"),
  ])
  func namesOfTheAuthorsAreThoseOfTimm(file: String, name: String) throws {
    let own = try CheckpointReader.open(Fixture.path(name + ".safetensors"))
    let found = try CheckpointReader.open(Fixture.path("forms/" + file))
    #expect(found.tensors.map(\.name) == own.tensors.map(\.name))
    for tensor in own.tensors where tensor.elementType == .float32 {
      #expect(found.shape(of: tensor.name) == tensor.shape, "\(tensor.name)")
      let rounded = try own.values(tensor.name).map { Float(Float16($0)) }
      #expect(try found.values(tensor.name) == rounded, "\(tensor.name)")
    }
  }

  @Test(arguments: [
    ("deit_tiny_patch16_224-a1311bcf.safetensors", "deit_tiny_patch16_224", true),
    ("vit-ti.safetensors", "vit_tiny_patch16_224", true), ("best.safetensors", "vit_tiny_patch16_224", false),
  ])
  func ofTwinsTheFilesNameDecides(file: String, expected: String, isKnown: Bool) throws {
    try withWhole("deit_tiny_patch16_224", named: file) { path in
      let choice = try #require(try CheckpointReader.open(path).likeliestArchitecture())
      #expect(choice.architecture.name == expected && choice.others.count == 1)
      #expect((choice.reason != nil) == isKnown)
    }
  }

  @Test("What does not fit is named up to a bound: a table of a stranger's may have any number of tensors")
  func misfitsAreBounded() throws {
    let entries = (0..<30_000).map {
      "\"t\($0)\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\(4 * $0),\(4 * $0 + 4)]}"
    }
    let table = Array(("{" + entries.joined(separator: ",") + "}").utf8)
    let path = NSTemporaryDirectory() + "gauntlet-table-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let length = withUnsafeBytes(of: UInt64(table.count).littleEndian) { Array($0) }
    try Data(length + table + [UInt8](repeating: 0, count: 120_000)).write(to: URL(fileURLWithPath: path))
    let checkpoint = try CheckpointReader.open(path)
    let network = try #require(try Architecture.named("resnet18", checkpoint: path))
    let error = #expect(throws: CheckpointError.self) { try checkpoint.checkFits(network) }
    guard case .unfit(_, let problems, _) = error else {
      Issue.record("\(error.map { "\($0)" } ?? "it fits")")
      return
    }
    #expect(problems.count <= 10_200 && problems.last == "and more")
  }

  @Test func configurationBesideTheFileDecides() throws {
    try withWhole("deit_tiny_patch16_224", named: "model.safetensors") { path in
      let config = (path as NSString).deletingLastPathComponent + "/config.json"
      try Data("{\"architecture\": \"deit_tiny_patch16_224\"}".utf8).write(to: URL(fileURLWithPath: config))
      #expect(try CheckpointReader.open(path).likeliestArchitecture()?.architecture.name == "deit_tiny_patch16_224")
    }
  }

  @Test func aLookalikeIsRefusedByItsName() throws {
    let resnet = try #require(Architecture.named("resnet18"))
    try withWhole("resnet18", named: "resnetblur18.safetensors") { path in
      let checkpoint = try CheckpointReader.open(path)
      #expect {
        try checkpoint.checkFits(resnet)
      } throws: {
        "\($0)".contains("a resnetblur18")
      }
      #expect(checkpoint.matchingArchitectures().isEmpty)
      #expect(checkpoint.whyNothingFits?.contains("resnetblur18") == true)
    }
    try withWhole("resnet18", named: "resnet18.safetensors") { try resnet.check($0) }
  }

  @Test(arguments: [(Float.nan, "NaN"), (Float.infinity, "infinite numbers")])
  func weightsThatAreNoNumbersAreNamed(value: Float, says: String) throws {
    let resnet = try #require(Architecture.named("resnet18"))
    try withWhole("resnet18", named: "diverged.safetensors", lastNumber: value) { path in
      let name = try #require(
        try CheckpointReader.open(path).tensors.first { tensor in
          try CheckpointReader.open(path).values(tensor.name).contains { !$0.isFinite }
        }?.name)
      for use in [
        { try resnet.check(path) },
        { _ = try Classifier(architecture: resnet, checkpoint: path) },
      ] {
        #expect(throws: CheckpointError.self) { try use() }
        #expect {
          try use()
        } throws: {
          "\($0)".contains("\(name) in \(path) holds \(says) (1 of ")
        }
      }
    }
  }

  @Test func aMessageHasNoMoreThan600Characters() throws {
    let vit = try #require(Architecture.named("vit_tiny_patch16_224"))
    try withWhole("resnet18", named: "other.safetensors") { path in
      #expect {
        try vit.check(path)
      } throws: {
        // Long paths leave no room for how many more there are.
        "\($0)".count <= 600 && ("\($0)".contains(" more") || "\($0)".hasSuffix("..."))
      }
    }
    let long = CheckpointError.malformed(file: "x", reason: String(repeating: "y", count: 2000))
    #expect(long.description.count == 600)
  }

  private func refusal(of path: String) -> String {
    do throws(CheckpointError) {
      _ = try CheckpointReader.open(path)
      return "read"
    } catch {
      return error.description
    }
  }

  /// Gives a file with a whole network's table and zeros for its numbers, of which the last may be another.
  private func withWhole(
    _ table: String, named name: String, lastNumber: Float = 0, _ body: (String) throws -> Void
  ) throws {
    let header = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("forms/\(table).table")))
    let entries = try #require(try JSONSerialization.jsonObject(with: header.dropFirst(8)) as? [String: [String: Any]])
    let floats = entries.values.filter { $0["dtype"] as? String == "F32" }
    let ends = entries.values.compactMap { ($0["data_offsets"] as? [Int])?.last }
    let lastFloat = floats.compactMap { ($0["data_offsets"] as? [Int])?.last }.max() ?? 0
    let folder = try ScratchFolder.fresh()
    let path = folder + "/" + name
    try header.write(to: URL(fileURLWithPath: path))
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.truncate(atOffset: UInt64(header.count + (ends.max() ?? 0)))
    try file.seek(toOffset: UInt64(header.count + lastFloat - 4))
    try file.write(contentsOf: withUnsafeBytes(of: lastNumber.bitPattern.littleEndian) { Data($0) })
    try file.close()
    try body(path)
  }
}
