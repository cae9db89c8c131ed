import Foundation
import TestSupport
import Testing

/// `gauntlet demo`: from the program and what lies beside it to the miniature's table.
@Suite struct DemoTests {
  @Test("The demo leaves a folder to go on from, and the table; a second call only shows it", .hangLimit)
  func demo() throws {
    let scratch = try ScratchFolder()
    let folder = scratch.path + "/dämo 1"
    let outcome = try CommandLineTool.run(["demo", folder, "--images", "10"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("The models side by side"))
    for name in ["manifests/miniature.yaml", "manifests/study-miniature.yaml", "models/vit-nano.safetensors"] {
      let copied = FileManager.default.contents(atPath: folder + "/" + name)
      #expect(copied == FileManager.default.contents(atPath: Repository.path + "/" + name), "\(name)")
    }
    let archive = folder + "/runs/miniature/archive.h5"
    let first = FileManager.default.contents(atPath: archive)
    let again = try CommandLineTool.run(["demo", folder, "--images", "10"])
    #expect(again.status == 0 && again.output.contains("archive: \(archive)"), "\(again.errors)")
    #expect(FileManager.default.contents(atPath: archive) == first)
    let other = try CommandLineTool.run(["demo", folder, "--images", "20"])
    #expect(other.status != 0 && other.errors.contains("runs/data/miniature"), "\(other.errors)")
  }

  @Test("A manifest that was changed is evaluated as it is")
  func changedManifest() throws {
    let scratch = try ScratchFolder()
    let manifest = scratch.path + "/manifests/miniature.yaml"
    try FileManager.default.createDirectory(atPath: scratch.path + "/manifests", withIntermediateDirectories: true)
    try "run: mine\nmodels: []\nbenchmarks: []\n".write(toFile: manifest, atomically: true, encoding: .utf8)
    let outcome = try CommandLineTool.run(["demo", scratch.path, "--images", "10", "--run", scratch.path + "/r"])
    #expect(outcome.status == 2 && outcome.errors.contains("miniature.yaml"), "\(outcome.errors)")
  }

  @Test("A program without its files says what is missing, and makes no folder")
  func alone() throws {
    let scratch = try ScratchFolder()
    let program = scratch.path + "/a/b/c/d/e/gauntlet"
    try FileManager.default.createDirectory(
      atPath: (program as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: CommandLineTool.path, toPath: program)
    let outcome = try Program.run(program, ["demo", scratch.path + "/demo"])
    #expect(outcome.status == 2 && outcome.errors.contains("unpack the whole archive"), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/demo"))
  }

  @Test("Options out of range are refused before anything is drawn")
  func options() throws {
    let scratch = try ScratchFolder()
    let outcome = try CommandLineTool.run(["demo", scratch.path + "/demo", "--images", "5"])
    #expect(outcome.status == 2 && outcome.errors.contains("--images is 5, but must be from 10"), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/demo"))
  }
}
