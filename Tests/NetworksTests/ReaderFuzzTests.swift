import Foundation
import Testing

/// A short run of the fuzzer over the smallest file of each format; `make fuzz` is the long one.
@Suite struct ReaderFuzzTests {
  private static let fuzzer = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0])
    .resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("reader-fuzzer")

  @Test(arguments: [
    "small.safetensors", "small.pth", "small.pt", "protocol5.pth", "small.npz", "packed.npz", "vit.npz",
    "blend.onnx",
  ])
  func damagedFilesAreReadOrRefused(file: String) throws {
    let process = Process()
    process.executableURL = Self.fuzzer
    // Another beginning each day, so that days add up; a failure's seed is in the arguments that are reported.
    let seed = UInt64(Date().timeIntervalSince1970 / 86400) * 1_000_000
    process.arguments = [Fixture.path("fuzz/" + file), "--inputs", "3000", "--seed", "\(seed)"]
    // Without threads of OpenBLAS, which wait for memory beyond the fuzzer's bound, and with one heap: a thread that begins
    // late, as on a busy machine, would take all that is allowed for a heap of its own.
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"]) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0, "\(process.arguments ?? [])")
    #expect(text.contains("3000 damaged files"))
  }
}
