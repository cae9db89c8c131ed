import Archives
import ArgumentParser
import Durable
import Foundation
import GauntletKit
import Kernels

/// What the program ends with, as `docs/reference.md` says.
enum ExitStatus {
  /// The run ended, but some shards or images were set aside, or results are missing from an archive.
  static let setAside = ExitCode(1)
  /// The command line or the manifest cannot be used.
  static let badUsage = ExitCode(2)
  /// The program cannot go on; standard error says why.
  static let cannotGoOn = ExitCode(3)
}

/// A mistake in what the user asked for, as opposed to something that went wrong on the way: exit status 2.
struct UsageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

@main
struct Gauntlet: ParsableCommand {
  static let version = Release.version

  static let configuration = CommandConfiguration(
    commandName: "gauntlet",
    abstract: "Evaluates image classifiers on robustness benchmarks, on many machines at once.",
    discussion: """
      A manifest names models and benchmarks. `gauntlet run` plans it as shards, computes them, and leaves one HDF5 \
      archive that opens in xarray. A crash loses nothing: `gauntlet resume` continues.

      Exit status: 0 done; 1 done, but something was set aside, is missing, or does not match; 2 bad usage, manifest or \
      run folder, and nothing was started; 3 cannot continue.
      """,
    version: version,
    subcommands: [
      PlanCommand.self, RunCommand.self, AddCommand.self, LaunchCommand.self, CoordinateCommand.self, WorkCommand.self,
      StatusCommand.self,
      LogsCommand.self,
      CancelCommand.self, ResumeCommand.self, MendCommand.self, CollectCommand.self, MergeCommand.self,
      VerifyCommand.self,
      SignCommand.self,
      ReportCommand.self, CompareCommand.self,
      InspectCommand.self, DoctorCommand.self, BenchCommand.self,
      KeysCommand.self, DemoCommand.self, MiniatureCommand.self, ModelsCommand.self, PredictCommand.self,
      ExportCommand.self, ShowCommand.self,
    ])

  static func main() {
    ReaderChild.serve(if: arguments, of: OwnExecutable.path)
    // A reader that goes away (`gauntlet status | head`) is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    // So is a file that becomes larger than is allowed.
    signal(SIGXFSZ, SIG_IGN)
    StandardOutput.holdPlaces()
    do {
      try InstructionSet.choose(nil)
      try CommandName.check(arguments)
      var command = try parseAsRoot(arguments)
      do { try command.run() } catch let code as ExitCode {
        try StandardOutput.finish()
        throw code
      }
      try StandardOutput.finish()
    } catch let code as ExitCode {
      exit(withCode: code)
    } catch {
      end(with: error)
    }
  }

  /// What was typed after the program's name.
  ///
  /// Swift looks for it beside the environment, which libraries that are preloaded (XALT on many clusters, libfaketime)
  /// may have moved; then it finds nothing.
  private static var arguments: [String] {
    guard CommandLine.arguments.count < 2, let line = FileManager.default.contents(atPath: "/proc/self/cmdline") else {
      return Array(CommandLine.arguments.dropFirst())
    }
    return line.split(separator: 0, omittingEmptySubsequences: false).dropFirst().dropLast().map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  private static func exit(withCode code: ExitCode) -> Never {
    Foundation.exit(code.rawValue)
  }

  /// Prints the error as one sentence and ends with the status that fits it.
  private static func end(with error: Error) -> Never {
    let parserCode = exitCode(for: error)
    if parserCode == .success {
      print(message(for: error))
      do { try StandardOutput.finish() } catch {
        Terminal.complain("gauntlet: \(error)", level: .error)
        exit(withCode: ExitStatus.cannotGoOn)
      }
      exit(withCode: .success)
    }
    if parserCode == .validationFailure {
      Terminal.complain(fullMessage(for: error))
      exit(withCode: ExitStatus.badUsage)
    }
    Terminal.complain("gauntlet: \(error.sentence)", level: .error)
    exit(withCode: Usage.isMistake(error) ? ExitStatus.badUsage : ExitStatus.cannotGoOn)
  }
}
