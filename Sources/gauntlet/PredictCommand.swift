import ArgumentParser
import Benchmarks
import Durable
import Foundation
import Imaging
import Kernels
import Networks
import Planning

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Prints the five likeliest classes of pictures: the quickest check that a checkpoint is right.",
    discussion: """
      The architecture is the one that the checkpoint fits. Pictures are prepared as `gauntlet models` says unless an \
      option says otherwise; how they were is said on standard error. Probabilities are the softmax of the logits.
      Example: gauntlet predict models/replknet-nano.safetensors \
      runs/data/miniature/val/arrow/val_00000001.JPEG
      """)

  @Argument(help: "The checkpoint.") var model: String
  @Argument(help: "JPEG, PNG, WebP, TIFF, GIF, BMP, PBM, PGM or PPM files.") var images: [String]
  @Option(help: "The architecture, where several fit the checkpoint.") var architecture: String?
  @Option(help: "The arithmetic: fp32, or bf16.") var precision = "fp32"
  @Option(help: "A text file of class names, one a line; ImageNet's WordNet ids otherwise, where there are 1,000.")
  var classes: String?
  @Option(help: "The shortest side after resizing, in pixels.") var resize: Int?
  @Option(help: "The side of the square that is cut from the centre, in pixels: that of the network's images.")
  var crop: Int?
  @Option(help: "The filter: bilinear, bicubic, or box.") var interpolation: String?
  @Option(help: "Subtracted from values in 0..1: imagenet, one number, or three as in 0.485,0.456,0.406.")
  var mean: String?
  @Option(help: "Divides them then: imagenet, one number, or three.") var std: String?
  @Flag(help: "Print one JSON object a picture instead of text.") var json = false

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
    let classifier = try Classifier(
      architecture: chosen, checkpoint: model, options: ComputeOptions(precision: precision))
    let names = try classNames(count: classifier.classCount)
    let session = classifier.makeSession(maximumBatch: 1)
    var isComplete = true
    for image in images {
      let picture: RGBImage
      do {
        picture = try preprocessing.decode([UInt8](Data(contentsOf: URL(fileURLWithPath: image))), name: image)
      } catch {
        // The others are shown all the same.
        isComplete = false
        try show(Report(image: image, guesses: [], error: error.sentence))
        continue
      }
      var input = [Float](repeating: 0, count: classifier.inputHeight * classifier.inputWidth * 3)
      try input.withUnsafeMutableBufferPointer { try preprocessing.normalise(picture, into: $0) }
      var logits = [Float](repeating: 0, count: classifier.classCount)
      try input.withUnsafeBufferPointer { input in
        try logits.withUnsafeMutableBufferPointer { try session.logits(images: input, count: 1, into: $0) }
      }
      if let problem = Logits.problem(in: logits) {
        isComplete = false
        try show(Report(image: image, guesses: [], error: "the network gives \(problem)"))
      } else {
        try show(Report(image: image, guesses: Self.likeliest(logits, names), error: nil))
      }
    }
    if !isComplete { throw ExitCode(1) }
  }

  private func chooseArchitecture() throws -> Architecture {
    if let architecture {
      guard let found = try Architecture.named(architecture, checkpoint: model) else {
        throw UsageError("there is no architecture \(architecture); see gauntlet models")
      }
      return found
    }
    if CheckpointReader.isONNX(model) { return try .onnx(model) }
    let checkpoint = try CheckpointReader.open(model)
    guard let choice = checkpoint.likeliestArchitecture() else {
      let reason = checkpoint.whyNothingFits.map { ": \($0)" } ?? "; see gauntlet inspect \(model)"
      throw UsageError("\(model) fits no architecture that Gauntlet knows\(reason)")
    }
    if CheckpointNotes.note(on: choice) != nil {
      let reason = choice.reason ?? "the first that fits"
      Terminal.complain("taken for \(choice.architecture.name), \(reason); --architecture names another")
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
  }

  /// The five largest logits; of equal ones the lower class first.
  private static func likeliest(_ logits: [Float], _ names: [String]?) -> [Guess] {
    let largest = logits.max() ?? 0
    let weights = logits.map { exp(Double($0 - largest)) }
    let total = weights.reduce(0, +)
    let order = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }
    return order.prefix(5).map {
      Guess(index: $0, name: names?[$0], probability: weights[$0] / total, logit: logits[$0])
    }
  }

  private struct Report: Encodable {
    let image: String
    let guesses: [Guess]
    /// Why there are no guesses.
    let error: String?
  }

  private func show(_ report: Report) throws {
    if json {
      try printObject(report)
      return
    }
    print(report.image)
    if let error = report.error { print("  \(error)") }
    for guess in report.guesses {
      print(
        String(format: "  %5.1f %%  class %d", 100 * guess.probability, guess.index)
          + (guess.name.map { "  " + $0 } ?? ""))
    }
  }
}
