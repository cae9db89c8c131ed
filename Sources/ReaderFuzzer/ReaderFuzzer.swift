import ArgumentParser
import Foundation

/// Feeds damaged files to the readers of what strangers make: checkpoints, pictures, manifests, tars, archives. A crash, a hang, or an allocation beyond twice a file's size plus
/// what `FuzzedReader` says ends the process with a signal; the file that did it stays behind.
@main
struct ReaderFuzzer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reader-fuzzer",
    abstract: "Feeds damaged files to the readers of checkpoints, pictures, manifests, tars and archives.",
    discussion: "Example: reader-fuzzer Tests/NetworksTests/Fixtures/fuzz/linear.onnx --inputs 100000")

  @Argument(help: "A valid file; its like beside it, with the same extension, lend parts.") var file: String
  @Option(help: "How many damaged files to try.") var inputs = 10_000
  @Option(help: "The first seed; each file has the next.") var seed: UInt64 = 1
  @Option(help: "Seconds that one file may take.") var limit: UInt32 = 20

  func run() throws {
    allowAlarms()
    let url = URL(fileURLWithPath: file)
    let bytes = [UInt8](try Data(contentsOf: url))
    let beside = try FileManager.default.contentsOfDirectory(
      at: url.deletingLastPathComponent(), includingPropertiesForKeys: nil)
    let likes = try beside.filter { $0.pathExtension == url.pathExtension }.sorted { $0.path < $1.path }
      .map { [UInt8](try Data(contentsOf: $0)) }
    let damaged = FileManager.default.temporaryDirectory.appendingPathComponent(
      "damaged-\(getpid()).\(url.pathExtension)")
    // What a reader allocates once, such as tables, is allocated now.
    let reader = FuzzedReaders.reader(of: url)
    guard try reader.reads(bytes, at: damaged.path) else { throw ValidationError("\(file) is not valid itself") }
    if let memory = reader.memory { try limitMemory(to: 2 * 2 * bytes.count + memory) }
    var accepted = 0
    for number in seed..<seed + UInt64(inputs) {
      var mutator = Mutator(seed: number)
      let other = likes[mutator.number(below: likes.count)]
      let input = mutator.mutate(bytes, other: other)
      alarm(limit)
      if try reader.reads(Array(input.prefix(2 * bytes.count)), at: damaged.path) { accepted += 1 }
    }
    alarm(0)
    // OpenBLAS's threads need memory to end.
    try limitMemory(to: nil)
    try? FileManager.default.removeItem(at: damaged)
    print("\(url.lastPathComponent): \(inputs) damaged files from seed \(seed), \(accepted) read, the rest refused")
  }

  /// Who starts the process may have blocked the signal that ends a hang.
  private func allowAlarms() {
    var alarms = sigset_t()
    sigemptyset(&alarms)
    sigaddset(&alarms, SIGALRM)
    pthread_sigmask(SIG_UNBLOCK, &alarms, nil)
  }

  /// Bounds the process's memory at what it has and as much more; nil for no bound.
  private func limitMemory(to more: Int?) throws {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ").first.flatMap {
      Int($0)
    }
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(UInt32(RLIMIT_AS.rawValue)), &limit)
    limit.rlim_cur = more.map { rlim_t((pages ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) + $0) } ?? limit.rlim_max
    guard setrlimit(__rlimit_resource_t(UInt32(RLIMIT_AS.rawValue)), &limit) == 0 else {
      throw ValidationError("the memory cannot be limited: \(String(cString: strerror(errno)))")
    }
  }
}
