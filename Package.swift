// swift-tools-version: 6.3
import PackageDescription

/// Settings of the kernels that are built for one width of registers each; those of 128 bits are NEON's on arm64 and
/// need AVX2's fused multiply-add on x86. They are chosen at run time, so that a binary starts on a processor without
/// AVX-512; see `docs/architecture.md`.
#if arch(x86_64)
  let avx2 = ["-mavx2", "-mfma"]
  let avx512 = avx2 + ["-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mavx512bf16"]
  let simd128 = avx2 + ["-DGAUNTLET_REGISTERS_OF_128_BITS"]
#else
  let simd128: [String] = []
  let avx2: [String] = []
  let avx512: [String] = []
#endif

func kernelSettings(_ clangFlags: [String]) -> [SwiftSetting] {
  [.unsafeFlags(["-Ounchecked"] + clangFlags.flatMap { ["-Xcc", $0] })]
}

/// Shims in C with the checks that compiler and C library have for them; those of the sanitizers do more.
let isSanitized = Context.environment["GAUNTLET_SANITIZER"] != nil
let hardened: [CSetting] =
  isSanitized
  ? [] : [.unsafeFlags(["-fstack-protector-strong", "-D_FORTIFY_SOURCE=3"], .when(configuration: .release))]

func shim(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, cSettings: hardened)
}

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = [], fixtures: Bool = false) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies,
    resources: fixtures ? [.copy("Fixtures")] : [])
}

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")

