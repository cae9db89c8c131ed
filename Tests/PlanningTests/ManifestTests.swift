import Benchmarks
import Foundation
import Imaging
import Planning
import Testing
import Videos

@Suite struct ManifestTests {
  let workspace: Workspace
  let reader: ManifestReader

  init() throws {
    workspace = try Workspace()
    reader = ManifestReader(file: workspace.path + "/m.yaml")
  }

  @Test("a whole manifest is resolved, defaults filled in")
  func reads() throws {
    let manifest = try reader.parse(Workspace.manifest)
    #expect(manifest.run == "small")
    #expect(manifest.seed == 7)
    #expect(manifest.models[0].checkpoint == workspace.path + "/nano.safetensors")
    #expect(manifest.models[0].preprocessing.mean == [0.485, 0.456, 0.406])
    #expect(manifest.benchmarks.map(\.name) == ["imagenet-val", "imagenet-c"])
    #expect(manifest.benchmarks[1].grid.count == 2)
    #expect(manifest.sharding.leaseSeconds == 120)
    #expect(manifest.sharding.attempts == 3)
    #expect(manifest.output.compressed)
  }

  @Test("bf16 is computed by the native GEMM only; another precision is refused by name")
  func precision() throws {
    func parse(_ lines: String) throws -> Manifest {
      try reader.parse(
        Workspace.manifest.replacingOccurrences(
          of: "checkpoint: nano.safetensors", with: "checkpoint: nano.safetensors\n    " + lines))
    }
    #expect(try parse("").models[0].precision == .fp32)
    #expect(try parse("precision: bf16").models[0].precision == .bf16)
    #expect { try parse("precision: bf16\n    gemm: openblas") } throws: { "\($0)".contains("gemm") }
    #expect { try parse("precision: fp8") } throws: { "\($0)".contains("fp8") }
  }

  private func parse(benchmark: String) throws -> BenchmarkDefinition {
    let head = try #require(Workspace.manifest.components(separatedBy: "benchmarks:").first)
    return try #require(reader.parse(head + "benchmarks:\n  - " + benchmark + "\n").benchmarks.first)
  }

  @Test("every kind of the catalogue is read, its sets of images found and its classes listed")
  func catalogue() throws {
    for kind in ["imagenet-a", "image-folder"] {
      let plain = try parse(benchmark: "{kind: \(kind), root: val, classes: [pear, apple]}")
      #expect(plain.name == kind && plain.subsets.isEmpty)
      #expect(try plain.listing().labels == [1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    }
    let foreign = try parse(benchmark: "{kind: imagenet-o, root: c/weather/fog/1, in: val, classes: [pear]}")
    #expect(foreign.subsets.map(\.name) == ["out", "in"])
    let listing = try foreign.listing()
    #expect(listing.paths.count == 15 && listing.paths.first == "in/apple/0.JPEG")
    #expect(listing.labels.first == -1 && listing.labels[5] == 0)
    let condition = try #require(foreign.grid.cells.first)
    #expect(foreign.file(of: "out/apple/0.JPEG", at: condition) == workspace.path + "/c/weather/fog/1/apple/0.JPEG")

    try workspace.write("[\"pear\", \"apple\"]", to: "classes.json")
    let occlusion = try parse(
      benchmark: "{kind: occlusion, root: val, classes: classes.json, percents: [10, 50], grid: 8}")
    #expect(occlusion.grid.count == 2 && occlusion.classes == ["pear", "apple"])
    #expect(occlusion.condition(at: 1)?.steps == [.fit, .drop(PatchDrop(gridSide: 8, percent: 50))])
    #expect(try parse(benchmark: "{kind: imagenet-r, root: val}").subsets.map(\.name) == ["renditions"])
  }

  @Test("ImageNet-9 has the eight variants, numbered class folders, and is refused without one of them")
  func imageNet9() throws {
    #expect(throws: ManifestError.self) { try parse(benchmark: "{kind: imagenet-9, root: val}") }
    for variant in ImageNet9.variants {
      try workspace.write("picture", to: "nine/\(variant)/val/01_bird/\(variant).JPEG")
    }
    let nine = try parse(benchmark: "{kind: imagenet-9, root: nine}")
    #expect(nine.subsets.count == 8)
    #expect(try nine.listing().labels == Array(repeating: 1, count: 8))
    try workspace.write("picture", to: "nine/no_fg/val/bird/1.JPEG")
    #expect(throws: ListingError.unnumberedFolder("bird")) { try nine.listing() }
    for (folder, error) in [
      ("+3_cat", ListingError.unnumberedFolder("+3_cat")), ("01_fowl", .twoFoldersOfOneClass("01_bird", "01_fowl")),
    ] {
      try FileManager.default.removeItem(atPath: workspace.path + "/nine/no_fg/val")
      try workspace.write("picture", to: "nine/no_fg/val/\(folder)/1.JPEG")
      #expect(throws: error) { try nine.listing() }
    }
    #expect { try parse(benchmark: "{kind: imagenet-9, root: nine, classes: [bird]}") } throws: {
      "\($0)".contains("takes its classes from the two digits")
    }
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    let find: String
    let replace: String
    let line: Int
    let says: String
    var testDescription: String { says }
  }

