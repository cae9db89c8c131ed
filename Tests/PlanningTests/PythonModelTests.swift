import Benchmarks
import Imaging
import Planning
import Shards
import Testing

/// Models that Python computes, in manifests and plans.
@Suite struct PythonModelTests {
  private let workspace: Workspace
  private let reader: ManifestReader

  init() throws {
    workspace = try Workspace()
    reader = ManifestReader(file: workspace.path + "/m.yaml")
  }

  private static let whole = """
    name: torch
        engine: python
        callable: package.module:model
        classes: 10
        preprocess: {resize: 256, crop: 224, interpolation: bicubic, mean: imagenet, std: 0.5}
    """

  private func parse(_ model: String) throws -> ModelSpecification {
    let parts = Workspace.manifest.components(separatedBy: "benchmarks:")
    return try #require(
      reader.parse("run: r\nmodels:\n  - " + model + "\nbenchmarks:" + parts[1]).models.first)
  }

  @Test("All that is known of it is what the manifest says")
  func reads() throws {
    let model = try parse(Self.whole)
    #expect(model.python == PythonModel(callable: "package.module:model", classes: 10))
    #expect(model.architecture == "python" && model.checkpoint.isEmpty)
    #expect(model.preprocessing.crop == 224 && model.preprocessing.resize == 256)
    #expect(model.preprocessing.mean == [0.485, 0.456, 0.406] && model.preprocessing.std == [0.5, 0.5, 0.5])
    #expect(model.summary == "Python, package.module:model, 10 classes")
    #expect(try parse("name: n\n    architecture: replknet-nano\n    checkpoint: nano.safetensors").python == nil)
  }

  @Test(
    "Nothing of it has a default, and keys of one kind are no keys of the other",
    arguments: [
      ("    callable: package.module:model\n", "", "missing key \"callable\""),
      ("    classes: 10\n", "", "missing key \"classes\""), ("name: torch\n    ", "", "missing key \"name\""),
      (", std: 0.5", "", "missing key \"std\""), ("resize: 256", "resize: 100", "smaller than the crop"),
      ("engine: python", "engine: julia", "native, python"),
      ("    classes: 10\n", "    classes: 10\n    precision: bf16\n", "is only for models computed by gauntlet"),
      (
        "    engine: python\n", "    architecture: replknet-nano\n    checkpoint: nano.safetensors\n",
        "add engine: python"
      ),
    ])
  func refuses(part: String, other: String, words: String) throws {
    #expect(Self.whole.contains(part))
    #expect { try parse(Self.whole.replacingOccurrences(of: part, with: other)) } throws: { "\($0)".contains(words) }
  }

  @Test("Each such model has a lane of its own, which a worker finds by its name, or as the only one")
  func lanes() throws {
    let own = try parse("name: own\n    architecture: replknet-nano\n    checkpoint: nano.safetensors")
    let python = try parse(Self.whole)
    let second = try parse(Self.whole.replacingOccurrences(of: "name: torch", with: "name: jax"))
    let lanes = WorkerLanes(of: [python, own, second])
    #expect(lanes.ofModel == [1, 0, 2] && lanes.models == ["torch", "jax"])
    #expect(try lanes.lane(of: .native) == 0)
    #expect(try lanes.lane(of: .python(model: "jax")) == 2)
    #expect { try lanes.lane(of: .python(model: nil)) } throws: { "\($0)".contains("several models") }
    #expect { try lanes.lane(of: .python(model: "own")) } throws: { "\($0)".contains("it has torch, jax") }
    #expect(try WorkerLanes(of: [own, python]).lane(of: .python(model: nil)) == 1)
    #expect { try WorkerLanes(of: [own]).lane(of: .python(model: nil)) } throws: {
      "\($0)".contains("has no model with engine: python")
    }
  }
}
