import Foundation
import Planning
import Testing

@Suite struct RunFolderTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func folder(_ files: [String: String]) throws -> RunFolder {
    for (name, text) in files { try workspace.write(text, to: "run/" + name) }
    return RunFolder(workspace.path + "/run")
  }

  @Test(
    "A folder is free that holds nothing of others: keys made beforehand, the manifest, what a cut planning left",
    arguments: [
      [:], ["keys/server.key": "k", ".nfs001": "", "lost+found/x": ""], ["manifest.yaml": "run: x"],
      ["lock": RunFolder.lockText, "manifest.yaml": "run: y", "listings/v.json": "{}", "plan.json.tmp-7-1": "{"],
      ["plan.json": "{}", "report.html": "of this run"],
    ])
  func free(files: [String: String]) throws {
    try folder(files).requireFree(for: "run: x")
  }

  @Test(
    "A folder with others' files is refused, and they are named",
    arguments: [
      (["report.html": "mine"], ["report.html"]), (["manifest.yaml": "my: settings"], ["manifest.yaml"]),
      (["lock": "another program's", "manifest.yaml": "my: settings"], ["lock", "manifest.yaml"]),
      (["lock": RunFolder.lockText, "thesis.tex": ""], ["thesis.tex"]), (["listings/of/mine": ""], ["listings"]),
    ])
  func taken(files: [String: String], named: [String]) throws {
    let folder = try folder(files)
    #expect(throws: RunFolderError.othersFiles(folder.path, names: named)) { try folder.requireFree(for: "run: x") }
  }

  @Test("A file in the place of the folder, and a folder that is not there, hold no run")
  func noFolder() throws {
    try workspace.write("", to: "file")
    for name in ["file", "none"] {
      let folder = RunFolder(workspace.path + "/" + name)
      #expect(try !folder.hasPlan())
      #expect(throws: RunFolderError.notARun(folder.path)) { try folder.requirePlan() }
    }
  }

  private func manifest(_ text: String, file: String = "m.yaml") throws -> Manifest {
    try workspace.write(text, to: file)
    return try ManifestReader(file: workspace.path + "/" + file).read()
  }

  @Test("Text that resolves to the same plan is no other manifest; what differs is named with both values")
  func differences() throws {
    try workspace.write(Workspace.manifest, to: "m.yaml")
    let planned = try Plan.make(manifestPath: workspace.path + "/m.yaml").manifest
    let same = [
      Workspace.manifest, "# a comment\n" + Workspace.manifest,
      Workspace.manifest + "\ncluster: {engine: slurm, time: 9}",
      Workspace.manifest.replacing("root: val", with: "root: ./c/../val").replacing("lease: 2m", with: "lease: 120s"),
    ]
    for text in same { #expect(try manifest(text).differences(from: planned) == []) }
    let others = [
      ("images: 4", "images: 3", ["sharding.images is 3 instead of 4"]),
      ("seed: 7", "seed: 8", ["seed is 8 instead of 7"]),
      ("name: nano", "name: nana", ["models[0].name is nana instead of nano"]),
    ]
    for (old, new, differences) in others {
      let text = Workspace.manifest.replacing(old, with: new)
      #expect(try manifest(text).differences(from: planned) == differences)
    }
    let fewer = try manifest(Workspace.manifest.replacing("[1, 2]", with: "[1]")).differences(from: planned)
    #expect(!fewer.isEmpty && fewer.allSatisfy { $0.contains("no longer set") || $0.contains("instead of") })
    // The same text in another folder names other files.
    for name in [
      "val/apple/0.JPEG", "nano.safetensors", "c/weather/fog/1/apple/0.JPEG", "c/weather/fog/2/apple/0.JPEG",
    ] {
      try workspace.write("x", to: "elsewhere/" + name)
    }
    #expect(try manifest(Workspace.manifest, file: "elsewhere/m.yaml").differences(from: planned).count >= 3)
  }
}
