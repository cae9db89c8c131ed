import Archives
import Crypto
import Durable
import Foundation
import Records
import TestSupport
import Testing

@Suite struct ArchiveTests {
  private static let plan = ArchiveGroupPlan(
    path: "net/c",
    axes: [
      Axis(name: "corruption", values: ["fog", "snow"], isNumeric: false),
      Axis(name: "severity", values: ["1", "2", "3"], isNumeric: true),
    ], imagePaths: ["a/1.JPEG", "a/2.JPEG", "b/3.JPEG", "b/ü.JPEG"], labels: [0, 0, 1, -1],
    classNames: ["a", "b"], variables: variables, attributes: ["model": "net", "note": "two\nlines"])

  /// Logits, a number an image, and a table an image.
  private static let variables = [
    Variable.logits(classes: 2), Variable("loss", [], description: "cross-entropy, nats"),
    Variable("spread", [.init("block", 3), .init("statistic", 2)], description: "of feature maps"),
  ]

  private static func parts(of path: String = "net/c") -> [PartContents] {
    (0..<12).map { index in
      let isFailed = index == 5
      let logits = (0..<4).map { isFailed && $0 < 2 ? Float.nan : Float(index * 10 + $0) }
      return PartContents(
        shard: Int64(index), group: path, conditionIndex: index / 2, firstImage: index % 2 * 2, imageCount: 2,
        observations: [
          .logits(logits, classes: 2), Observation(variables[1], [isFailed ? .nan : Float(index), -1]),
          Observation(variables[2], (0..<12).map { isFailed && $0 < 6 ? .nan : Float(index) + Float($0) / 16 }),
        ],
        failures: isFailed ? [ImageFailure(offset: 0, reason: "b/3.JPEG is empty")] : [],
        attributes: ["worker": "w\(index % 3)"])
    }
  }

  private static func bits(_ observations: [Observation]) -> [[UInt32]] {
    observations.map { $0.values.map(\.bitPattern) }
  }

  private func write(_ path: String, _ parts: [PartContents], compressed: Bool = true) throws {
    let writer = try ArchiveWriter(
      path: path, attributes: ["title": "t", "run": "r"], groups: [Self.plan], compressed: compressed)
    for part in parts { try writer.add(part, fileSHA256: "\(part.shard)") }
    try writer.writeMetrics(
      group: "net/c",
      [
        Metric(
          name: "top1", description: "accuracy", axes: ["corruption", "severity"], values: [1, 2, 3, 4, 5, .nan]),
        Metric(name: "mean", description: "mean", axes: [], values: [0.5]),
      ])
    try writer.writeTable("attempts", columns: [.integers("shard", []), .strings("worker", [])])
    try writer.close()
  }

