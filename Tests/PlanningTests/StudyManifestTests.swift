import Benchmarks
import Foundation
import Imaging
import Planning
import Testing

/// Manifest entries of the experiments that change what a network is given.
@Suite struct StudyManifestTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func parse(_ benchmark: String) throws -> BenchmarkDefinition {
    let head = try #require(Workspace.manifest.components(separatedBy: "benchmarks:").first)
    return try #require(
      ManifestReader(file: workspace.path + "/m.yaml").parse(head + "benchmarks:\n  - " + benchmark + "\n").benchmarks
        .first)
  }

  private func expectRefusal(_ benchmark: String, _ words: String) {
    #expect { try parse(benchmark) } throws: { "\($0)".contains(words) && $0 is ManifestError }
  }

  @Test("noise by frequency: eleven bands of 40/255 unless something else is asked for")
  func frequencyNoise() throws {
    let plain = try parse("{kind: frequency-noise, root: val}")
    #expect(plain.conditions.count == 12 && plain.name == "frequency-noise")
    guard case .addNoise(let noise)? = plain.conditions[1].input.first else {
      Issue.record("\(plain.conditions[1])")
      return
    }
    #expect(noise == BandNoise(band: FrequencyBand(tenth: 0), making: BandNoise.Making(epsilon: 40.0 / 255)))
    let authors = try parse(
      "{kind: frequency-noise, root: val, frequencies: [0.7, 0.0], domain: normalised, mask: authors, energy: equal, sign: false}"
    )
    let making = BandNoise.Making(
      epsilon: 0.7, domain: .normalised, mask: .authors, energy: .equal, isSign: false, clips: false)
    #expect(authors.grid.axes[0].values == ["none", "0.0", "0.7"])
    #expect(authors.conditions[2].input == [.addNoise(BandNoise(band: FrequencyBand(tenth: 7), making: making))])
    for (eps, value) in [("8/255", 8.0 / 255), ("0.03", 0.03), ("1", 1)] {
      #expect(try parse("{kind: frequency-noise, root: val, eps: \(eps)}").attributes["noise_eps"] == "\(value)")
    }
    expectRefusal("{kind: frequency-noise, root: val, eps: 8}", "eps is 8.0, but must be above 0.0 and at most 1.0")
    expectRefusal("{kind: frequency-noise, root: val, eps: 300/255}", "eps is 300/255, but must be above 0.0")
    expectRefusal("{kind: frequency-noise, root: val, eps: 8/0}", "a fraction such as 8/255")
    expectRefusal("{kind: frequency-noise, root: val, eps: 8/255/2}", "eps must be a number")
    expectRefusal("{kind: frequency-noise, root: val, frequencies: [0.75]}", "must be one of 0.0, 0.1")
    expectRefusal("{kind: frequency-noise, root: val, sign: maybe}", "must be one of true, false")
    expectRefusal("{kind: frequency-noise, root: val, mask: round}", "must be one of symmetric, authors")
    expectRefusal("{kind: frequency-noise, root: val, epsilon: 1}", "unknown key \"epsilon\"")
  }
}
