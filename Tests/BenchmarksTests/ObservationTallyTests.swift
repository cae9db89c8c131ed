import Benchmarks
import Foundation
import Records
import TestSupport
import Testing

/// Figures of what is seen within networks, by hand.
@Suite struct ObservationTallyTests {
  private let points = ObservedShape(
    [
      Variable("variance", [.init("point", 2)], description: ""),
      Variable("log_amplitude", [.init("point", 2), .init("frequency", 2)], description: ""),
    ],
    coordinates: [
      Axis(name: "point", values: ["a", "b"]), Axis(name: "frequency", values: ["0", "1"], isNumeric: true),
    ])

  private func listing(_ count: Int) -> ImageListing {
    ImageListing(
      paths: (0..<count).map { "c/\($0).png" }, labels: Array(repeating: 0, count: count), classNames: ["c"])
  }

  private func tally(
    _ kind: any Benchmark.Type, _ definition: BenchmarkDefinition, _ shape: ObservedShape, images: Int
  ) throws -> any Tally {
    let listing = listing(images)
    let tally = kind.observationTally(
      of: ObservedRun(
        definition, shape, listing, scoring: definition.scoring(of: listing, classCount: 1), population: 0))
    return try #require(tally)
  }

  private func value(_ name: String, _ metrics: [Metric]) throws -> [Double] {
    try #require(metrics.first { $0.name == name }).values
  }

  @Test func variancesAreMeansOfImages() throws {
    let definition = BenchmarkDefinition(
      kind: .featureMaps, name: "f", layout: PictureLayout(root: "/"), observed: .features)
    var tally = try tally(FeatureMaps.self, definition, points, images: 3)
    let nan = Float.nan
    func observations(_ variances: [Float], _ amplitudes: [Float]) -> [Observation] {
      [Observation(points.variables[0], variances), Observation(points.variables[1], amplitudes)]
    }
    tally.add(
      condition: 0, firstImage: 0, imageCount: 2,
      observations: observations([1, 10, 3, 30], [0, -2, 0, nan, 0, -4, 0, nan]))
    // An image without a result counts for nothing.
    tally.add(
      condition: 0, firstImage: 2, imageCount: 1, observations: observations([nan, nan], [nan, nan, nan, nan]))
    let metrics = tally.metrics(clean: nil, seed: 1)
    #expect(try value("mean_variance_by_point", metrics) == [2, 20])
    #expect(try value("mean_variance", metrics) == [11])
    #expect(try value("evaluated", metrics) == [2])
    // Frequencies that a point's maps do not have are left out.
    #expect(try value("high_frequency_amplitude", metrics) == [-3, 0])
    let (low, high) = (try value("mean_variance_low", metrics)[0], try value("mean_variance_high", metrics)[0])
    #expect(low >= 5.5 && low <= 11 && high >= 11 && high <= 16.5 && low < high)
    // The same whatever the order in which parts come.
    var other = try self.tally(FeatureMaps.self, definition, points, images: 3)
    other.add(condition: 0, firstImage: 1, imageCount: 1, observations: observations([3, 30], [0, -4, 0, nan]))
    other.add(condition: 0, firstImage: 0, imageCount: 1, observations: observations([1, 10], [0, -2, 0, nan]))
    for (one, two) in zip(metrics, other.metrics(clean: nil, seed: 1)) {
      #expect(one.values.map(\.bitPattern) == two.values.map(\.bitPattern), "\(one.name)")
    }
  }

  /// One layer of 5x5 ones reaches 5x5 pixels evenly: a ninth part of it is in 3x3.
  @Test func areasByHand() {
    var map = [Double](repeating: 0, count: 15 * 15)
    for row in 5..<10 { for column in 5..<10 { map[row * 15 + column] = 1 } }
    func side(_ share: Double) -> Double {
      (ReceptiveFieldStudy.area(holding: share, of: map, height: 15, width: 15) * 225).squareRoot()
    }
    #expect(side(0.01) == 1 && side(0.2) == 3 && side(0.3) == 3 && side(0.5) == 5 && side(0.99) == 5)
    #expect(ReceptiveFieldStudy.area(holding: 0.5, of: [0, 0, 0, 0], height: 2, width: 2).isNaN)
    #expect(ReceptiveFieldStudy.area(holding: 0.99, of: [1, 1, 1, 1], height: 2, width: 2) == 1)
  }

  @Test func receptiveFieldsAreScaledMeans() throws {
    let shape = ObservedShape(
      [Variable("receptive_field", [.init("row", 1), .init("column", 3)], description: "")],
      coordinates: [Axis(name: "row", values: ["0"]), Axis(name: "column", values: ["0", "1", "2"])])
    let definition = BenchmarkDefinition(
      kind: .receptiveField, name: "r", layout: PictureLayout(root: "/"), observed: .receptiveField)
    var tally = try tally(ReceptiveFieldStudy.self, definition, shape, images: 2)
    tally.add(
      condition: 0, firstImage: 0, imageCount: 2,
      observations: [Observation(shape.variables[0], [0, 99, 9, 0, 99, 9])])
    let metrics = tally.metrics(clean: nil, seed: 0)
    let map = try value("field_map", metrics)
    #expect(map[0] == 0 && map[1] == 1 && abs(map[2] - 0.5) < 1e-12)
    #expect(try value("coarse_field_map", metrics) == map)
    #expect(try value("area_of_50", metrics)[0] == 1 / 3.0)
  }

