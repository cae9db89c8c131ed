import ArgumentParser
import Foundation
import Networks

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Lists the architectures that a manifest can name.",
    discussion: """
      Parameters in millions, multiply-adds an image in thousands of millions, and the side of the images in pixels.
      Example: gauntlet models
      """)

  func run() throws {
    let width = Architecture.all.map(\.name.count).max() ?? 0
    print("architecture".padding(toLength: width, withPad: " ", startingAt: 0) + "  params M  MACs G  input")
    for architecture in Architecture.all {
      print(
        architecture.name.padding(toLength: width, withPad: " ", startingAt: 0)
          + String(
            format: "  %8.1f  %6.2f  %5d", Double(architecture.parameterCount) / 1e6,
            Double(architecture.multiplyAdds) / 1e9, architecture.inputHeight))
    }
  }
}
