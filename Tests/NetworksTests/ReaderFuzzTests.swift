import Foundation
import TestSupport
import Testing

/// A short run of the fuzzer over the smallest file of each format; `make fuzz` is the long one.
@Suite struct ReaderFuzzTests {
  @Test(arguments: [
    "small.safetensors", "small.pth", "small.pt", "protocol5.pth", "small.npz", "packed.npz", "vit.npz",
    "blend.onnx",
  ])
  func damagedFilesAreReadOrRefused(file: String) throws {
    // Another beginning each day, so that days add up; a failure's seed is in the arguments that are reported.
    let seed = UInt64(Date().timeIntervalSince1970 / 86400) * 1_000_000
    let arguments = [Fixture.path("fuzz/" + file), "--inputs", "3000", "--seed", "\(seed)"]
    // Without threads of OpenBLAS, which wait for memory beyond the fuzzer's bound, and with one heap: a thread that begins
    // late, as on a busy machine, would take all that is allowed for a heap of its own.
    let outcome = try Program.run(
      Repository.program("reader-fuzzer"), arguments,
      environment: ["OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"])
    #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
    #expect(outcome.output.contains("3000 damaged files"))
  }
}
