import ArgumentParser
import Benchmarks
import Durable
import Foundation
import GauntletKit
import Imaging
import Kernels
import Networks
import Planning

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Prints the five most likely classes of each picture: the quickest check of a checkpoint.",
    discussion: """
      The architecture is the one that matches the checkpoint. Pictures are prepared as `gauntlet models` shows unless an \
      option says otherwise; standard error shows how. Probabilities are the softmax of the logits.
      Example: gauntlet predict models/replknet-nano.safetensors \
      runs/data/miniature/val/arrow/val_00000001.JPEG
      """)

  @Argument(help: "The checkpoint.") var model: String
  @Argument(help: "JPEG, PNG, WebP, TIFF, GIF, BMP, PBM, PGM or PPM files.") var images: [String]
  @Option(help: "The architecture, if several match the checkpoint.") var architecture: String?
  @Option(help: "The arithmetic: fp32, or bf16.") var precision = "fp32"
  @Option(help: "A text file of class names, one per line [default: ImageNet's WordNet ids for 1,000 classes].")
  var classes: String?
  @Option(help: "The shortest side after resizing, in pixels.") var resize: Int?
  @Option(help: "The side of the centre crop, in pixels: the network's input size.")
  var crop: Int?
  @Option(help: "The filter: bilinear, bicubic, or box.") var interpolation: String?
  @Option(help: "The mean to subtract from values in 0..1: imagenet, one number, or three as in 0.485,0.456,0.406.")
  var mean: String?
  @Option(help: "The standard deviation to divide by: imagenet, one number, or three.") var std: String?
  @Flag(help: "Print one JSON object per picture instead of text.") var json = false

  func run() throws {
    let precision = try Usage.precision(precision)
    try Usage.checkExists(model, what: "checkpoint")
    guard !images.isEmpty else { throw UsageError("predict needs pictures after the checkpoint") }
    for image in images { try Usage.checkExists(image, what: "picture") }
    let chosen = try chooseArchitecture()
    if let note = chosen.outputNote { Terminal.complain("\(model): \(note)") }
    let preprocessing = try preprocessing(of: chosen)
    Terminal.complain("pictures: \(preprocessing)")
    if let note = chosen.recipeNote(for: preprocessing) { Terminal.complain("\(chosen.name): \(note)") }
    let predictor = try Predictor(
      checkpoint: model, architecture: chosen, preprocessing: preprocessing, precision: precision)
    let names = try classNames(count: predictor.classCount)
    var isComplete = true
    for image in images {
      do {
        let guesses = try predictor.guesses(for: image).map { Guess($0, names) }
        try show(Outcome(image: image, guesses: guesses, error: nil))
      } catch {
        // The others are shown all the same.
        isComplete = false
        try show(Outcome(image: image, guesses: [], error: error.sentence))
      }
    }
    if !isComplete { throw ExitCode(1) }
  }

  private func chooseArchitecture() throws -> Architecture {
    if let architecture {
      guard let found = try Architecture.named(architecture, checkpoint: model) else {
        throw UsageError("unknown architecture \(architecture); see gauntlet models")
      }
      return found
    }
    let choice = try Predictor.architecture(of: model)
    if CheckpointNotes.note(on: choice) != nil {
      let reason = choice.reason ?? "the first match"
      Terminal.complain("taken to be \(choice.architecture.name), \(reason); use --architecture to name another")
    }
    return choice.architecture
  }

  private func preprocessing(of architecture: Architecture) throws -> Preprocessing {
    let usual = architecture.defaultPreprocessing
    let side = architecture.inputHeight
    if let resize { try Usage.check(resize, in: side...4096, option: "--resize") }
    if let crop, crop != side {
      throw UsageError("--crop is \(crop), but \(architecture.name) takes \(side)x\(side) images")
    }
    var filter = usual.interpolation
    if let interpolation {
      guard let named = Interpolation(rawValue: interpolation) else {
        throw UsageError("--interpolation is \(interpolation), but must be bilinear, bicubic, or box")
      }
      filter = named
    }
    return Preprocessing(
      resize: resize ?? usual.resize, crop: usual.crop, interpolation: filter,
      mean: try channels(mean, option: "--mean", named: ImageStatistics.imageNetMean) ?? usual.mean,
      std: try channels(std, option: "--std", named: ImageStatistics.imageNetStandardDeviation, positive: true)
        ?? usual.std)
  }

  /// `imagenet`, one number, or three with commas or spaces between them, as a manifest has them.
  private func channels(
    _ text: String?, option: String, named imagenet: [Float], positive: Bool = false
  ) throws -> [Float]? {
    guard let text else { return nil }
    if text == "imagenet" { return imagenet }
    let words = text.split { $0 == "," || $0 == " " }
    let values = words.compactMap { Float($0) }.filter { $0.isFinite && (!positive || $0 > 0) }
    guard values.count == words.count, values.count == 1 || values.count == 3 else {
      throw UsageError(
        "\(option) is \"\(text)\", but must be imagenet, one \(positive ? "positive " : "")number, or three")
    }
    return values.count == 1 ? [values[0], values[0], values[0]] : values
  }

  private func classNames(count: Int) throws -> [String]? {
    guard let classes else { return count == 1000 ? ImageNetClasses.wordNetIDs : nil }
    try Usage.checkExists(classes, what: "file of class names")
    // Lines end in LF or, as Windows writes them, CR LF, which is one character to Swift and none that equals "\n".
    let names = try String(contentsOfFile: classes, encoding: .utf8).trimmingPrefix("\u{FEFF}")
      .split(whereSeparator: \.isNewline).map(String.init)
    guard names.count == count else {
      throw UsageError("\(classes) names \(names.count) classes, but the checkpoint has \(count)")
    }
    return names
  }

  private struct Guess: Encodable {
    let index: Int
    let name: String?
    let probability: Double
    let logit: Float

    init(_ guess: Predictor.Guess, _ names: [String]?) {
      (index, name, probability, logit) = (guess.index, names?[guess.index], guess.probability, guess.logit)
    }
  }

  private struct Outcome: Encodable {
    let image: String
    let guesses: [Guess]
    /// Why there are no guesses.
    let error: String?
  }

  private func show(_ report: Outcome) throws {
    if json {
      try printObject(report)
      return
    }
    print(report.image)
    if let error = report.error { print("  \(error)") }
    for guess in report.guesses {
      print(
        String(format: "  %5.1f %%  class %d", 100 * guess.probability, guess.index)
          + (guess.name.map { "  " + ImageNetClasses.said($0) } ?? ""))
    }
  }
}