  static let refusals = [
    Refusal(find: "seed: 7", replace: "sede: 7", line: 2, says: "did you mean \"seed\"?"),
    Refusal(find: "seed: 7", replace: "seed: lucky", line: 2, says: "seed must be an integer"),
    Refusal(find: "seed: 7", replace: "seed: -1", line: 2, says: "seed is -1, but must be from 0"),
    Refusal(find: "seed: 7", replace: "run: twice", line: 2, says: "duplicate key"),
    Refusal(find: "run: small", replace: "run: ../up", line: 1, says: "may contain only ASCII letters"),
    Refusal(find: "replknet-nano", replace: "replknet-nanny", line: 5, says: "did you mean \"replknet-nano\"?"),
    Refusal(find: "replknet-nano", replace: "replknet-nano@7", line: 5, says: "does not take images of that size"),
    Refusal(find: "replknet-nano", replace: "onnx", line: 5, says: "is not an ONNX model"),
    Refusal(
      find: "architecture: replknet-nano\n    checkpoint: nano.safetensors", replace: "checkpoint: cut.onnx", line: 5,
      says: "it is not an ONNX model, or is truncated"),
    Refusal(
      find: "architecture: replknet-nano\n    checkpoint: nano.safetensors", replace: "checkpoint: nano.safetensors",
      line: 4, says: "missing key \"architecture\""),
    Refusal(find: "name: nano", replace: "name: comparisons", line: 4, says: "the name of a group of the archive"),
    Refusal(find: "name: nano", replace: "name: provenance", line: 4, says: "the name of a group of the archive"),
    Refusal(find: "nano.safetensors", replace: "gone.pth", line: 6, says: "gone.pth, which does not exist"),
    Refusal(find: "checkpoint: nano.safetensors", replace: "checkpoint: val", line: 6, says: "a folder, not a file"),
    Refusal(find: "root: val", replace: "root: vol", line: 9, says: "vol, which does not exist"),
    Refusal(find: "root: val", replace: "root: no.tar", line: 9, says: "no.tar is not a complete tar archive"),
    Refusal(find: "root: val", replace: "root: \"no-{0..1}.tar\"", line: 9, says: "no-0.tar: No such file"),
    Refusal(find: "root: c", replace: "root: cut", line: 10, says: "weather.tar is not a complete tar archive"),
    Refusal(
      find: "imagenet-val\n    root: val", replace: "imagenet-a\n    root: \"empty-{0..0}.tar\"", line: 8,
      says: "imagenet-a takes its classes from folders"),
    Refusal(find: "kind: imagenet-val", replace: "kind: imagenet-vial", line: 8, says: "did you mean"),
    Refusal(find: "[fog]", replace: "[frog]", line: 12, says: "did you mean \"fog\"?"),
    Refusal(find: "[fog]", replace: "[fog, fog]", line: 12, says: "different names"),
    Refusal(find: "[1, 2]", replace: "[1, 6]", line: 13, says: "must be from 1 to 5"),
    Refusal(find: "[1, 2]", replace: "[1, 1]", line: 13, says: "different numbers"),
    Refusal(find: "[1, 2]", replace: "[1, 3]", line: 10, says: "asks for fog/3, but there is no folder"),
    Refusal(find: "images: 4", replace: "images: 0", line: 15, says: "from 1 to 10000"),
    Refusal(find: "2m", replace: "soon", line: 15, says: "must be a duration"),
    Refusal(find: "[1, 2]", replace: "[1, 2", line: 14, says: "not valid YAML"),
  ]

