import ArgumentParser
import GauntletKit
import Planning

struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Writes pictures that one model gets right and another wrong, as PNG files.",
    discussion: """
      They are chosen by the logits in the run's archive and regenerated as the wrong network saw them: the exact \
      pixels, before mean and standard deviation. answers.csv gives each one's class and the wrong answer, index.csv the \
      rest. The data must be where the run read it. Exit status 1: there are none, or some could not be regenerated.
      Example: gauntlet show runs/miniature --right vit-nano --wrong replknet-nano --benchmark imagenet-c -n 6 -o differences
      """)

  @Argument(help: "The run's folder, with its archive.") var folder: String
  @Option(help: "The model that is right, by its name.") var right: String
  @Option(help: "The model that is wrong, by its name.") var wrong: String
  @Option(help: "The benchmark, by its name [default: the first that both models were evaluated on].")
  var benchmark: String?
  @OptionGroup var chosen: ConditionArguments
  @Option(name: [.customShort("n"), .long], help: "The maximum number of pictures, spread evenly over all there are.")
  var count = 12
  @Option(name: .shortAndLong, help: "The folder to fill, which must be new or empty.") var output: String

  func run() throws {
    try Usage.check(count, in: 1...100_000, option: "--count")
    let archive = try Usage.archive(folder)
    guard archive == RunFolder(folder).archive else {
      throw UsageError(
        "\(folder) is not a run folder; give the run folder, since an archive does not know where its images are")
    }
    try Usage.warn(ofSealOf: archive)
    var choice = Disagreement.Choice(right: right, wrong: wrong)
    (choice.benchmark, choice.conditions, choice.count) = (benchmark, chosen.condition, count)
    let disagreement = try Disagreement(of: folder, choice)
    let name = disagreement.plan.manifest.benchmarks[disagreement.benchmark].name
    guard disagreement.total > 0 else {
      Terminal.complain("gauntlet: \(right) is right and \(wrong) wrong on no image of \(name)")
      throw ExitStatus.setAside
    }
    let pictures = try disagreement.write(to: output)
    let problems = pictures.compactMap(\.problem)
    print(
      "\(pictures.count - problems.count) of \(disagreement.total) pictures of \(name) that \(right) gets right and "
        + "\(wrong) wrong: \(output)")
    if !disagreement.isOfSamePixels { print("as \(wrong) sees them; \(right) may see other pixels") }
    for problem in problems { Terminal.complain("gauntlet: \(problem)") }
    if !problems.isEmpty { throw ExitStatus.setAside }
  }
}
