import Benchmarks
import Imaging
import Planning
import Testing

/// `config.json` beside a checkpoint, as the Hugging Face hub has it of timm's weights.
@Suite struct PretrainedConfigurationTests {
  private let workspace: Workspace
  private let reader: ManifestReader

  init() throws {
    workspace = try Workspace()
    reader = ManifestReader(file: workspace.path + "/m.yaml")
    try workspace.writeHead(classes: 2, tensor: "fc.bias", to: "hub/model.safetensors")
  }

  /// As timm 1.0 wrote it for resnet50.a1_in1k, shortened.
  private static let ofTimm = """
    {"architecture": "resnet50", "num_classes": 1000, "pretrained_cfg": {
      "tag": "a1_in1k", "input_size": [3, 224, 224], "test_input_size": [3, 288, 288], "fixed_input_size": false,
      "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center", "mean": [0.485, 0.456, 0.406],
      "std": [0.25, 0.5, 0.5], "first_conv": "conv1"}}
    """

  private func model(_ more: String = "") throws -> ModelSpecification {
    let tail = Workspace.manifest.components(separatedBy: "benchmarks:")[1]
    return try #require(
      reader.parse(
        "run: r\nmodels:\n  - {architecture: resnet50, checkpoint: hub/model.safetensors\(more)}\nbenchmarks:\(tail)"
      ).models.first)
  }

  @Test(
    "What the manifest leaves out is as the file says; without a file, as the architecture's weights were published")
  func beside() throws {
    #expect(try model().preprocessing.resize == 256 && model().preprocessing.interpolation == .bilinear)
    try workspace.write(Self.ofTimm, to: "hub/config.json")
    let found = try model().preprocessing
    // floor(224 / 0.95)
    #expect(found.resize == 235 && found.crop == 224 && found.interpolation == .bicubic)
    #expect(found.mean == [0.485, 0.456, 0.406] && found.std == [0.25, 0.5, 0.5])
    let other = try model(", preprocess: {resize: 300, std: imagenet}").preprocessing
    #expect(other.resize == 300 && other.std == ImageStatistics.imageNetStandardDeviation)
    #expect(other.interpolation == .bicubic)
  }

  @Test("A file for images of another size, or of another kind, says nothing")
  func otherFiles() throws {
    let usual = try model().preprocessing
    for text in [
      Self.ofTimm.replacingOccurrences(of: "\"input_size\": [3, 224, 224]", with: "\"input_size\": [3, 256, 256]"),
      #"{"model_type": "vit", "image_size": 224}"#, "no JSON", "{}",
      Self.ofTimm.replacingOccurrences(of: "[3, 224, 224]", with: "[1, 224, 224]"),
    ] {
      try workspace.write(text, to: "hub/config.json")
      #expect(try model().preprocessing == usual)
    }
  }

  @Test(
    "What it asks for and is not done here is refused by name, unless the manifest says all itself",
    arguments: [
      ("\"center\"", "\"border\"", "crop_mode border"), ("\"bicubic\"", "\"random\"", "interpolation random"),
      ("0.95", "1.5", "crop_pct 1.5"), ("[0.25, 0.5, 0.5]", "[0.25, 0, 0.5]", "std"),
    ])
  func refused(part: String, other: String, words: String) throws {
    try workspace.write(Self.ofTimm.replacingOccurrences(of: part, with: other), to: "hub/config.json")
    #expect { try model() } throws: { "\($0)".contains("config.json has \(words)") }
    let whole = ", preprocess: {resize: 256, crop: 224, interpolation: bilinear, mean: imagenet, std: imagenet}"
    #expect(try model(whole).preprocessing.resize == 256)
  }
}