  /// Spoils a manifest and expects its refusal at that line.
  private func expect(_ refusal: Refusal, of manifest: String) throws {
    let text = manifest.replacing(refusal.find, with: refusal.replace)
    #expect(text != manifest)
    let error = #expect(throws: ManifestError.self) { try reader.parse(text) }
    #expect(error?.problem.contains(refusal.says) == true, "\(String(describing: error))")
    #expect(error?.line == refusal.line, "\(String(describing: error))")
    #expect((error?.column ?? 0) >= 1)
  }

  @Test("what cannot be run is refused with its line", arguments: refusals)
  func refuses(_ refusal: Refusal) throws {
    try expect(refusal, of: Workspace.manifest)
  }

  static let clusterRefusals = [
    Refusal(find: "cpus: 8", replace: "cpu: 8", line: 9, says: "did you mean \"cpus\"?"),
    Refusal(find: "16G", replace: "16 GB", line: 9, says: "must be one word"),
    Refusal(find: "16G", replace: "16GB", line: 9, says: "must be like 8G"),
    Refusal(find: "16G", replace: "63M", line: 9, says: "at least 64M"),
    Refusal(find: "--qos=low", replace: "qos=low", line: 10, says: "must be like --qos=low"),
    Refusal(find: "--qos=low", replace: "\"--export=ALL,A=b\"", line: 10, says: "a manifest may give sbatch only"),
    Refusal(find: "--qos=low", replace: "--expo=ALL", line: 10, says: "--option=--expo="),
    Refusal(find: "--qos=low", replace: "--wrap=id", line: 10, says: "a manifest may give sbatch only"),
    Refusal(find: "--qos=low", replace: "--qos=a b", line: 10, says: "not a valid value of --qos"),
    Refusal(find: "--qos=low", replace: "--qos", line: 10, says: "not a valid value of --qos"),
    Refusal(find: "--qos=low", replace: "--nice=low", line: 10, says: "not a valid value of --nice"),
    Refusal(find: "--qos=low", replace: "--exclusive=x", line: 10, says: "not a valid value of --exclusive"),
    Refusal(find: "--qos=low", replace: "--mem-per-cpu=4GB", line: 10, says: "not a valid value of --mem-per-cpu"),
    Refusal(find: "partition: cpu", replace: "partition: \"-x\"", line: 10, says: "must be one word"),
    Refusal(find: "/data", replace: "data", line: 11, says: "must be an absolute path"),
    Refusal(find: "workers: 20", replace: "workers: 0", line: 9, says: "must be from 1"),
  ]

  static let clusterManifest = """
    run: small
    models:
      - name: nano
        architecture: replknet-nano
        checkpoint: nano.safetensors
    benchmarks:
      - {kind: imagenet-val, root: val}
    cluster:
      {engine: slurm, workers: 20, cpus: 8, memory: 16G, time: 12:00:00,
       partition: cpu, options: [--qos=low],
       volumes: {imagenet: /data}}
    """

  @Test("the cluster section is read, no part of the run, and comes after the command line's options")
  func cluster() throws {
    try workspace.write(Self.clusterManifest, to: "c.yaml")
    let reader = ManifestReader(file: workspace.path + "/c.yaml")
    #expect(try reader.runName() == "small")
    let settings = try reader.cluster()
    #expect(settings.engine == "slurm" && settings.workers == 20 && settings.cpus == 8 && settings.memory == "16G")
    #expect(settings.time == "12:00:00" && settings.partition == "cpu" && settings.options == ["--qos=low"])
    #expect(settings.volumes == [.init(claim: "imagenet", path: "/data")])
    var flags = ClusterSettings()
    flags.workers = 3
    flags.options = ["--exclusive"]
    #expect(flags.over(settings).workers == 3 && flags.over(settings).cpus == 8)
    #expect(flags.over(settings).options == ["--qos=low", "--exclusive"])
    let without = Self.clusterManifest.components(separatedBy: "cluster:")[0]
    #expect(try reader.read() == reader.parse(without))
  }

