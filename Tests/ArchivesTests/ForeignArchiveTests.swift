import Archives
import CHDF5
import Foundation
import Records
import TestSupport
import Testing

/// Archives that nobody vouches for: what they may not make their reader do.
@Suite struct ForeignArchiveTests {
  private final class Folder {
    let path = ScratchFolder.freshPath()
    var archive: String { path + "/a.h5" }
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private static let group = ArchiveGroupPlan(
    path: "m/b", axes: [Axis(name: "severity", values: ["1", "2"], isNumeric: true)], imagePaths: ["a/1", "a/2"],
    labels: [0, 1], classNames: ["a", "b"], variables: [.logits(classes: 2)], attributes: ["model": "m"])

  private func write(_ path: String) throws {
    let writer = try ArchiveWriter(path: path, attributes: ["run": "r"], groups: [Self.group], compressed: false)
    for condition in 0..<2 {
      try writer.add(
        PartContents(
          shard: Int64(condition), group: "m/b", conditionIndex: condition, firstImage: 0, imageCount: 2,
          observations: [.logits([1, 2, 3, 4], classes: 2)], failures: [], attributes: [:]), fileSHA256: "")
    }
    try writer.close()
  }

  /// An archive that HDF5 changes before it is read.
  private func refusal(of change: (hid_t) -> Void) throws -> String? {
    let folder = try Folder()
    try write(folder.archive)
    let file = H5Fopen(folder.archive, 1, 0)
    change(file)
    #expect(H5Fclose(file) >= 0)
    do {
      _ = try ArchiveReader(path: folder.archive)
      return nil
    } catch let error as ArchiveError {
      return error.description
    }
  }

  private func setText(_ name: String, _ value: String, of object: String, _ file: hid_t) {
    let (type, space) = (gauntlet_h5_string(), gauntlet_h5_scalar())
    let owner = H5Oopen(file, object, 0)
    H5Adelete(owner, name)
    let attribute = H5Acreate2(owner, name, type, space, 0, 0)
    value.withCString { text in
      var pointer: UnsafePointer<CChar>? = text
      #expect(H5Awrite(attribute, type, &pointer) >= 0)
    }
    for (id, close) in [(attribute, H5Aclose), (owner, H5Oclose), (type, H5Tclose), (space, H5Sclose)] { _ = close(id) }
  }

  private func replaceLabels(_ file: hid_t, _ prepare: (hid_t, hid_t) -> Void) {
    H5Ldelete(file, "/m/b/label", 0)
    let (creation, extent) = (gauntlet_h5_dataset_creation(0, [], 0), [hsize_t(2)])
    let space = H5Screate_simple(1, extent, nil)
    prepare(creation, space)
    let dataset = H5Dcreate2(file, "/m/b/label", gauntlet_h5_file_int64(), space, 0, creation, 0)
    #expect(dataset >= 0)
    for (id, close) in [(dataset, H5Dclose), (creation, H5Pclose), (space, H5Sclose)] { _ = close(id) }
  }

