import Benchmarks
import Crypto
import Durable
import Foundation
import Imaging
import Networks
import Records

/// What a run will do: the resolved manifest with every benchmark's images. Shards follow from it by counting.
public struct Plan: Sendable {
  /// A random name, new with each plan, that ties workers, parts and ledger to one run.
  public let runID: String
  /// The resolved manifest, checkpoint digests filled in.
  public let manifest: Manifest
  /// The manifest's text as the user wrote it.
  public let manifestText: String
  /// The images of each benchmark, in the manifest's order.
  public let listings: [ImageListing]
  /// What tells whether the images' files are those of before, for each benchmark.
  let stamps: PlannedStamps
  /// The size of the images that each model's network takes.
  public let inputs: [PictureSize]
  /// Of each benchmark the different sizes of the first pictures of its folders, as they are in their files.
  public let pictures: [[PictureSize]]
  /// What each model's observations on each benchmark are, [model][benchmark].
  let shapes: [[ObservedShape]]
  /// When the plan was made, ISO 8601, UTC.
  public let created: String

  /// Plans a manifest: lists the images, looks at the first ones, and digests the checkpoints.
  ///
  /// - Throws: `ListingError`, `PlanningError`, `CheckpointError` or a file error, and `ManifestError` where nothing could be
  ///   scored, before anything is started.
  public static func make(manifestPath: String, note: (String) -> Void = { _ in }) throws -> Plan {
    let manifest = try ManifestReader(file: manifestPath).read()
    var models: [ModelSpecification] = []
    for var model in manifest.models {
      if !model.checkpoint.isEmpty { note("reading \(model.checkpoint)") }
      model.checkpointDigest = try model.digest()
      model.classCount = try model.outputs()
      if let output = model.outputNote { note("\(model.name): \(output)") }
      if model.python == nil, let doubt = try? CheckpointReader.open(model.checkpoint).doubt(about: model.architecture)
      {
        note("\(model.name): \(doubt)")
      }
      models.append(model)
    }
    let listings = try manifest.benchmarks.map { benchmark in
      if benchmark.observed.isOfImages { note("listing \(benchmark.root)") }
      return try benchmark.annotated(benchmark.listing())
    }
    let stamps = try zip(manifest.benchmarks, listings).map { benchmark, listing in
      if benchmark.observed.isOfImages { note("reading a sample of \(benchmark.root)") }
      return try benchmark.stamps(of: listing)
    }
    let resolved = Manifest(
      run: manifest.run, seed: manifest.seed, models: models, benchmarks: manifest.benchmarks,
      sharding: manifest.sharding, output: manifest.output)
    let plan = Plan(
      runID: UUID().uuidString.lowercased(), manifest: resolved,
      manifestText: try String(contentsOfFile: manifestPath, encoding: .utf8), listings: listings,
      stamps: .made(stamps),
      inputs: try models.map(input(of:)),
      pictures: try zip(manifest.benchmarks, listings).map { try FirstPictures(benchmark: $0, listing: $1).sizes() },
      shapes: try shapes(of: resolved, manifestPath),
      created: Date().formatted(.iso8601))
    try plan.checkPythonModels(manifestPath)
    try plan.checkFit()
    try plan.checkScorable(manifestPath)
    try plan.checkLesions(manifestPath)
    try plan.checkAttacks(manifestPath)
    try plan.checkTransfers(manifestPath)
    try plan.checkSteps(manifestPath)
    try plan.checkAnnotations(manifestPath)
    return plan
  }

  /// Every shard, models slowest, then benchmarks, conditions and ranges of images.
  public var shards: ShardTable {
    ShardTable(
      cells: manifest.models.indices.flatMap { model in
        zip(manifest.benchmarks, listings).enumerated().flatMap { benchmark, planned in
          planned.0.grid.cells.map {
            ShardCell(
              model: model, benchmark: benchmark, condition: $0.index,
              imageCount: planned.0.evaluates(manifest.models[model].name) ? planned.1.paths.count : 0,
              shardImages: shardImages(model: model, benchmark: benchmark))
          }
        }
      })
  }

  /// Images of a shard at most: as the manifest asks, but no more than a result holds in 64 MiB or a worker keeps.
  private func shardImages(model: Int, benchmark: Int) -> Int {
    let numbers = variables(model: model, benchmark: benchmark).reduce(0) { $0 + ($1.count(atMost: 1 << 30) ?? 0) }
    let fitting = max(1, (64 << 20) / max(1, 4 * numbers))
    return min(manifest.sharding.images, fitting, manifest.benchmarks[benchmark].observed.mostImages ?? .max)
  }

  /// The archive's group of a model and a benchmark: `MODEL/BENCHMARK`.
  public func group(model: Int, benchmark: Int) -> String {
    manifest.models[model].name + "/" + manifest.benchmarks[benchmark].name
  }
}

// MARK: - On disk

