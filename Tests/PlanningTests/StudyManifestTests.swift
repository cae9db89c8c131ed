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

  @Test(
    "a heat map of frequencies: 63 x 63 with norm 15.7; an even size, and more waves than images have pixels for, are refused"
  )
  func fourierHeatMap() throws {
    let plain = try parse("{kind: fourier-heat-map, root: val}")
    #expect(plain.conditions.count == 1985 && plain.attributes["wave_norm"] == "15.7")
    guard case .addWave(let wave)? = plain.conditions[0].input.first else {
      Issue.record("\(plain.conditions[0])")
      return
    }
    #expect(wave == FourierWave(row: 31, column: 31, norm: 15.7))
    #expect(try parse("{kind: fourier-heat-map, root: val, size: 5, norm: 4}").conditions.count == 13)
    expectRefusal("{kind: fourier-heat-map, root: val, size: 4}", "size is 4, but must be odd")
    expectRefusal("{kind: fourier-heat-map, root: val, norm: 0}", "norm is 0.0, but must be above 0.0")
    func plan(_ size: Int) throws -> Plan {
      try workspace.write(
        """
        run: map
        models: [{architecture: replknet-nano, checkpoint: nano.safetensors}]
        benchmarks: [{kind: fourier-heat-map, root: val, size: \(size)}]
        """, to: "map.yaml")
      return try Plan.make(manifestPath: workspace.path + "/map.yaml")
    }
    #expect(try plan(63).manifest.benchmarks[0].conditions.count == 1985)
    #expect { try plan(65) } throws: {
      "\($0)".contains("takes images of 64x64, which have 31; ask for fewer with the key size, 63 at most")
    }
  }
}