  @Test("Nothing outside the archive is read: other files' bytes, links, datasets of other files")
  func elsewhere() throws {
    let folder = try Folder()
    let secret = folder.path + "/secret"
    try Data(count: 16).write(to: URL(fileURLWithPath: secret))
    try write(folder.archive)
    let refusals = [
      try refusal { file in
        replaceLabels(file) { creation, _ in #expect(H5Pset_external(creation, secret, 0, 16) >= 0) }
      },
      try refusal { file in
        replaceLabels(file) { creation, space in
          #expect(H5Pset_virtual(creation, space, folder.archive, "/m/b/label", space) >= 0)
        }
      },
      try refusal { file in
        H5Ldelete(file, "/m/b/label", 0)
        #expect(H5Lcreate_external(folder.archive, "/m/b/label", file, "/m/b/label", 0, 0) >= 0)
      },
      try refusal { file in
        H5Lmove(file, "/m/b/label", file, "/elsewhere", 0, 0)
        #expect(H5Lcreate_soft("/elsewhere", file, "/m/b/label", 0, 0) >= 0)
      },
    ]
    let words = [
      "label lies in another file", "label is put together from other datasets", "label is a link", "label is a link",
    ]
    for (refusal, words) in zip(refusals, words) {
      #expect(refusal?.contains(words) == true, "\(refusal ?? "read"), not \(words)")
    }
  }

  @Test("What an archive names does not make it larger than it is: groups, grids, pieces, names, classes")
  func largerThanItIs() throws {
    let refusals = [
      try refusal { setText("groups", "m/b\nm/b", of: "/", $0) },
      try refusal { file in
        #expect(H5Lcreate_hard(file, "/m/b", file, "/m/b/b", 0, 0) >= 0)
        setText(
          "groups", (0..<40).map { "m/b" + String(repeating: "/b", count: $0) }.joined(separator: "\n"), of: "/", file)
      },
      try refusal { file in setText("axes", (0..<40).map { _ in "severity" }.joined(separator: " "), of: "/m/b", file)
      },
      try refusal { file in
        H5Ldelete(file, "/m/b/logits", 0)
        // 2^31 bytes, none of which is written.
        let creation = gauntlet_h5_dataset_creation(3, [2, 2, 1 << 27], 1)
        let space = H5Screate_simple(3, [2, 2, 2], [hsize_t.max, .max, .max])
        #expect(H5Dclose(H5Dcreate2(file, "/m/b/logits", gauntlet_h5_file_float(), space, 0, creation, 0)) >= 0)
        H5Pclose(creation)
        H5Sclose(space)
      },
      try refusal { file in
        let dataset = H5Dopen2(file, "/m/b/label", 0)
        #expect(H5Dwrite(dataset, gauntlet_h5_native_int64(), 0, 0, 0, [Int64(0), 1 << 32]) >= 0)
        H5Dclose(dataset)
      },
    ]
    let words = [
      "lists a group twice", "nests an object", "too large for this file", "chunks of an invalid size",
      "labels that are not classes",
    ]
    for (refusal, words) in zip(refusals, words) {
      #expect(refusal?.contains(words) == true, "\(refusal ?? "read"), not \(words)")
    }
  }

  @Test("Parts that hold the same images are refused, which would be read as often as there are such")
  func overlap() throws {
    let folder = try Folder()
    try write(folder.archive)
    let file = H5Fopen(folder.archive, 1, 0)
    let dataset = H5Dopen2(file, "/provenance/parts/condition", 0)
    #expect(H5Dwrite(dataset, gauntlet_h5_native_int64(), 0, 0, 0, [Int64(1), 1]) >= 0)
    H5Dclose(dataset)
    #expect(H5Fclose(file) >= 0)
    #expect(throws: ArchiveError.unreadable(path: folder.archive, reason: "two of its parts hold the same images")) {
      try ArchiveReader(path: folder.archive).parts()
    }
  }

  @Test("The reader may open nothing, gain nothing, and call little of the system")
  func confinement() throws {
    let folder = try Folder()
    try write(folder.archive)
    let reader = try ReaderProcess()
    _ = try ConfinedFile(path: folder.archive, process: reader).attributes(of: "/")
    let status = try String(contentsOfFile: "/proc/\(reader.process)/status", encoding: .utf8)
    #expect(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"))
    let limits = try String(contentsOfFile: "/proc/\(reader.process)/limits", encoding: .utf8).split(separator: "\n")
    func limit(_ name: String) -> [Substring] {
      limits.first { $0.hasPrefix(name) }?.dropFirst(name.count).split(separator: " ").prefix(2).map { $0 } ?? []
    }
    #expect(limit("Max open files") == ["5", "5"] && limit("Max file size") == ["0", "0"])
    #expect(limit("Max address space")[0] != "unlimited" && limit("Max cpu time")[0] != "unlimited")
  }

  @Test("One reader reads many files, one after the other")
  func manyFiles() throws {
    let folder = try Folder()
    try write(folder.archive)
    let reader = try ReaderProcess()
    for _ in 0..<5 {
      #expect(try ArchiveReader(ConfinedFile(path: folder.archive, process: reader)).groups.count == 1)
    }
  }

