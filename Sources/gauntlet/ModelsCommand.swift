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
      Parameters in millions, multiply-adds an image in thousands of millions, the side of the images in pixels, and \
      what a manifest does to pictures unless it says otherwise: the shortest side after resizing, the filter, and the \
      mean that is subtracted.
      Of a SLaK the file tells the design (SLaK-T's is shown), of an ONNX model (architecture `onnx`) everything. NAME@SIDE stands for images of \
      another side, such as vit_base_patch16_224@384 or replknet-31b@384.
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
