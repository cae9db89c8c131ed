import Benchmarks
import Foundation
import Imaging
import Networks
import Planning
import Testing

@Suite struct FirstPicturesTests {
  private let workspace: Workspace

  init() throws {
    workspace = try Workspace()
  }

  private func plan(_ manifest: String = Workspace.manifest) throws -> Plan {
    try workspace.write(manifest, to: "m.yaml")
    return try Plan.make(manifestPath: workspace.path + "/m.yaml")
  }

  @Test("published files that the network takes are taken as they are, others are resized, and the plan says which")
  func publishedFiles() throws {
    let fitting = try plan()
    #expect(fitting.inputs == [PictureSize(width: 64, height: 64)])
    #expect(fitting.pictures == [[PictureSize(width: 64, height: 48)], [PictureSize(width: 64, height: 64)]])
    #expect(fitting.publishedFiles(model: 0, benchmark: 0) == nil)
    #expect(fitting.publishedFiles(model: 0, benchmark: 1) == "64x64: taken as they are")
    #expect(!fitting.preparation.contains { $0.contains("the files of") })

    let larger = try plan(
      Workspace.manifest.replacing("architecture: replknet-nano", with: "architecture: replknet-nano@96"))
    let words = try #require(larger.publishedFiles(model: 0, benchmark: 1))
    #expect(words == "64x64: resize 96, crop 96, bicubic, since the network takes 96x96")
    #expect(larger.preparation.contains { $0.contains("imagenet-c") && $0.contains(words) })
    let folder = RunFolder(workspace.path + "/run")
    try larger.write(to: folder)
    #expect(try Plan.read(from: folder).preparation == larger.preparation)
  }

