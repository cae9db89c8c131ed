import Benchmarks
import Foundation
import Planning
import Testing

/// Files that annotate images, from the manifest to the plan.
@Suite struct AnnotationPlanTests {
  private let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    for image in 1...4 { try workspace.draw(64, 64, to: "set/apple/ILSVRC2012_val_0000000\(image).JPEG") }
    try workspace.draw(64, 64, to: "set/pear/ILSVRC2012_val_00000005.JPEG")
  }

  private func plan(_ keys: String) throws -> Plan {
    let text = """
      run: small
      models: [{name: nano, architecture: replknet-nano, checkpoint: nano.safetensors}]
      benchmarks: [{kind: imagenet-val, root: set, \(keys)}]
      """
    try workspace.write(text, to: "annotated.yaml")
    return try Plan.make(manifestPath: workspace.path + "/annotated.yaml")
  }

  private func writeReal(_ first: [[Int]], count: Int = 50_000) throws {
    let lists = first + Array(repeating: [0], count: count - first.count)
    try workspace.write(String(decoding: JSONEncoder().encode(lists), as: UTF8.self), to: "real.json")
  }

  @Test("Labels are read at planning and come back with the plan; a plan whose labels were changed is damaged")
  func planned() throws {
    try writeReal([[1], [], [0, 1]])
    let plan = try plan("real: real.json")
    #expect(plan.listings[0].annotations.map(\.ofImages) == [[[1], nil, [0, 1], [0], [0]]])
    let folder = RunFolder(workspace.path + "/run")
    try plan.write(to: folder)
    let read = try Plan.read(from: folder)
    #expect(read.listings == plan.listings)
    // The file may be gone then.
    try FileManager.default.removeItem(atPath: workspace.path + "/real.json")
    try read.checkInputsUnchanged()
    let listing = folder.listing(of: "imagenet-val")
    let text = try String(contentsOfFile: listing, encoding: .utf8)
    try text.replacingOccurrences(of: "[0,1]", with: "[0]").write(toFile: listing, atomically: true, encoding: .utf8)
    #expect(throws: RunFolderError.self) { try Plan.read(from: folder) }
  }

  @Test("Labels of classes that a model does not have, and files that do not fit, are refused")
  func refusals() throws {
    try writeReal([[1], [2]])
    #expect { try plan("real: real.json") } throws: {
      "\($0)".contains("name the class 2, but nano has 2 outputs") && $0 is ManifestError
    }
    // What is not scored needs none.
    #expect(try plan("real: real.json, scored: \"false\"").listings[0].annotations.count == 1)
    try writeReal([], count: 10)
    #expect { try plan("real: real.json") } throws: { $0 is AnnotationError && "\($0)".contains("has 10 entries") }
    #expect { try plan("real: none.json") } throws: { $0 is ManifestError && "\($0)".contains("none.json") }
  }

  @Test("Factors and their prototypes are read at planning; prototypes alone are refused")
  func factors() throws {
    let zeros = [
      "background", "pattern", "color", "smaller", "shape", "partial_view", "subcategory", "texture", "larger",
    ]
    let rest = ["darker", "object_blocking", "person_blocking", "style", "brighter", "multiple_objects"]
    let line = (zeros + rest).map { "\"\($0)\": 0" }.joined(separator: ", ")
    let lines = (1...3).map { "{\"file_name\": \"ILSVRC2012_val_0000000\($0).JPEG\", \"pose\": 1, \(line)}" }
    try workspace.write(lines.joined(separator: "\n"), to: "x.jsonl")
    try workspace.write("file_name\nILSVRC2012_val_00000002.JPEG\n", to: "p.csv")
    try writeReal([])
    let plan = try plan("factors: x.jsonl, prototypes: p.csv, real: real.json")
    #expect(plan.listings[0].annotations.map(\.kind) == [.real, .factors])
    #expect(plan.listings[0].annotations[1].ofImages == [[0], nil, [0], nil, nil])
    #expect { try self.plan("prototypes: p.csv") } throws: {
      $0 is ManifestError && "\($0)".contains("name a file with the key factors")
    }
  }

  @Test("Only imagenet-val takes them")
  func otherKinds() throws {
    try writeReal([])
    try workspace.write(
      Workspace.manifest.replacing("kind: imagenet-val", with: "kind: occlusion\n    real: real.json"), to: "m.yaml")
    #expect { try ManifestReader(file: workspace.path + "/m.yaml").read() } throws: {
      "\($0)".contains("unknown key \"real\"")
    }
  }
}
