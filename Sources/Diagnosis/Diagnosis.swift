import Foundation
import Kernels
import Machine

/// What a machine has for runs, and what it lacks: the first thing to look at where something goes wrong, and to show to whoever
/// is asked about it. It holds no names of data or models.
public enum Diagnosis {
  /// Looks at this machine.
  ///
  /// - Parameters:
  ///   - folder: where runs are to lie; what is tried there is removed.
  ///   - port: the port that a coordinator is to listen at; nil: any free one.
  public static func findings(folder: String, port: UInt16?) -> [Finding] {
    [system, processor, instructions, allowance, descriptors, confinement] + FolderDiagnosis(folder).findings
      + network(port: port) + [engines] + libraries + environment
  }

  // MARK: The machine

  private static var system: Finding {
    var name = utsname()
    guard uname(&name) == 0 else { return Finding("system", "unknown", .warning) }
    func text<Field>(_ field: Field) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    let release = lines(of: "/etc/os-release").first { $0.hasPrefix("PRETTY_NAME=") }
      .map { $0.dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" } }
    return Finding(
      "system", "\(text(name.sysname)) \(text(name.release)), \(text(name.machine))" + (release.map { ", \($0)" } ?? "")
    )
  }

  private static var processor: Finding {
    let model = lines(of: "/proc/cpuinfo").first { $0.hasPrefix("model name") }.flatMap { line in
      line.firstIndex(of: ":").map { line[line.index(after: $0)...].trimmingCharacters(in: .whitespaces) }
    }
    return Finding(
      "processor", "\(model ?? "unknown model"), \(ProcessInfo.processInfo.processorCount) processors")
  }

  private static var instructions: Finding {
    let names = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
    let text = "\(InstructionSet.chosen.rawValue), of \(names)"
    if InstructionSet.chosen != InstructionSet.best {
      return Finding(
        "instructions", text, .warning,
        advice: "\(InstructionSet.variable) is set; without it \(InstructionSet.best.rawValue) would be used")
    }
    guard InstructionSet.best == .scalar else { return Finding("instructions", text) }
    return Finding(
      "instructions", text, .warning, advice: "without AVX2 and FMA networks are many times slower; use another machine"
    )
  }

  private static var allowance: Finding {
    let (allowed, there) = (Allowance.current, ProcessInfo.processInfo.processorCount)
    let text =
      "\(allowed.processors) processors and \(gigabytes(allowed.memory)) for this process"
    guard allowed.processors < there else { return Finding("allowance", text) }
    return Finding("allowance", text + ", less than the machine has, limited by affinity, control group or batch job")
  }

  private static var descriptors: Finding {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else {
      return Finding("descriptors", "unknown", .warning)
    }
    let text = "\(limit.rlim_cur) files at once, \(limit.rlim_max) at most"
    // A connection takes three, and 256 are kept for parts, ledger and logs.
    let workers = (Int(clamping: limit.rlim_max) - 256) / 3
    guard limit.rlim_max < 1_024 else { return Finding("descriptors", text) }
    return Finding(
      "descriptors", text, .warning,
      advice: "a coordinator here can serve \(max(0, workers)) workers; raise the hard limit (ulimit -Hn)")
  }

  static func gigabytes(_ bytes: Int) -> String { String(format: "%.1f GB", Double(bytes) / 1e9) }

  static func lines(of path: String) -> [String] {
    guard let data = FileManager.default.contents(atPath: path) else { return [] }
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  // MARK: Programs and variables

  private static var engines: Finding {
    let found = ["sbatch", "kubectl"].filter { name in
      (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
        access("\($0)/\(name)", X_OK) == 0
      }
    }
    return Finding(
      "launching",
      found.isEmpty ? "local; neither sbatch nor kubectl is installed" : "local and by \(found.joined(separator: ", "))"
    )
  }

  private static var environment: [Finding] {
    let names = ProcessInfo.processInfo.environment.keys.filter { name in
      name == "LD_PRELOAD" || name == "LD_LIBRARY_PATH"
        || ["GAUNTLET_", "OPENBLAS_", "OMP_", "GOTO_", "MALLOC_", "SLURM_CPUS", "SLURM_MEM"].contains {
          name.hasPrefix($0)
        }
    }.sorted()
    return [Finding("variables", names.isEmpty ? "none that matter" : names.joined(separator: ", "))]
  }
}