let package = Package(
  name: "gauntlet",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "gauntlet", targets: ["gauntlet"]), .library(name: "GauntletKit", targets: ["GauntletKit"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    .systemLibrary(name: "CLibJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CWebP", pkgConfig: "libwebpdemux", providers: [.apt(["libwebp-dev"])]),
    .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),
    .systemLibrary(name: "CGIF", providers: [.apt(["libgif-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(
      name: "CAV", pkgConfig: "libavformat", providers: [.apt(["libavformat-dev", "libavcodec-dev", "libavutil-dev"])]),
    shim("CJPEG", ["CLibJPEG"]),
    shim("CHDF5Output", ["CHDF5"]),
    shim("CHDF5Input", ["CHDF5"]),
    shim("CConfinement"),
    shim("CProcessor"),
    shim("CSpawn"),
    shim("CAllocator"),

    library("Durable"),
    library("Records"),
    library("Shards"),
    library("Machine", ["CAllocator"]),
    library("KernelInterfaces"),
    .target(
      name: "Kernels128", dependencies: ["KernelInterfaces", "CProcessor"], swiftSettings: kernelSettings(simd128)),
    .target(
      name: "KernelsAVX2", dependencies: ["KernelInterfaces", "CProcessor"], swiftSettings: kernelSettings(avx2)),
    .target(
      name: "KernelsAVX512", dependencies: ["KernelInterfaces", "CProcessor"], swiftSettings: kernelSettings(avx512)),
    library("Tensors", ["KernelInterfaces"]),
    library(
      "Kernels",
      ["Tensors", "KernelInterfaces", "Kernels128", "KernelsAVX2", "KernelsAVX512", "CProcessor", "COpenBLAS"]),
    .target(
      name: "Networks", dependencies: ["Tensors", "KernelInterfaces", "Kernels", "Machine", "CZlib", protobuf],
      exclude: ["ONNX/Protocol/onnx.proto"]),
    library("Imaging", ["Tensors", "KernelInterfaces", "Kernels", "CJPEG", "CPNG", "CWebP", "CTIFF", "CGIF"]),
    library("Videos", ["Imaging", "CAV"]),
    library("Benchmarks", ["Records", "Imaging", "Videos", "Tensors", crypto]),
    library("Attacks", ["Tensors", "Networks", "Benchmarks"]),
    library("Miniature", ["Durable", "Imaging", "Videos", "Tensors", "Benchmarks", "Machine"]),
    library(
      "Planning",
      ["Records", "Shards", "Durable", "Benchmarks", "Networks", "Imaging", "Videos", "Kernels", "Yams", crypto]),
    library("Scheduling", ["Shards"]),
    library("Listening", [nioCore, nioPosix]),
    .target(
      name: "Messaging",
      dependencies: ["Shards", "Durable", "Listening", "CZeroMQ", nioCore, nioPosix, protobuf, logging],
      exclude: ["Protocol/wire.proto"]),
    library(
      "Coordination",
      [
        "Records", "Shards", "Durable", "Scheduling", "Listening", "Messaging", "Planning", "Archives", "Networks",
        "Benchmarks", logging,
        .product(name: "GRDB", package: "GRDB.swift"),
      ]),
    library("Diagnosis", ["Durable", "Machine", "Kernels", "Archives", "Messaging", "Coordination"]),
    .target(
      name: "Monitoring",
      dependencies: ["Durable", "Benchmarks", "Coordination", "Planning", "Listening", nioCore, nioHTTP1],
      resources: [.embedInCode("Page/live.html"), .embedInCode("Page/live.css"), .embedInCode("Page/live.js")]),
    library(
      "Working",
      [
        "Records", "Shards", "Durable", "Messaging", "Planning", "Networks", "Imaging", "Videos", "Benchmarks",
        "Attacks", "Tensors", "Machine",
        "Kernels",
        logging, crypto,
      ]),
    library(
      "Archives", ["Records", "Durable", "CHDF5", "CHDF5Output", "CHDF5Input", "CConfinement", "CSpawn", crypto]),
    .target(
      name: "Launching", dependencies: ["Durable", "Planning", "Messaging", "Machine", "CSpawn", logging],
      resources: [
        .embedInCode("Scripts/coordinator.sbatch"), .embedInCode("Scripts/workers.sbatch"),
        .embedInCode("Scripts/run.yaml"),
      ]),
    library("Reporting", ["Durable", "Records", "Archives", "Benchmarks", crypto]),
    // Its name is not the command's, Gauntlet, since some file systems would take their folders and modules for one.
    library(
      "GauntletKit",
      [
        "Archives", "Benchmarks", "Coordination", "Durable", "Imaging", "Kernels", "Launching", "Machine", "Messaging",
        "Monitoring", "Networks", "Planning", "Records", "Reporting", "Scheduling", "Working", logging,
      ]),
    library(
      "Benches",
      [
        "Coordination", "Durable", "Imaging", "Kernels", "KernelsAVX512", "Messaging", "Monitoring", "Planning",
        "Shards", "Tensors", logging, nioCore,
      ]),
    .executableTarget(
      name: "gauntlet",
      dependencies: [
        "GauntletKit", "Benches", "Coordination", "Monitoring", "Working", "Launching", "Miniature", "Planning",
        "Archives", "Durable", "Networks", "Kernels", "Benchmarks", "Imaging", "Machine", "Diagnosis", "Reporting",
        "Records",
        logging,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      // Where the program is found its libraries' libraries are looked for, too: `tools/dist.py` puts them all there.
      // Addresses of other libraries are found at the start and cannot be changed later (full RELRO).
      linkerSettings: [
        .unsafeFlags(
          ["--disable-new-dtags", "-z", "relro", "-z", "now"].flatMap { ["-Xlinker", $0] }, .when(platforms: [.linux]))
      ]),
    .executableTarget(
      name: "reader-fuzzer",
      dependencies: [
        "Networks", "Imaging", "Planning", "Benchmarks", "Archives", "Reporting", crypto,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/ReaderFuzzer", exclude: ["Seeds"]),

    // What tests share: folders that go with them, programs that they run, kept logs, random numbers.
    .target(name: "TestSupport", dependencies: [logging], path: "Tests/TestSupport"),
    tests("Durable"),
    tests("Machine"),
    tests("Tensors"),
    tests("Kernels", ["Tensors", "KernelInterfaces"]),
    tests("Networks", ["Tensors", "Kernels"], fixtures: true),
    tests("Imaging", ["Tensors", "Kernels"], fixtures: true),
    tests("Videos", ["Imaging"], fixtures: true),
    tests("Benchmarks", ["Records", "Imaging"], fixtures: true),
    tests("Attacks", ["Tensors", "Networks", "Benchmarks"]),
    tests("Miniature", ["Imaging"]),
    tests("Planning", ["Records", "Shards", "Durable", "Benchmarks", "Imaging", "Videos", "Networks", "Tensors"]),
    tests(
      "Working",
      [
        "Records", "Shards", "Benchmarks", "Imaging", "Messaging", "Machine", "Networks", "Planning", "Tensors",
        logging,
      ]),
    tests("Monitoring", ["Coordination", "Planning", "Records", nioCore]),
    tests("Diagnosis"),
    tests("Scheduling", ["Shards"]),
    tests("Listening", [nioCore]),
    tests("Messaging", ["Shards", "CZeroMQ", nioCore, logging]),
    tests("Launching", ["Planning", "Messaging", "Yams", logging]),
    .testTarget(name: "RulesTests", dependencies: ["TestSupport"]),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "gauntlet", "TestSupport", "Records", "Archives", "Coordination", "Imaging", "Launching", "Messaging",
        "Planning",
      ],
      exclude: ["Fixtures"]),
    tests("Archives", ["Records", "Durable", "CHDF5", "CHDF5Output", crypto]),
    tests("Reporting", ["Records", "Archives", "Benchmarks", crypto]),
    // A disk that loses what was not synced, for SQLite.
    .target(name: "CFaultyDisk", path: "Tests/CFaultyDisk", linkerSettings: [.linkedLibrary("sqlite3")]),
    tests(
      "Coordination",
      [
        "Records", "Shards", "Archives", "Benchmarks", "Durable", "Messaging", "Planning", "Scheduling", "Working",
        "CFaultyDisk", logging, crypto,
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// The sanitizer of threads or addresses, for tools/sanitize.sh: over everything but the unrolled kernels, which take too
// long with it, unless GAUNTLET_SANITIZE_KERNELS asks for those, too.
if let sanitizer = Context.environment["GAUNTLET_SANITIZER"] {
  let unrolled = ["KernelInterfaces", "Kernels128", "KernelsAVX2", "KernelsAVX512"]
  let withKernels = Context.environment["GAUNTLET_SANITIZE_KERNELS"] != nil
  for target in package.targets where target.type != .system && (withKernels || !unrolled.contains(target.name)) {
    target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=\(sanitizer)"])]
    target.linkerSettings = (target.linkerSettings ?? []) + [.unsafeFlags(["-sanitize=\(sanitizer)"])]
  }
}
