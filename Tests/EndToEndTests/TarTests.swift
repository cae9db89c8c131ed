import Archives
import Foundation
import TestSupport
import Testing

@Suite struct TarTests {
  @Test("a run over a tar archive and over the unpacked folder gives the same logits, bit for bit")
  func tarEqualsFolder() throws {
    let scratch = try ScratchFolder()
    let data = scratch.path + "/data"
    try Drawings.copy(images: 20, to: data)
    try tar(["-cf", scratch.path + "/images.tar", "-C", data, "val", "imagenet-9"])
    try writeShards(of: data + "/val", to: scratch.path)
    let manifest = """
      run: tar
      models:
        - {architecture: replknet-nano, checkpoint: "\(Repository.path)/models/replknet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-val, name: folder, root: data/val}
        - {kind: imagenet-val, name: archive, root: images.tar/val}
        - {kind: imagenet-val, name: shards, root: "val-{08..10}.tar", classes: data/classes.json}
        - {kind: imagenet-9, name: nine, root: data/imagenet-9}
        - {kind: imagenet-9, name: nine-archive, root: images.tar/imagenet-9}
      sharding: {images: 16}
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let run = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run])
    try #require(outcome.status == 0, "\(outcome.errors)")

    let archive = try ArchiveReader(path: run + "/archive.h5")
    for (folder, packed, count) in [("folder", "archive", 20), ("nine", "nine-archive", 160)] {
      let groups = ["replknet-nano/" + folder, "replknet-nano/" + packed]
      let found = try groups.map { try archive.logits(group: $0, conditionIndex: 0, images: 0..<count) }
      #expect(found[0].allSatisfy { $0.isFinite })
      #expect(found[0].map { $0.bitPattern } == found[1].map { $0.bitPattern })
      // A run has one temperature, fitted on the first clean images.
      let metrics = try groups.map { try archive.metrics(group: $0).filter { $0.name != "temperature" } }
      // Bit by bit, as a figure that is not defined is NaN.
      #expect(metrics[0].map(\.name) == metrics[1].map(\.name))
      #expect(metrics[0].map { $0.values.map(\.bitPattern) } == metrics[1].map { $0.values.map(\.bitPattern) })
    }
    try expectSameImages(archive, "replknet-nano/folder", "replknet-nano/shards")
    let logs = try FileManager.default.contentsOfDirectory(atPath: run + "/logs").map {
      try String(contentsOfFile: run + "/logs/" + $0, encoding: .utf8)
    }
    #expect(logs.contains { $0.contains("380 images; computing ") }, "a worker says at its end where its time went")
  }

  /// Three of WebDataset's shards, image and class index of each sample beside each other.
  private func writeShards(of folder: String, to target: String) throws {
    let files = FileManager.default
    let classes = try files.contentsOfDirectory(atPath: folder).sorted()
    var count = 0
    for (number, name) in classes.enumerated() {
      for file in try files.contentsOfDirectory(atPath: folder + "/" + name).sorted() {
        let key = file.prefix { $0 != "." }
        let shard = target + "/shard-" + String(count % 3)
        try files.createDirectory(atPath: shard, withIntermediateDirectories: true)
        try files.copyItem(atPath: "\(folder)/\(name)/\(file)", toPath: "\(shard)/\(key).jpg")
        try Data(String(number).utf8).write(to: URL(fileURLWithPath: "\(shard)/\(key).cls"))
        count += 1
      }
    }
    for shard in 0..<3 {
      try tar(["-cf", "\(target)/val-\(["08", "09", "10"][shard]).tar", "-C", "\(target)/shard-\(shard)", "."])
    }
  }

  private func tar(_ arguments: [String]) throws {
    try #require(Program.run("tar", arguments).status == 0)
  }

  /// The images of two benchmarks lie in another order, but each has the same logits and label.
  private func expectSameImages(_ archive: ArchiveReader, _ one: String, _ other: String) throws {
    func images(_ path: String) throws -> [String: [UInt32]] {
      let group = try #require(archive.groups.first { $0.path == path })
      let logits = try archive.logits(group: path, conditionIndex: 0, images: 0..<group.imageCount)
      var found: [String: [UInt32]] = [:]
      for (index, path) in group.imagePaths.enumerated() {
        let name = path.split(separator: "/").last?.split(separator: ".").first.map(String.init) ?? path
        let row = logits[index * group.classNames.count..<(index + 1) * group.classNames.count].map(\.bitPattern)
        found[name] = row + [UInt32(bitPattern: group.labels[index])]
      }
      return found
    }
    let found = try images(one)
    #expect(found.count == 20)
    #expect(try images(other) == found)
  }
}
