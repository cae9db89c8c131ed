import Benchmarks
import Foundation
import Imaging
import Testing

/// What is done to a picture, step by step.
@Suite struct ConditionTests {
  private static let picture = RGBImage(
    width: 40, height: 30, pixels: (0..<3600).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 91) })
  private static let preprocessing = Preprocessing(
    resize: 28, crop: 28, interpolation: .bilinear, mean: [0, 0, 0], std: [1, 1, 1])

  private func made(
    _ steps: [PictureStep], path: String = "a/1.png", seed: UInt64 = 7, keeping kept: PictureSize? = nil
  ) throws -> [UInt8] {
    let context = PictureContext(
      preprocessing: Self.preprocessing, keeping: kept, seed: seed, frostPictures: [])
    return try steps.reduce(Self.picture) { try $1.apply(to: $0, at: path, context) }.pixels
  }

  @Test("steps are done in their order, so that a corrupted picture can be occluded, or an occluded one corrupted")
  func order() throws {
    let drop = PictureStep.drop(PatchDrop(gridSide: 4, percent: 50))
    let corrupt = PictureStep.corrupt(.gaussianNoise, severity: 3, CorruptionMaking())
    let occludedLast = try made([.fit, corrupt, drop])
    let zeros = try made([.fit, drop]).enumerated().filter { $0.element == 0 }.map(\.offset)
    #expect(zeros.count >= 28 * 28 * 3 / 2 && zeros.allSatisfy { occludedLast[$0] == 0 })
    let corruptedLast = try made([.fit, drop, corrupt])
    #expect(corruptedLast != occludedLast && !zeros.allSatisfy { corruptedLast[$0] == 0 })
  }

  @Test("random numbers follow from the seed, the path and what is done, not from what was done before")
  func random() throws {
    let corrupt = PictureStep.corrupt(.shotNoise, severity: 2, CorruptionMaking())
    let first = try made([.fit, corrupt])
    #expect(try made([.fit, corrupt]) == first)
    #expect(try made([.fit, corrupt], seed: 8) != first)
    #expect(try made([.fit, corrupt], path: "a/2.png") != first)
    #expect(try made([.fit, .corrupt(.shotNoise, severity: 3, CorruptionMaking())]) != first)
    #expect(try made([.fit, .fit, corrupt]) == first)
    // A picture of the kept size is not resized again.
    #expect(try made([.fit], keeping: PictureSize(width: 40, height: 30)) == Self.picture.pixels)
    #expect(try made([.fit]).count == 28 * 28 * 3)
  }

  @Test("blocks that are left out follow from the seed; draws of one take each once")
  func lesions() {
    let candidates = (0..<18).map { "stages.2.units.\($0)" }
    let single = (0..<18).map { Lesion(count: 1, draw: $0).chosen(of: candidates, seed: 7) }
    #expect(Set(single.joined()) == Set(candidates) && single.allSatisfy { $0.count == 1 })
    let six = (0..<10).map { Lesion(count: 6, draw: $0).chosen(of: candidates, seed: 7) }
    #expect(Set(six).count == 10 && six.allSatisfy { $0.count == 6 && Set($0).count == 6 })
    #expect(six.allSatisfy { chosen in chosen == candidates.filter(chosen.contains) })
    #expect(Lesion(count: 6, draw: 0).chosen(of: candidates, seed: 8) != six[0])
    #expect(Lesion(count: 6, draw: 0).sets(of: 18) == 18_564 && Lesion(count: 7, draw: 0).sets(of: 6) == 0)
    #expect(Lesion(count: 50, draw: 0).sets(of: 100) == 1_000_000 && Lesion(count: 6, draw: 0).sets(of: 6) == 1)
    // All pairs of six, each once.
    let pairs = (0..<15).map { Lesion(count: 2, draw: $0).chosen(of: Array(candidates[..<6]), seed: 7) }
    #expect(Set(pairs).count == 15)
    // Each unit is left out in about a third of the draws.
    let counts = (0..<300).flatMap { Lesion(count: 6, draw: $0).chosen(of: candidates, seed: 7) }
    for candidate in candidates { #expect((60...140).contains(counts.count { $0 == candidate })) }
    let definition = BenchmarkDefinition.lesion(name: "l", root: "/v", removed: [0, 1, 6], draws: 4)
    #expect(definition.conditions.count == 9 && definition.condition(at: 1) == nil)
    #expect(definition.condition(at: 0)?.lesion == nil)
    #expect(definition.condition(at: 11)?.lesion == Lesion(count: 6, draw: 3))
  }

  @Test("conditions are made once, lie at their cells, and come back from JSON as they were")
  func definitions() throws {
    let sequences = BenchmarkDefinition.perturbations(
      name: "p", origin: .madeFrom(root: "/v"), perturbations: ["snow", "translate"], frameCounts: [31, 41])
    #expect(sequences.conditions.count == 72)
    #expect(sequences.condition(at: 31) == nil && sequences.condition(at: 82) == nil)
    #expect(sequences.condition(at: 41)?.steps == [.perturb(.translate, frame: 0)])
    #expect(sequences.condition(at: 30)?.description == "snow/30")
    for condition in sequences.conditions { #expect(sequences.condition(at: condition.cell.index) == condition) }
    let corrupted = BenchmarkDefinition.corruptions(
      name: "c", origin: .madeFrom(root: "/v"), corruptions: ["fog", "snow"], severities: [2, 5],
      making: CorruptionMaking(jpegQuality: 85))
    #expect(
      corrupted.condition(at: 3)?.steps == [.fit, .corrupt(.snow, severity: 5, CorruptionMaking(jpegQuality: 85))])
    let published = BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: "/c"), corruptions: ["fog"], severities: [1])
    #expect(published.conditions.map(\.steps) == [[.fit]] && published.layout.mayFitAlready)
    for definition in [sequences, corrupted, published] {
      let data = try JSONEncoder().encode(definition)
      #expect(try JSONDecoder().decode(BenchmarkDefinition.self, from: data) == definition)
    }
  }
}