  @Test func kernelsOfFewerChannelsAreMeansOfTheirOwn() throws {
    let dimensions = [Variable.Dimension("kernel", 2), .init("channel", 2)]
    let names = ["kernel_distance", "kernel_distance_sum", "raw_kernel_distance", "raw_kernel_distance_sum"]
    let shape = ObservedShape(
      names.map { Variable($0, dimensions, description: "") }, coordinates: [Axis(name: "kernel", values: ["a", "b"])])
    let definition = BenchmarkDefinition(
      kind: .kernelDistance, name: "k", layout: PictureLayout(root: ""), observed: .kernelDistance)
    var tally = try tally(KernelDistanceStudy.self, definition, shape, images: 1)
    tally.add(
      condition: 0, firstImage: 0, imageCount: 1,
      observations: shape.variables.map { Observation($0, [0.25, .nan, 0.5, 1]) })
    let metrics = tally.metrics(clean: nil, seed: 0)
    #expect(try value("kernel_distance_by_kernel", metrics) == [0.25, 0.75])
    #expect(try value("mean_kernel_distance", metrics) == [0.5])
  }

  @Test func headsThatThereAreNotAreLeftOut() throws {
    let shape = ObservedShape(
      [Variable("attention_distance", [.init("block", 2), .init("head", 2)], description: "")],
      coordinates: [Axis(name: "block", values: ["a", "b"]), Axis(name: "head", values: ["0", "1"], isNumeric: true)])
    let definition = BenchmarkDefinition(
      kind: .attentionDistance, name: "a", layout: PictureLayout(root: "/"), observed: .attentionDistance)
    var tally = try tally(AttentionDistanceStudy.self, definition, shape, images: 2)
    tally.add(
      condition: 0, firstImage: 0, imageCount: 2,
      observations: [Observation(shape.variables[0], [1, 3, 6, .nan, 3, 5, 8, .nan])])
    let metrics = tally.metrics(clean: nil, seed: 0)
    #expect(try value("attention_distance_by_block", metrics) == [3, 7])
    #expect(try value("mean_attention_distance", metrics) == [5])
    #expect(try value("mean_attention_distance_low", metrics)[0] >= 10 / 3.0)
  }

  /// No gradient reaches the images: there is no field, and the section says so.
  @Test func emptyFieldsSaySo() throws {
    let shape = ObservedShape(
      [Variable("receptive_field", [.init("row", 1), .init("column", 2)], description: "")],
      coordinates: [Axis(name: "row", values: ["0"]), Axis(name: "column", values: ["0", "1"])])
    let definition = BenchmarkDefinition(
      kind: .receptiveField, name: "r", layout: PictureLayout(root: "/"), observed: .receptiveField)
    var tally = try tally(ReceptiveFieldStudy.self, definition, shape, images: 1)
    tally.add(
      condition: 0, firstImage: 0, imageCount: 1, observations: [Observation(shape.variables[0], [0, 0])])
    let area = try #require(tally.metrics(clean: nil, seed: 0).first { $0.name == "area_of_50" })
    #expect(area.values[0].isNaN && area.figure?.absence == "no receptive field: no gradient reaches the images")
  }

  /// A sample is the same for every seed, keeps the classes of all images, and holds every smaller one.
  @Test func samplesAreNested() throws {
    let folder = try ScratchFolder()
    for name in ["a", "b", "c"] {
      try FileManager.default.createDirectory(atPath: folder.path + "/" + name, withIntermediateDirectories: true)
      for image in 0..<20 {
        _ = FileManager.default.createFile(atPath: "\(folder.path)/\(name)/\(image).png", contents: Data("x".utf8))
      }
    }
    func listed(_ count: Int?) throws -> ImageListing {
      try BenchmarkDefinition(
        kind: .featureMaps, name: "f", layout: PictureLayout(root: folder.path), observed: .features,
        sample: count.map { ImageSample($0) }
      ).listing()
    }
    let all = try listed(nil)
    var before: Set<String> = []
    for count in [1, 2, 7, 59, 60, 100] {
      let found = try listed(count)
      #expect(found.paths.count == min(count, 60) && found.filesFound == 60 && found.classNames == all.classNames)
      #expect(before.isSubset(of: Set(found.paths)))
      #expect(found.paths == all.paths.filter(Set(found.paths).contains))
      for (path, label) in zip(found.paths, found.labels) {
        #expect(all.labels[try #require(all.paths.firstIndex(of: path))] == label)
      }
      before = Set(found.paths)
      // Drawn all over, not the first ones.
      if count == 7 { #expect(Set(found.labels).count > 1 && found.paths != Array(all.paths.prefix(7))) }
    }
  }
}