extension Plan {
  /// What `plan.json` holds. The listings, which can be large, have files of their own.
  private struct Stored: Codable {
    /// Raised whenever a run that was begun must not go on: since 3 noises have other random numbers, since 4 grids may
    /// have rows of different lengths, since 5 shards may be split, since 6 blurs and elastic maps have other bits, since
    /// 7 published files of another size than the network's are resized, models have their class counts, and listings what they
    /// leave out, since 8 conditions say step by step what is done to a picture, since 9 occlusion rounds the
    /// patches that it drops down, and conditions say what is left out of the network, since 10 conditions say what is
    /// done to the network's input, occlusion may have any grid, and answers may be among all classes, since 11 other things
    /// than logits may be observed, and networks say what is salient.
    static let currentVersion = 11
    var version = currentVersion
    let runID: String
    let created: String
    let manifest: Manifest
    let listingDigests: [String]
    let stampDigests: [String]
    let inputs: [PictureSize]
    let pictures: [[PictureSize]]
    let shapes: [[ObservedShape]]

    /// Whether each model and benchmark has what it needs.
    var isConsistent: Bool {
      let benchmarks = manifest.benchmarks.count
      return listingDigests.count == benchmarks && pictures.count == benchmarks
        && inputs.count == manifest.models.count && shapes.count == manifest.models.count
        && shapes.allSatisfy { $0.count == benchmarks }
        && zip(manifest.models, shapes).allSatisfy { model, shapes in
          (1...1 << 24).contains(model.classCount)
            && shapes.flatMap(\.variables).allSatisfy {
              $0.name != "logits" || $0.dimensions.map(\.length) == [model.classCount]
            }
        }
    }
  }

  /// What tells a plan of another version, whose other keys this program may not know.
  private struct StoredVersion: Decodable {
    let version: Int
  }

  /// Writes manifest, listings and, last, the plan: a folder with a `plan.json` is whole.
  public func write(to folder: RunFolder) throws {
    try folder.create()
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try RunFolder.writeAtomically(Data(manifestText.utf8), to: folder.manifest)
    for (benchmark, listing) in zip(manifest.benchmarks, listings) {
      try RunFolder.writeAtomically(try encoder.encode(listing), to: folder.listing(of: benchmark.name))
    }
    var stampDigests: [String] = []
    for (benchmark, stamps) in zip(manifest.benchmarks, try stamps.all()) {
      let data = try stamps.encoded()
      stampDigests.append(FileDigest.sha256(of: data))
      try RunFolder.writeAtomically(data, to: folder.stamps(of: benchmark.name))
    }
    let stored = Stored(
      runID: runID, created: created, manifest: manifest, listingDigests: listings.map(\.planDigest),
      stampDigests: stampDigests, inputs: inputs, pictures: pictures, shapes: shapes)
    encoder.outputFormatting.insert(.prettyPrinted)
    try RunFolder.writeAtomically(try encoder.encode(stored), to: folder.plan)
  }

