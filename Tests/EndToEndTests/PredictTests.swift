import Foundation
import TestSupport
import Testing

/// `gauntlet predict` names what is in pictures.
@Suite struct PredictTests {
  static let checkpoint = "\(Repository.path)/models/replknet-nano.safetensors"

  private struct Report: Decodable {
    struct Guess: Decodable {
      let index: Int
      let name: String?
      let probability: Double
    }
    let image: String
    let guesses: [Guess]
  }

  @Test("the miniature's network knows most of the miniature's classes, by their names")
  func namesClasses() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 20, to: scratch.path + "/data")
    let folder = scratch.path + "/data/val"
    let classes = try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }.sorted()
    let images = try classes.map { name in
      let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(name)").sorted()
      return "\(folder)/\(name)/\(try #require(files.first))"
    }
    try (classes.joined(separator: "\n") + "\n").write(
      toFile: scratch.path + "/classes.txt", atomically: true, encoding: .utf8)
    let options = ["--classes", scratch.path + "/classes.txt"]
    let outcome = try CommandLineTool.run(["predict", Self.checkpoint] + images + options + ["--json"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let reports = try outcome.output.split(separator: "\n").map {
      try JSONDecoder().decode(Report.self, from: Data($0.utf8))
    }
    #expect(reports.map(\.image) == images)
    let right = zip(reports, classes).filter { $0.guesses.first?.name == $1 }
    #expect(right.count >= 7, "\(reports)")
    for report in reports {
      #expect(report.guesses.count == 5)
      #expect(report.guesses.map(\.probability) == report.guesses.map(\.probability).sorted(by: >))
      #expect(report.guesses.reduce(0) { $0 + $1.probability } <= 1 + 1e-9)
    }
    let text = try CommandLineTool.run(["predict", Self.checkpoint, images[0]] + options)
    #expect(text.status == 0)
    #expect(text.output.hasPrefix(images[0] + "\n") && text.output.contains(" %  class "))
  }

  @Test("a file that is no picture, and a list of classes that does not fit, are refused in words")
  func refuses() throws {
    let scratch = try ScratchFolder()
    let (picture, classes) = (scratch.path + "/x.png", scratch.path + "/classes.txt")
    try "no picture".write(toFile: picture, atomically: true, encoding: .utf8)
    try "one\ntwo\n".write(toFile: classes, atomically: true, encoding: .utf8)
    try Drawings.copy(images: 10, to: scratch.path + "/data")
    let ring = scratch.path + "/data/val/ring/"
    let good = ring + (try #require(FileManager.default.contentsOfDirectory(atPath: ring).first))
    let damaged = try CommandLineTool.run(["predict", Self.checkpoint, picture, good])
    #expect(damaged.status == 1)
    #expect(damaged.output.hasPrefix(picture + "\n  ") && damaged.output.contains(good + "\n"), "\(damaged)")
    let objects = try CommandLineTool.run(["predict", Self.checkpoint, picture, good, "--json"])
    let lines = objects.output.split(separator: "\n")
    #expect(objects.status == 1 && lines.count == 2)
    #expect(lines.first?.contains("\"error\":\"") == true && lines.last?.contains("probability") == true, "\(lines)")
    let few = try CommandLineTool.run(["predict", Self.checkpoint, picture, "--classes", classes])
    #expect(few.status == 2)
    #expect(few.errors.contains("2 classes") && few.errors.contains("has 10"))
  }

  @Test("predict takes the manifest's options, says how pictures were prepared, and reads class lists of Windows")
  func options() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 10, to: scratch.path + "/data")
    let picture =
      scratch.path + "/data/val/ring/"
      + (try #require(
        FileManager.default.contentsOfDirectory(atPath: scratch.path + "/data/val/ring").first))
    let classes = scratch.path + "/classes.txt"
    try (0..<10).map { "c\($0)\r\n" }.joined().write(toFile: classes, atomically: true, encoding: .utf8)
    func predict(_ options: [String]) throws -> Program.Outcome {
      try CommandLineTool.run(["predict", Self.checkpoint, picture, "--classes", classes, "--json"] + options)
    }
    let usual = try predict([])
    #expect(usual.status == 0 && !usual.output.contains("\\r"))
    #expect(
      usual.errors.contains("pictures: resize 64, crop 64, bicubic, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"))
    let same = try predict([
      "--resize", "64", "--crop", "64", "--interpolation", "bicubic", "--mean", "0.485,0.456,0.406", "--std",
      "imagenet",
    ])
    #expect(same.output == usual.output)
    let other = try predict(["--mean", "0.5", "--std", "0.5"])
    #expect(other.status == 0 && other.output != usual.output && other.errors.contains("mean 0.5, std 0.5"))
    for (options, words) in [
      (["--crop", "32"], "--crop is 32"), (["--mean", "grey"], "--mean is"), (["--std", "0"], "--std is"),
      (["--mean", "1,2"], "or three"),
    ] {
      let refused = try predict(options)
      #expect(refused.status == 2 && refused.errors.contains(words), "\(refused.errors)")
    }
  }
}
