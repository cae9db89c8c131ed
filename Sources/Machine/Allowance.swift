import Foundation
import Synchronization

/// What this process may use of its machine: the least of what the kernel, the control groups and the batch system allow.
///
/// A machine's own numbers say nothing to a process that shares it: 32 threads on the two processors of a job fight each
/// other, and memory beyond the job's is paid for with its life.
public struct Allowance: Sendable, Equatable {
  /// Processors, 1 at least.
  public let processors: Int
  /// Memory, in bytes.
  public let memory: Int

  /// This process's, as it was when it was first asked for.
  public static let current = Allowance(
    environment: ProcessInfo.processInfo.environment,
    machine: (ProcessInfo.processInfo.activeProcessorCount, Int(clamping: ProcessInfo.processInfo.physicalMemory))
  ) { path in
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }

  /// From what Linux and batch systems tell.
  ///
  /// - Parameters:
  ///   - environment: the process's.
  ///   - machine: what the machine has, for systems that tell nothing.
  ///   - read: the text of a file of `/proc` or `/sys`; nil where there is none.
  public init(
    environment: [String: String], machine: (processors: Int, memory: Int), read: (String) -> String?
  ) {
    let groups = ControlGroups(read: read)
    let job = BatchJob(environment)
    let processors = [ProcessTexts.processors(read), groups.processors(read), job.processors].compactMap { $0 }
    let memory =
      [ProcessTexts.machineMemory(read), groups.memory(read), job.memory].compactMap { $0 }
      + ProcessTexts.memoryLimits(read)
    self.processors = max(1, min(machine.processors, processors.min() ?? machine.processors))
    self.memory = max(1, min(machine.memory, memory.min() ?? machine.memory))
  }

  /// Calls `body` for each number below `count`, on as many threads as there are processors; returns after the last.
  public func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: min(processors, count)) { _ in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        body(index)
      }
    }
  }
}

/// What a batch system says in the environment of its jobs. Many do not enforce it, and expect their users to heed it.
struct BatchJob: Sendable, Equatable {
  private(set) var processors: Int?
  private(set) var memory: Int?

  init(_ environment: [String: String]) {
    func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } }
    // Slurm, whose variable of the task is only there where it was asked for; Grid Engine; LSF; PBS.
    processors =
      number("SLURM_CPUS_PER_TASK") ?? number("SLURM_CPUS_ON_NODE") ?? number("NSLOTS") ?? number("LSB_DJOB_NUMPROC")
      ?? (environment["PBS_JOBID"] == nil ? nil : number("NCPUS"))
    // In MiB; 0 stands for all that the node has.
    let ofProcessor = number("SLURM_MEM_PER_CPU").map {
      $0.multipliedReportingOverflow(by: number("SLURM_CPUS_ON_NODE") ?? number("SLURM_CPUS_PER_TASK") ?? 1)
    }
    let mebibytes = number("SLURM_MEM_PER_NODE") ?? ofProcessor.flatMap { $0.overflow ? nil : $0.partialValue }
    memory = mebibytes.flatMap { $0 < Int.max >> 20 ? $0 << 20 : nil }
  }
}

/// What the texts of `/proc/self` and its like say.
enum ProcessTexts {
  /// The processors that are there and that the process may run on (`taskset`, cpusets).
  static func processors(_ read: (String) -> String?) -> Int? {
    guard let allowed = field("Cpus_allowed_list", of: read("/proc/self/status")) else { return nil }
    var numbers = list(allowed)
    // The mask holds processors, too, that may be plugged in one day.
    if let online = read("/sys/devices/system/cpu/online") { numbers.formIntersection(list(online)) }
    return numbers.isEmpty ? nil : numbers.count
  }

  static func machineMemory(_ read: (String) -> String?) -> Int? {
    guard let text = field("MemTotal", of: read("/proc/meminfo")), let kibibytes = text.split(separator: " ").first
    else { return nil }
    return Int(kibibytes).flatMap { $0 > 0 && $0 < Int.max >> 10 ? $0 << 10 : nil }
  }

  /// What `ulimit -v` and `ulimit -d` leave.
  static func memoryLimits(_ read: (String) -> String?) -> [Int] {
    (read("/proc/self/limits") ?? "").split(separator: "\n").compactMap { line in
      for name in ["Max address space", "Max data size"] where line.hasPrefix(name) {
        return line.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }
      }
      return nil
    }
  }

  /// `NAME:  VALUE` of a text with one field a line.
  private static func field(_ name: String, of text: String?) -> String? {
    text?.split(separator: "\n").first { $0.hasPrefix(name + ":") }.map {
      $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
    }
  }

  /// `0-3,8` as numbers; at most as many as Linux can be built for.
  static func list(_ text: String) -> Set<Int> {
    var numbers: Set<Int> = []
    for part in text.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ",") {
      let ends = part.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, first >= 0, first <= last, last < 1 << 16 else { continue }
      numbers.formUnion(first...last)
    }
    return numbers
  }
}