  /// The plan as texts for an archive, by their names: the plan itself, and each different listing under its digest.
  public func archived() throws -> [(name: String, text: String)] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func text(_ value: some Encodable) throws -> String { String(decoding: try encoder.encode(value), as: UTF8.self) }
    let stored = Stored(
      runID: runID, created: created, manifest: manifest, listingDigests: listings.map(\.planDigest), stampDigests: [],
      inputs: inputs, pictures: pictures, shapes: shapes)
    var texts = [(name: Self.archivedName, text: try text(stored))]
    for listing in listings where !texts.contains(where: { $0.name == listing.planDigest }) {
      texts.append((listing.planDigest, try text(listing)))
    }
    return texts
  }

  private static let archivedName = "plan"

  /// A plan that an archive holds, which may be a stranger's: what it says is checked against itself. It is to score again,
  /// not to compute: it does not know its images' files.
  ///
  /// - Throws: `ArchivedPlanError`.
  public init(archived texts: [(name: String, text: String)]) throws {
    func decode<Value: Decodable>(_ name: String) throws -> Value {
      guard let text = texts.first(where: { $0.name == name })?.text else {
        throw ArchivedPlanError.unfit("\(name) is missing")
      }
      do { return try JSONDecoder().decode(Value.self, from: Data(text.utf8)) } catch {
        throw ArchivedPlanError.unfit("\(name): \(error.sentence)")
      }
    }
    let version: StoredVersion = try decode(Self.archivedName)
    guard version.version == Stored.currentVersion else { throw ArchivedPlanError.otherVersion(version.version) }
    let stored: Stored = try decode(Self.archivedName)
    let listings: [ImageListing] = try stored.listingDigests.map { digest in
      let listing: ImageListing = try decode(digest)
      guard listing.planDigest == digest, listing.isConsistent else {
        throw ArchivedPlanError.unfit("a listing is inconsistent")
      }
      return listing
    }
    guard stored.isConsistent else { throw ArchivedPlanError.unfit("it lacks data that a model or benchmark needs") }
    self.init(
      runID: stored.runID, manifest: stored.manifest, manifestText: "", listings: listings, stamps: .made([]),
      inputs: stored.inputs, pictures: stored.pictures, shapes: stored.shapes, created: stored.created)
  }

  /// Reads the plan of a run folder.
  ///
  /// - Throws: `RunFolderError.notARun` or `.damaged`, or a file error where it may not be read.
  public static func read(from folder: RunFolder) throws -> Plan {
    try folder.requirePlan()
    let version: StoredVersion = try decode(folder.plan)
    guard version.version == Stored.currentVersion else {
      throw RunFolderError.otherVersion(folder.plan, found: version.version, own: Stored.currentVersion)
    }
    let stored: Stored = try decode(folder.plan)
    var listings: [ImageListing] = []
    for (benchmark, digest) in zip(stored.manifest.benchmarks, stored.listingDigests) {
      let path = folder.listing(of: benchmark.name)
      let listing: ImageListing = try decode(path)
      guard listing.planDigest == digest, listing.paths.count == listing.labels.count else {
        throw RunFolderError.damaged(path, reason: "its digest does not match plan.json")
      }
      listings.append(listing)
    }
    guard stored.isConsistent, stored.stampDigests.count == listings.count else {
      throw RunFolderError.damaged(folder.plan, reason: "it lacks data that a model or benchmark needs")
    }
    let text = (try? String(contentsOfFile: folder.manifest, encoding: .utf8)) ?? ""
    return Plan(
      runID: stored.runID, manifest: stored.manifest, manifestText: text, listings: listings,
      stamps: .stored(
        zip(stored.manifest.benchmarks, stored.stampDigests).map { (folder.stamps(of: $0.name), $1) }),
      inputs: stored.inputs,
      pictures: stored.pictures, shapes: stored.shapes, created: stored.created)
  }

  private static func decode<Value: Decodable>(_ path: String) throws -> Value {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    do { return try JSONDecoder().decode(Value.self, from: data) } catch {
      throw RunFolderError.damaged(path, reason: error.sentence)
    }
  }

  /// Refuses to go on where a data set or a checkpoint is no longer what was planned.
  ///
  /// - Returns: files that have another time than when the run was planned, and contents that nobody read then.
  @discardableResult
  public func checkInputsUnchanged() throws -> [TouchedData] {
    for model in manifest.models where try model.digest() != model.checkpointDigest {
      throw RunFolderError.changedCheckpoint(model: model.name, path: model.checkpoint)
    }
    return try manifest.benchmarks.indices.flatMap(compareData)
  }

  /// Refuses a benchmark whose data are no longer what was planned.
  ///
  /// - Parameter index: its place in the manifest.
  /// - Returns: files that have another time than when the run was planned, and contents that nobody read then.
  public func compareData(ofBenchmark index: Int) throws -> [TouchedData] {
    let (benchmark, listing) = (manifest.benchmarks[index], listings[index])
    do {
      guard try benchmark.listing().hasSameImages(as: listing) else {
        throw RunFolderError.changedData(benchmark: benchmark.name, root: benchmark.root)
      }
      _ = try benchmark.frost?.pictures()
      try benchmark.masks?.checkUnchanged()
      try benchmark.checkSaliencyUnchanged()
      return try benchmark.compare(listing, with: stamps.of(index)).map { TouchedData(benchmark: index, files: $0) }
    } catch ListingError.changedFile(let path, let reason) {
      throw RunFolderError.changedFile(benchmark: benchmark.name, path: path, reason: reason)
    } catch let error as ListingError {
      if case .changedPictures = error { throw error }
      // The manifest was right when the run was planned.
      throw RunFolderError.unreadableData(benchmark: benchmark.name, reason: "\(error)")
    }
  }
}

/// Files of a benchmark that have other times than when the run was planned, and perhaps other contents.
public struct TouchedData: Sendable, Equatable {
  /// The benchmark's position in the manifest.
  public let benchmark: Int
  /// The files.
  public let files: TouchedFiles
}

/// SHA-256 of files, in blocks, so that a large checkpoint is never in memory whole.
public enum FileDigest {
  /// The SHA-256 of a checkpoint; of one whose numbers lie in files beside it, that of all their digests.
  public static func checkpoint(_ path: String) throws -> String {
    let digests = try CheckpointReader.files(of: path).map { try sha256(of: $0) }
    guard digests.count > 1 else { return digests.first ?? "" }
    return SHA256.hash(data: Data(digests.joined().utf8)).map { String(format: "%02x", $0) }.joined()
  }

  /// The digest of bytes in memory.
  package static func sha256(of data: Data) -> String {
    SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
  }

  /// The digest in hexadecimal.
  public static func sha256(of path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError("read", path) }
    defer { close(descriptor) }
    var hash = SHA256()
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 20, alignment: 64)
    defer { block.deallocate() }
    while true {
      let count = Foundation.read(descriptor, block.baseAddress, block.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileError("read", path) }
      if count == 0 { break }
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: block[..<count]))
    }
    return hash.finalize().map { String(format: "%02x", $0) }.joined()
  }
}