  @Test("a damaged first picture holds nothing up; a condition without one that can be decoded is refused by its name")
  func damaged() throws {
    for image in 0..<4 { try workspace.write("fog", to: "c/weather/fog/2/apple/\(image).JPEG") }
    // Not in this condition: the other's images are listed for both.
    try FileManager.default.removeItem(atPath: workspace.path + "/c/weather/fog/1/apple/0.JPEG")
    #expect(try plan().pictures[1] == [PictureSize(width: 64, height: 64)])
    try workspace.write("fog", to: "c/weather/fog/2/apple/4.JPEG")
    #expect {
      try plan()
    } throws: { error in
      "\(error)".contains("imagenet-c cannot be evaluated: none of the first 5 pictures below")
        && "\(error)".contains("weather/fog/2") && "\(error)".contains("0.JPEG")
    }
  }

  @Test("what to know of an architecture with several published preparations is said, until one is chosen")
  func recipes() throws {
    let resnet = try #require(Architecture.named("resnet50"))
    let usual = resnet.defaultPreprocessing
    #expect(usual.description == "resize 256, crop 224, bilinear, mean 0.485 0.456 0.406, std 0.229 0.224 0.225")
    let note = try #require(resnet.recipeNote(for: usual))
    #expect(note.contains("IMAGENET1K_V1") && note.contains("a1_in1k") && note.contains("resize 235, bicubic"))
    let chosen = Preprocessing(
      resize: 235, crop: 224, interpolation: .bicubic, mean: usual.mean, std: usual.std)
    #expect(resnet.recipeNote(for: chosen) == nil)
    for name in ["vit_base_patch16_224", "deit_base_patch16_224"] {
      let architecture = try #require(Architecture.named(name))
      let twin = name.hasPrefix("vit") ? "deit_base_patch16_224" : "vit_base_patch16_224"
      #expect(architecture.recipeNote(for: architecture.defaultPreprocessing)?.contains(twin) == true)
    }
    try workspace.writeHead(classes: 2, tensor: "fc.bias")
    try workspace.write(
      Workspace.manifest.replacing("architecture: replknet-nano", with: "architecture: resnet18@64"), to: "m.yaml")
    let lines = try Plan.make(manifestPath: workspace.path + "/m.yaml").preparation
    #expect(lines == ["nano: resize 64, crop 64, bilinear, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"])
    // The first recipe is the one that is taken, and a note fits a terminal.
    for architecture in Architecture.all {
      let usual = architecture.defaultPreprocessing
      let first = architecture.recipes[0]
      #expect(usual.interpolation == first.interpolation, "\(architecture.name)")
      #expect(usual.resize == (architecture.inputHeight == 224 ? first.resize : architecture.inputHeight))
      if let twin = architecture.twin { #expect(Architecture.named(twin)?.twin == architecture.name) }
      #expect((architecture.recipeNote(for: usual)?.count ?? 0) < 400)
    }
  }

  @Test("blocks that a network does not have are not left out, and no set of them twice")
  func lesions() throws {
    func refusal(_ keys: String) throws -> String? {
      let manifest = Workspace.manifest.replacing("kind: imagenet-val", with: "kind: lesion\n    \(keys)")
      do {
        _ = try plan(manifest)
        return nil
      } catch let error as ManifestError { return "\(error)" }
    }
    // replknet-nano has two units in its third stage, and eight in all.
    #expect(try refusal("removed: [0, 1, 2]\n    draws: 1") == nil)
    #expect(try refusal("removed: [1, 3]\n    draws: 8\n    blocks: all") == nil)
    let many = try #require(try refusal("removed: [3]\n    draws: 1"))
    #expect(many.contains("leaves out 3 blocks, but nano has 2 that can be left out"))
    let repeated = try #require(try refusal("removed: [1, 2]\n    draws: 2"))
    #expect(repeated.contains("more sets of 2 blocks than the 1 that nano has"))
    #expect(
      try refusal("removed: [1]\n    draws: 5\n    unit: half")?.contains("more sets of 1 half-blocks than the 4")
        == true)
    #expect(try refusal("removed: [0]")?.contains("a number above 0") == true)
  }

  @Test("attacks that cannot be are refused before anything starts")
  func attacks() throws {
    func refusal(_ keys: String) throws -> String? {
      let manifest = Workspace.manifest.replacing("kind: imagenet-val", with: "kind: attack\n    \(keys)")
      do {
        _ = try plan(manifest)
        return nil
      } catch let error as ManifestError { return "\(error)" }
    }
    #expect(try refusal("method: fgsm\n    budgets: [4/255, 0.1]") == nil)
    #expect(try refusal("budgets: [4]")?.contains("of a picture's 255 levels, 4 are 4/255") == true)
    #expect(try refusal("budgets: [0.5, 300/255]")?.contains("at most 1") == true)
    #expect(try refusal("budgets: [0]")?.contains("greater than 0") == true)
    #expect(try refusal("budgets: [1/255, 2/510]")?.contains("different numbers") == true)
    #expect(try refusal("method: fgsm\n    steps: 3")?.contains("steps is for pgd") == true)
    #expect(try refusal("method: apgd-ce\n    norm: l2")?.contains("l2 needs method: pgd") == true)
    #expect(try refusal("method: apgd-t\n    step: 0.1")?.contains("step is for pgd") == true)
    #expect(try refusal("method: fab-t\n    targets: 1\n    restarts: 2") == nil)
    #expect(try refusal("method: fab-t\n    norm: l2")?.contains("l2 needs method: pgd") == true)
    #expect(try refusal("method: square\n    targets: 2")?.contains("targets is for apgd-t, fab-t, autoattack") == true)
    #expect(
      try refusal("method: square\n    queries: 2")?.contains("queries is for autoattack, not for square") == true)
    #expect(try refusal("method: autoattack\n    restarts: 2")?.contains("not for autoattack") == true)
    #expect(try refusal("scored: false")?.contains("need the images' labels") == true)
    // Of two classes.
    #expect(try refusal("method: apgd-t")?.contains("needs 4 classes, but nano has 2") == true)
    #expect(try refusal("method: autoattack")?.contains("needs 4 classes, but nano has 2") == true)
  }
}