  @Test("A reader that is lost is one clear error, and another file can be read by another")
  func lostReader() throws {
    let folder = try Folder()
    try write(folder.archive)
    let file = try ConfinedFile(path: folder.archive)
    kill(file.process.process, SIGSEGV)
    let error = #expect(throws: ArchiveError.self) { try file.attributes(of: "/") }
    #expect(
      error?.description.hasPrefix(
        "\(folder.archive) is damaged: its reader was killed by signal 11 (Segmentation fault); restore it") == true,
      "\(error.map { "\($0)" } ?? "")")
    #expect(throws: ArchiveError.self) { try file.attributes(of: "/") }
    #expect(try ArchiveReader(path: folder.archive).groups.count == 1)
  }

  @Test("A reader that is silent for too long is ended")
  func silence() throws {
    let folder = try Folder()
    try write(folder.archive)
    var limits = ReadingLimits(fileSize: 1)
    limits.silentSeconds = 1
    let file = try ConfinedFile(path: folder.archive, limits: limits)
    kill(file.process.process, SIGSTOP)
    #expect(throws: ArchiveError.damaged(path: folder.archive, reason: "its reader timed out after 1 seconds")) {
      try file.attributes(of: "/")
    }
    #expect(kill(file.process.process, 0) != 0)
  }

  @Test("A file gets no more memory, text and values than its limits allow")
  func bounds() throws {
    let folder = try Folder()
    try write(folder.archive)
    let wide = ReadingLimits(fileSize: 1)
    #expect(throws: Never.self) { try ArchiveReader(ConfinedFile(path: folder.archive, limits: wide)) }
    for change: (inout ReadingLimits) -> Void in [
      { $0.figureBytes = 500 }, { $0.memory = 0 },
    ] {
      var limits = wide
      change(&limits)
      #expect(throws: ArchiveError.self) { try ArchiveReader(ConfinedFile(path: folder.archive, limits: limits)) }
    }
    var limits = wide
    limits.valueBytes = 20
    let archive = try ArchiveReader(ConfinedFile(path: folder.archive, limits: limits))
    _ = try archive.logits(group: "m/b", conditionIndex: 0, images: 0..<2)
    #expect(throws: ArchiveError.self) { try archive.logits(group: "m/b", conditionIndex: 0, images: 0..<2) }
  }

  @Test("Limits grow with the file, and with nothing else")
  func limits() {
    let (small, large) = (ReadingLimits(fileSize: 0), ReadingLimits(fileSize: 1 << 30))
    #expect(small.memory == 512 << 20 && large.memory == 4 << 30 + 512 << 20)
    #expect(small.processorSeconds == 20 && large.processorSeconds == 20 + 1024)
    #expect(small.figureBytes == 64 << 20 && large.figureBytes == 64 << 30 + 64 << 20)
    #expect(ReadingLimits(fileSize: .max).memory == 32 << 30 + 512 << 20)
  }

  @Test("Pieces of a box are all of it, in order", arguments: [1, 2, 3, 5, 7, 24, 1000])
  func pieces(largest: Int) {
    let (start, count) = ([10, 20, 30], [2, 3, 4])
    var places: [[Int]] = []
    for piece in BoxPieces(start: start, count: count, largest: largest) {
      #expect(piece.count.reduce(1, *) <= largest)
      for a in 0..<piece.count[0] {
        for b in 0..<piece.count[1] {
          for c in 0..<piece.count[2] {
            places.append([piece.start[0] + a, piece.start[1] + b, piece.start[2] + c])
          }
        }
      }
    }
    let all = (0..<24).map { [10 + $0 / 12, 20 + $0 / 4 % 3, 30 + $0 % 4] }
    #expect(places == all)
    #expect(Array(BoxPieces(start: [], count: [], largest: largest)).count == 1)
    #expect(Array(BoxPieces(start: [0], count: [0], largest: largest)).isEmpty)
  }
}
