// swift-tools-version: 6.1
import PackageDescription

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(name: name + "Tests", dependencies: [.byName(name: name)] + dependencies)
}

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")

// Modules are declared here from the bottom up, each once it builds and is tested. Sources of Coordination, Messaging,
// Working and gauntlet are in the tree and join as soon as what stands below them does.
let package = Package(
  name: "gauntlet",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .target(name: "CProcessor"),

    library("Tensors"),
    library("Kernels", ["Tensors", "CProcessor"]),
    library("Networks", ["Tensors", "Kernels"]),
    library("Imaging", ["Tensors", "CTurboJPEG", "CPNG"]),
    library("Benchmarks", ["Imaging", "Tensors", crypto]),
    library("Miniature", ["Imaging", "Tensors", "Benchmarks"]),
    library("Planning", ["Benchmarks", "Networks", "Imaging", "Kernels", "Yams", crypto]),
    library("Launching", [logging]),

    tests("Tensors"),
    tests("Kernels", ["Tensors"]),
    tests("Benchmarks", ["Imaging"]),
    tests("Miniature", ["Imaging"]),
    tests("Planning", ["Benchmarks"]),
    tests("Launching"),
  ],
  swiftLanguageModes: [.v6]
)
