import Benchmarks
import Foundation
import Imaging
import Planning
import Tensors
import Testing

/// The options of corruptions made on the fly: JPEG in between, and pictures of frost.
@Suite struct CorruptionMakingTests {
  let workspace: Workspace
  let reader: ManifestReader

  static let manifest = Workspace.manifest.replacing(
    "    root: c\n    corruptions: [fog]", with: "    from: val\n    jpeg: 85\n    frost: ice\n    corruptions: [frost]"
  )

  init() throws {
    workspace = try Workspace()
    reader = ManifestReader(file: workspace.path + "/m.yaml")
    try workspace.write("no picture", to: "empty/readme.txt")
    try workspace.write("no picture either", to: "damaged/1.png")
    try frost(shade: 200, to: "ice/1.jpg")
    for index in 0...100 { try workspace.write("", to: "many/\(index).jpg") }
  }

  private func frost(shade: UInt8, to name: String) throws {
    let picture = RGBImage(width: 80, height: 70, pixels: [UInt8](repeating: shade, count: 80 * 70 * 3))
    try workspace.write("", to: name)
    try Data(JPEGEncoder.encode(picture, quality: 95)).write(to: URL(fileURLWithPath: workspace.path + "/" + name))
  }

  @Test("Both options are read, go with the task, and the pictures are told by their digest")
  func options() throws {
    try workspace.write(Self.manifest, to: "m.yaml")
    let plan = try Plan.make(manifestPath: workspace.path + "/m.yaml")
    let benchmark = plan.manifest.benchmarks[1]
    #expect(benchmark.attributes["jpeg_quality"] == "85")
    let folder = try #require(benchmark.frost)
    #expect(folder.path == workspace.path + "/ice" && folder.digest.count == 64)
    #expect(try folder.pictures().map(\.width) == [80])
    let shard = try #require(plan.shards.first { $0.benchmark == 1 })
    let condition = try ShardTask(decoding: ShardTask(shard, of: plan).encoded()).condition
    #expect(condition == benchmark.condition(at: shard.condition) && condition.frost == folder)
    guard case .corrupt(_, severity: _, let making)? = condition.steps.last else {
      Issue.record("\(condition.steps)")
      return
    }
    #expect(making == CorruptionMaking(jpegQuality: 85, frost: folder))
    #expect(plan.manifest.benchmarks[0].conditions.map(\.steps) == [[.fit]])

    try plan.checkInputsUnchanged()
    try frost(shade: 201, to: "ice/1.jpg")
    #expect(throws: ListingError.changedPictures(folder.path)) { try plan.checkInputsUnchanged() }
    try frost(shade: 200, to: "ice/1.jpg")
    try plan.checkInputsUnchanged()
    try frost(shade: 200, to: "ice/2.jpg")
    #expect(throws: ListingError.changedPictures(folder.path)) { try folder.pictures() }
  }

  @Test("JPEG in between is the corrupted picture, encoded and decoded")
  func jpeg() throws {
    let picture = RGBImage(
      width: 40, height: 30, pixels: (0..<3600).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 91) })
    let random = CounterRandom(key: 1, stream: 2)
    func made(_ making: CorruptionMaking) throws -> RGBImage {
      try making.apply(.contrast, to: picture, severity: 2, random: random, frostPictures: [])
    }
    let plain = try Corruption.contrast.apply(picture, severity: 2, random: random)
    #expect(try made(CorruptionMaking()) == plain)
    #expect(
      try made(CorruptionMaking(jpegQuality: 85))
        == ImageDecoder.decode(JPEGEncoder.encode(plain, quality: 85), name: "reference"))
    #expect(try made(CorruptionMaking(jpegQuality: 85)) != made(CorruptionMaking(jpegQuality: 80)))
  }

  @Test(
    "What cannot be followed is refused with its line",
    arguments: [
      ("from: val", "root: c", 12, "is for corruptions made on the fly"),
      ("jpeg: 85", "jpeg: 0", 12, "must be from 1 to 100"),
      ("frost: ice", "frost: gone", 13, "does not exist"),
      ("frost: ice", "frost: empty", 13, "no pictures in"),
      ("frost: ice", "frost: damaged", 13, "1.png"),
      ("frost: ice", "frost: many", 13, "holds more than 100 pictures"),
    ])
  func refusals(find: String, replace: String, line: Int, says: String) {
    let text = Self.manifest.replacing(find, with: replace)
    #expect(text != Self.manifest)
    let error = #expect(throws: ManifestError.self) { try reader.parse(text) }
    #expect(error?.problem.contains(says) == true && error?.line == line, "\(String(describing: error))")
  }
}