  @Test("Two that write one archive at once do not write into each other's file")
  func twoWriters() throws {
    let folder = try ScratchFolder()
    func writer() throws -> ArchiveWriter {
      try ArchiveWriter(
        path: folder.path + "/a.h5", attributes: ["title": "t", "run": "r"], groups: [Self.plan], compressed: true)
    }
    let both = [try writer(), try writer()]
    for part in Self.parts() { for one in both { try one.add(part, fileSHA256: "\(part.shard)") } }
    for one in both {
      try one.writeTable("attempts", columns: [.integers("shard", []), .strings("worker", [])])
      try one.close()
      #expect(try ArchiveVerifier.verify(folder.path + "/a.h5").isSound)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.h5"])
  }

  @Test("A failure says whether the file could not be read")
  func unreadable() throws {
    let folder = try ScratchFolder()
    let parts = Self.parts().map { part in
      PartContents(
        shard: part.shard, group: part.group, conditionIndex: part.conditionIndex, firstImage: part.firstImage,
        imageCount: part.imageCount, observations: part.observations,
        failures: part.failures.isEmpty
          ? [] : [0, 1].map { ImageFailure(offset: $0, reason: "r", isUnreadable: $0 == 1) },
        attributes: part.attributes
      )
    }
    try write(folder.path + "/a.h5", parts)
    let failures = try ArchiveReader(path: folder.path + "/a.h5").failures(group: "net/c")
    #expect(failures.map(\.isUnreadable) == [false, true])
  }

  @Test func aPartComesBackAsItWas() throws {
    let folder = try ScratchFolder()
    for part in Self.parts() {
      let path = folder.path + "/\(part.shard).h5"
      let written = try PartFile.write(part, to: path)
      let read = try PartFile.read(path, expectedSHA256: written.sha256)
      #expect(Self.bits(read.observations) == Self.bits(part.observations))
      #expect(read.observations.map(\.variable) == Self.variables)
      #expect(read.failures == part.failures && read.attributes == part.attributes && read.shard == part.shard)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == written.bytes)
      #expect(throws: ArchiveError.self) { try PartFile.read(path, expectedSHA256: "0") }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 12)
  }

  @Test(arguments: [true, false]) func anArchiveHoldsItsPartsInAnyOrder(compressed: Bool) throws {
    let folder = try ScratchFolder()
    try write(folder.path + "/1.h5", Self.parts(), compressed: compressed)
    try write(folder.path + "/2.h5", Self.parts().reversed(), compressed: compressed)
    try write(folder.path + "/3.h5", Self.parts(), compressed: compressed)
    for name in ["1", "2"] {
      let archive = try ArchiveReader(path: folder.path + "/\(name).h5")
      let group = try #require(archive.groups.first)
      #expect(group.axes == Self.plan.axes && group.imagePaths == Self.plan.imagePaths)
      #expect(
        group.labels == Self.plan.labels && group.classNames == ["a", "b"] && group.variables == Self.variables)
      #expect(group.attributes["note"] == "two\nlines" && archive.attributes["title"] == "t")
      for part in Self.parts() {
        let images = part.firstImage..<part.firstImage + 2
        let found = try Self.variables.map {
          Observation(
            $0,
            try archive.values(
              of: $0.name, group: "net/c", conditionIndex: part.conditionIndex, images: images))
        }
        #expect(Self.bits(found) == Self.bits(part.observations))
        let complete = try archive.complete(group: "net/c", conditionIndex: part.conditionIndex)
        #expect(Array(complete[images]) == [part.failures.isEmpty, true])
      }
      let metrics = try archive.metrics(group: "net/c")
      #expect(metrics.map(\.name) == ["top1", "mean"] && metrics[1].values == [0.5])
      #expect(try archive.failures(group: "net/c").map(\.image) == [2])
      let report = try ArchiveVerifier.verify(folder.path + "/\(name).h5")
      #expect(report.isSound && report.incomplete.isEmpty && report.soundParts == 12, "\(report.lines)")
    }
    let first = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/1.h5"))
    let third = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/3.h5"))
    #expect(first == third)
  }

  /// Values are compared with what provenance says of them, even in a file that was sealed again.
  @Test("Values of any variable that are not the recorded ones are found")
  func everyVariableIsVerified() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/a.h5"
    let writer = try ArchiveWriter(path: path, attributes: [:], groups: [Self.plan], compressed: false)
    for part in Self.parts() { try writer.add(part, fileSHA256: "") }
    try writer.close()
    let text = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    // The seal is a line of 64 digits behind its mark.
    let mark = Array("\ngauntlet sha256 ".utf8)
    let end = text.count - mark.count - 65
    func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte) }
    var digests: [Int] = []
    var place = 0
    while place < end - 64 {
      if text[place..<place + 64].allSatisfy(isDigit) {
        digests.append(place)
        place += 64
      } else {
        place += 1
      }
    }
    #expect(digests.count == 12 * Self.variables.count)
    var found: Set<String> = []
    for digest in digests {
      var bytes = Array(text[..<end])
      bytes[digest] = bytes[digest] == 48 ? 49 : 48
      let seal = SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
      try Data(bytes + mark + Array("\(seal)\n".utf8)).write(to: URL(fileURLWithPath: path))
      let damage = try ArchiveVerifier.verify(path).damage
      #expect(damage.count == 1 && damage[0].hasSuffix("do not match the recorded digest"), "\(damage)")
      found.formUnion(Self.variables.map(\.name).filter { damage.first?.contains("the \($0) do not match") == true })
    }
    #expect(found == Set(Self.variables.map(\.name)))
  }

  @Test func whatIsMissingIsNaNAndNamed() throws {
    let folder = try ScratchFolder()
    try write(folder.path + "/a.h5", Array(Self.parts().dropLast()))
    let report = try ArchiveVerifier.verify(folder.path + "/a.h5")
    #expect(report.isSound && !report.isComplete)
    #expect(report.incomplete == ["net/c, corruption snow, severity 3: 2 of 4 images have no result"])
    #expect(
      report.missing == [2, 3].map { "net/c, corruption snow, severity 3, image \($0): \(Self.plan.imagePaths[$0])" })
    let logits = try ArchiveReader(path: folder.path + "/a.h5").logits(
      group: "net/c", conditionIndex: 5, images: 2..<4)
    #expect(logits.allSatisfy { $0.isNaN })
  }

  @Test func misplacedPartsAreRefused() throws {
    let folder = try ScratchFolder()
    let writer = try ArchiveWriter(path: folder.path + "/a.h5", attributes: [:], groups: [Self.plan], compressed: false)
    let part = Self.parts()[0]
    try writer.add(part, fileSHA256: "")
    #expect(throws: ArchiveError.self) { try writer.add(part, fileSHA256: "") }
    #expect(throws: ArchiveError.self) { try writer.add(Self.parts(of: "net/x")[1], fileSHA256: "") }
    for (condition, first, count, classes) in [(6, 0, 2, 2), (1, 3, 2, 2), (1, 0, 2, 3), (1, -1, 2, 2), (1, 0, 1, 2)] {
      let wrong = PartContents(
        shard: 9, group: "net/c", conditionIndex: condition, firstImage: first, imageCount: count,
        observations: [.logits([1, 2, 3, 4], classes: classes)] + part.observations.dropFirst(), failures: [],
        attributes: [:])
      #expect(throws: ArchiveError.self) { try writer.add(wrong, fileSHA256: "") }
    }
    // Without one of its variables, in another order, or one of other extents.
    let swapped = [part.observations[1], part.observations[0], part.observations[2]]
    let flat = Observation(
      Variable("spread", [.init("block", 6)], description: "of feature maps"), .init(repeating: 0, count: 12))
    for observations in [Array(part.observations.dropLast()), swapped, Array(part.observations[..<2]) + [flat]] {
      let wrong = PartContents(
        shard: 9, group: "net/c", conditionIndex: 1, firstImage: 0, imageCount: 2, observations: observations,
        failures: [], attributes: [:])
      #expect(throws: ArchiveError.self) { try writer.add(wrong, fileSHA256: "") }
    }
  }

  @Test func anAbandonedArchiveLeavesNothing() throws {
    let folder = try ScratchFolder()
    do {
      let writer = try ArchiveWriter(
        path: folder.path + "/a.h5", attributes: [:], groups: [Self.plan], compressed: true)
      try writer.add(Self.parts()[0], fileSHA256: "")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    #expect(throws: FileError.self) {
      try ArchiveWriter(path: folder.path + "/none/a.h5", attributes: [:], groups: [], compressed: true)
    }
  }

  @Test func damageIsNoticedAndNeverCrashes() throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/a.h5"
    try write(path, Self.parts())
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let expected = try Self.parts().map { part in
      try ArchiveReader(path: path).logits(
        group: "net/c", conditionIndex: part.conditionIndex, images: part.firstImage..<part.firstImage + 2
      ).map(\.bitPattern)
    }
    var state: UInt64 = 7
    for round in 0..<300 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let place = Int(state >> 33) % whole.count
      var damaged = round % 10 == 0 ? Array(whole.prefix(place)) : whole
      if damaged.count == whole.count { damaged[place] ^= UInt8(1 << (round % 8)) }
      try Data(damaged).write(to: URL(fileURLWithPath: path))
      guard let report = try? ArchiveVerifier.verify(path), report.isSound, report.incomplete.isEmpty else { continue }
      // Believed, so the logits must be the true ones.
      let archive = try ArchiveReader(path: path)
      for (part, bits) in zip(Self.parts(), expected) {
        let logits = try archive.logits(
          group: "net/c", conditionIndex: part.conditionIndex, images: part.firstImage..<part.firstImage + 2)
        #expect(logits.map(\.bitPattern) == bits, "byte \(place)")
      }
    }
  }
}
