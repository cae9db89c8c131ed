import Benchmarks
import Records
import Testing

@Suite struct CorruptionCoverageTests {
  private func benchmark(
    _ corruptions: [String], _ severities: [Int], live: Bool = false, making: CorruptionMaking = CorruptionMaking()
  ) -> BenchmarkDefinition {
    .corruptions(
      name: "c", origin: live ? .madeFrom(root: "/") : .published(root: "/"), corruptions: corruptions,
      severities: severities, making: making)
  }

  @Test("A run without mCE says what it lacks")
  func whyNoMCE() {
    let all = ImageNetC.corruptions
    #expect(benchmark(all, [1, 2, 3, 4, 5]).whyNoMeanCorruptionError == nil)
    #expect(benchmark(all, [5, 4, 3, 2, 1]).whyNoMeanCorruptionError == nil)
    #expect(
      benchmark(all, [3, 5]).whyNoMeanCorruptionError
        == "no mCE: severities 1, 2, 4 are not part of the run; it needs all five")
    #expect(
      benchmark(all, [1, 2, 3, 5]).whyNoMeanCorruptionError
        == "no mCE: severity 4 is not part of the run; it needs all five")
    #expect(
      benchmark(["gaussian_noise", "fog"], [1, 2, 3, 4, 5]).whyNoMeanCorruptionError
        == "no mCE: 13 of the standard 15 corruptions (shot_noise, impulse_noise, defocus_blur and 10 more) are not part "
        + "of the run; it needs all 15")
    #expect(
      benchmark(["fog"], [1]).whyNoMeanCorruptionError?.hasSuffix("it needs all five severities of all 15") == true)
    let clean = BenchmarkDefinition.clean(name: "val", root: "/")
    #expect(clean.whyNoMeanCorruptionError == nil && clean.attributes.isEmpty)
  }

  @Test("A mean says what it is over")
  func extents() throws {
    func coverage(_ corruptions: [String], _ severities: [Int]) throws -> CorruptionCoverage {
      try #require(CorruptionCoverage(axes: benchmark(corruptions, severities).grid.axes))
    }
    let all = try coverage(ImageNetC.corruptions, [1, 2, 3, 4, 5])
    #expect(all.extent(standardOnly: true) == "over the standard 15 corruptions, 5 severities")
    #expect(all.extent(standardOnly: false) == "over 19 corruptions, 5 severities")
    let standard = try coverage(ImageNetC.standardCorruptions, [3])
    #expect(standard.extent(standardOnly: false) == "over the standard 15 corruptions, 1 severity (3)")
    #expect(try coverage(["fog"], [3, 5]).extent(standardOnly: true) == "over 1 corruption, 2 severities (3, 5)")
    #expect(CorruptionCoverage(axes: [Axis(name: "frame", values: ["0"])]) == nil)
  }

  @Test("Corruptions made on the fly say how they differ from the published files")
  func differences() {
    func differences(
      _ corruptions: [String], live: Bool = true, _ making: CorruptionMaking = CorruptionMaking()
    ) -> String? {
      benchmark(corruptions, [1], live: live, making: making).attributes["differs_from_published"]
    }
    #expect(
      differences(["frost", "fog"])
        == "frost is drawn, not photographed; no JPEG recompression (published: quality 85); random numbers of their own"
    )
    #expect(differences(["fog"], CorruptionMaking(jpegQuality: 85)) == "random numbers of their own")
    #expect(
      differences(["fog"], CorruptionMaking(jpegQuality: 70))?.hasPrefix(
        "JPEG recompression of quality 70 (published: 85)") == true)
    #expect(differences(["frost"], live: false) == nil)
  }
}
