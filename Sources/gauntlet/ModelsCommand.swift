import ArgumentParser
import Foundation
import Imaging
import Networks
import Planning

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Lists the architectures that a manifest can name.",
    discussion: """
      Parameters in millions, multiply-adds per image in billions, the image side in pixels, and \
      the default preprocessing: the shortest side after resizing, the filter, and the \
      mean that is subtracted.
      SLaK's design is read from the checkpoint (SLaK-T is shown), an ONNX model (architecture `onnx`) defines everything itself. \
      NAME@SIDE is for images of another side, such as vit_base_patch16_224@384 or replknet-31b@384.
      Example: gauntlet models
      """)

  func run() throws {
    let width = Architecture.all.map(\.name.count).max() ?? 0
    print(
      "architecture".padding(toLength: width, withPad: " ", startingAt: 0) + "  params M  MACs G  input  preprocessing")
    for architecture in Architecture.all {
      print(
        architecture.name.padding(toLength: width, withPad: " ", startingAt: 0)
          + Self.sizes(architecture) + String(format: "  %5d", architecture.inputHeight)
          + "  " + CheckpointNotes.text(architecture.defaultPreprocessing))
    }
  }

  private static func sizes(_ architecture: Architecture) -> String {
    String(
      format: "  %8.1f  %6.2f", Double(architecture.parameterCount) / 1e6, Double(architecture.multiplyAdds) / 1e9)
  }
}