  @Test("a manifest proposes a container image, only the command line names it")
  func images() throws {
    try workspace.write(
      Self.clusterManifest.replacing("engine: slurm", with: "engine: kubernetes, image: their/image"), to: "c.yaml")
    let settings = try ManifestReader(file: workspace.path + "/c.yaml").cluster()
    let merged = ClusterSettings().over(settings)
    #expect(merged.image == nil && merged.proposedImage == "their/image")
  }

  @Test(
    "options that name resources are taken from a manifest",
    arguments: [
      "--exclusive", "--exclusive=user", "--nice=-5", "--gres=gpu:2", "--nodelist=n[1-4,7]", "--mem-per-cpu=4G",
      "--begin=2026-12-01T06:00:00", "--hint=nomultithread", "--spread-job",
    ])
  func resourceOptions(_ option: String) throws {
    try workspace.write(Self.clusterManifest.replacing("--qos=low", with: "\"\(option)\""), to: "c.yaml")
    #expect(try ManifestReader(file: workspace.path + "/c.yaml").cluster().options == [option])
  }

  @Test("an engine that is none of those there are is refused with its line; a plan takes any")
  func engines() throws {
    try workspace.write(Self.clusterManifest.replacing("slurm", with: "slrum"), to: "c.yaml")
    let reader = ManifestReader(file: workspace.path + "/c.yaml")
    #expect(try reader.cluster().engine == "slrum" && reader.read().run == "small")
    let error = #expect(throws: ManifestError.self) { try reader.cluster(engines: ["local", "slurm"]) }
    #expect(error?.problem.contains("did you mean \"slurm\"?") == true && error?.line == 9)
  }

  @Test("a cluster section that says nothing usable is refused with its line", arguments: clusterRefusals)
  func refusesClusters(_ refusal: Refusal) throws {
    try expect(refusal, of: Self.clusterManifest)
  }

  static let sequenceRefusals = [
    Refusal(find: "from: val", replace: "root: c", line: 8, says: "asks for snow, but there is no folder"),
    Refusal(find: "from: val", replace: "name: x", line: 8, says: "needs either root (published files) or from"),
    Refusal(find: "snow, tilt", replace: "snow, silt", line: 10, says: "did you mean \"tilt\"?"),
    Refusal(find: "snow, tilt", replace: "snow, snow", line: 10, says: "different names"),
    Refusal(find: "tilt: {", replace: "fog: {", line: 11, says: "unknown key \"fog\""),
    Refusal(
      find: "flip_rate: 0.2", replace: "flip_rate: 2", line: 11, says: "must be greater than 0.0 and at most 1.0"),
    Refusal(find: "flip_rate: 0.2", replace: "flip_rate: .nan", line: 11, says: "must be a number"),
    Refusal(find: "flip_rate: 0.2, ", replace: "", line: 11, says: "missing key \"flip_rate\""),
  ]

  static let sequenceManifest = """
    run: small
    seed: 7
    models:
      - name: nano
        architecture: replknet-nano
        checkpoint: nano.safetensors
    benchmarks:
      - kind: imagenet-p
        from: val
        perturbations: [snow, tilt, translate]
        normalise_by: {tilt: {flip_rate: 0.2, top5_distance: 3}}
    """

  @Test("sequences made on the fly have as many frames as the published ones")
  func sequences() throws {
    let benchmark = try #require(try reader.parse(Self.sequenceManifest).benchmarks.first)
    #expect(benchmark.grid.rowLengths == [31, 31, 41])
    #expect(benchmark.conditions.count == 103)
    #expect(benchmark.unsteadiness == ["tilt": Unsteadiness(flipRate: 0.2, top5Distance: 3)])
    let all = try reader.parse(Self.sequenceManifest.replacing("[snow, tilt, translate]", with: "all"))
    #expect(all.benchmarks.first?.grid.axes.first?.values == ImageNetP.standardPerturbations)
  }

  @Test("videos that are none, of one frame, or missing are refused before a run starts")
  func refusesVideos() throws {
    let text = Self.sequenceManifest.replacing("from: val", with: "root: p")
      .replacing("[snow, tilt, translate]", with: "[snow]")
    func frames(_ count: Int) throws -> Data {
      let picture = RGBImage(width: 8, height: 8, pixels: [UInt8](repeating: 9, count: 192))
      return Data(try VideoEncoder.encode(Array(repeating: picture, count: count), quality: 90))
    }
    try workspace.write("", to: "p/snow/apple/readme.txt")
    #expect(throws: ListingError.noImages(workspace.path + "/p/snow")) { try reader.parse(text) }
    let path = workspace.path + "/p/snow/apple/0.mp4"
    for bytes in [Data(), Data("not a video at all".utf8), try frames(3).prefix(200)] {
      try bytes.write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: ImageError.self) { try reader.parse(text) }
      #expect("\(error.map { "\($0)" } ?? "")".contains(path))
    }
    try frames(1).write(to: URL(fileURLWithPath: path))
    #expect(throws: ManifestError.self) { try reader.parse(text) }
    try frames(3).write(to: URL(fileURLWithPath: path))
    #expect(try reader.parse(text).benchmarks.first?.grid.count == 3)
  }

  @Test("a manifest of sequences that cannot be run is refused with its line", arguments: sequenceRefusals)
  func refusesSequences(_ refusal: Refusal) throws {
    try expect(refusal, of: Self.sequenceManifest)
  }

  @Test("aliases of aliases in a key, and numbers of base 60, are refused and neither hang nor crash")
  func hostileYAML() throws {
    func ten(_ word: String) -> String { "[" + Array(repeating: word, count: 10).joined(separator: ",") + "]" }
    var laugh = "a0: &a0 \(ten("x"))\n"
    for level in 1..<30 { laugh += "a\(level): &a\(level) \(ten("*a\(level - 1)"))\n" }
    let aliases = #expect(throws: ManifestError.self) { try reader.parse(laugh + "? *a29\n: 1\n" + Workspace.manifest) }
    #expect(aliases?.problem.contains("aliases") == true)
    let base60 = Array(repeating: "1", count: 25).joined(separator: ":")
    let seed = #expect(throws: ManifestError.self) {
      try reader.parse(Workspace.manifest.replacing(#/seed: [0-9]+/#, with: "seed: " + base60))
    }
    #expect(seed?.problem == "seed must be an integer")
    let few = Workspace.manifest.replacing("run:", with: "run: &name ").replacing(#/seed: [0-9]+/#, with: "seed: 7")
    #expect(throws: Never.self) { try reader.parse(few) }
  }

  @Test("empty, binary and cut-off manifests are refused, never a crash")
  func survivesGarbage() throws {
    var state: UInt64 = 1
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let bytes = Array(Workspace.manifest.utf8)
    var refused = 0
    for _ in 0..<2000 {
      var mutated = bytes
      for _ in 0...next(4) {
        switch next(3) {
        case 0: mutated[next(mutated.count)] = UInt8(next(256))
        case 1: mutated.removeSubrange(next(mutated.count)...)
        default: mutated.insert(contentsOf: Array("[{:\n- &a *a".utf8), at: next(mutated.count))
        }
        if mutated.isEmpty { mutated = [10] }
      }
      do { _ = try reader.parse(String(decoding: mutated, as: UTF8.self)) } catch is ManifestError { refused += 1 }
    }
    #expect(refused > 1000)
    #expect(throws: ManifestError.self) { try reader.parse("") }
    try workspace.write("", to: "nothing.yaml")
    let nothing = #expect(throws: ManifestError.self) {
      try ManifestReader(file: workspace.path + "/nothing.yaml").read()
    }
    let empty = #expect(throws: ManifestError.self) { try reader.parse("") }
    #expect(nothing?.problem == empty?.problem)
    let folder = #expect(throws: ManifestError.self) { try ManifestReader(file: workspace.path).read() }
    #expect(folder?.problem == "the manifest cannot be read: Is a directory")
    let word = String(repeating: "x", count: 5000)
    for text in ["architecture: \(word)", "architecture: \(word)@64"] {
      let long = #expect(throws: ManifestError.self) {
        try reader.parse(Workspace.manifest.replacing(#/architecture: [^\s,}]+/#, with: text))
      }
      #expect(
        (long?.description.count ?? 0) < 600 && long?.problem.contains("architecture") == true,
        "\(String(describing: long))")
    }
    #expect(throws: ManifestError.self) { try ManifestReader(file: workspace.path).read() }
    #expect(throws: ManifestError.self) { try ManifestReader(file: workspace.path + "/none.yaml").read() }
  }
}
