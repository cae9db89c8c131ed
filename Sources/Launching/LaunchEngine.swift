import Planning

/// What places a run's coordinator and workers somewhere. An engine is one file with a type that conforms, and one line in
/// `LaunchEngines.all`; the manifest's `cluster` section and `gauntlet launch` know it by its name then.
public protocol LaunchEngine: Sendable {
  /// What `--engine` and the manifest call it.
  static var name: String { get }
  /// Whether this machine sees the run folder: then the run is planned here before anything is placed. Otherwise the
  /// coordinator plans it where it starts.
  static var plansHere: Bool { get }
  /// What it calls one thing that it placed, and the command that ends such things by their ids.
  static var words: (job: String, end: String) { get }

  /// An engine for one run.
  ///
  /// - Throws: `LaunchMisuse` for what it cannot place as it is asked; nothing is written.
  init(_ order: LaunchOrder) throws

  /// What would be done, a line each: commands as a shell reads them, or files of objects. Nothing is placed.
  func rehearse() throws -> [String]

  /// Whether a coordinator that this engine placed waits or runs.
  func isCoordinated() throws -> Bool

  /// Places workers, and a coordinator unless there is one.
  ///
  /// - Parameters:
  ///   - isCoordinated: whether the run has a coordinator, of this engine or another.
  ///   - tell: told what the user should know beside the jobs.
  /// - Returns: what was placed; nothing where this engine keeps no track of it.
  /// - Throws: `LaunchError`, or an error of the run folder; nothing stays placed then.
  func launch(isCoordinated: Bool, tell: (String) -> Void) throws -> [LaunchRecord.Job]

  /// How something that was placed is.
  func state(of job: LaunchRecord.Job) -> LaunchedState

  /// Ends what was placed, as far as that is possible.
  func cancel(_ jobs: [LaunchRecord.Job])
}

/// The engines that there are.
public enum LaunchEngines {
  /// All of them, in the order in which they are named to users.
  public static let all: [any LaunchEngine.Type] = [
    LocalEngine.self,
    SlurmEngine.self,
    KubernetesEngine.self,
  ]

  /// Their names.
  public static var names: [String] { all.map { $0.name } }

  /// `local, slurm or kubernetes`.
  public static var choice: String {
    names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
  }

  /// The engine of a name; nil where there is none.
  public static func named(_ name: String) -> (any LaunchEngine.Type)? { all.first { $0.name == name } }
}

/// What is to be launched.
public struct LaunchOrder: Sendable {
  /// The run's name.
  public var name: String
  /// The run folder as it was given; nil is `runs/NAME`.
  public var folder: String?
  /// The manifest's file; nil for a run folder that was begun.
  public var manifest: String?
  /// How many workers, where and how.
  public var settings: ClusterSettings
  /// The program's path, which every machine must see.
  public var executable: String
  /// Options of the processes that are started.
  public var passed: PassedOptions
  /// Runs the commands of batch systems.
  public var runner: CommandRunner

  /// An order.
  public init(
    name: String, folder: String? = nil, manifest: String? = nil, settings: ClusterSettings, executable: String,
    passed: PassedOptions = PassedOptions(), runner: CommandRunner = CommandRunner()
  ) {
    (self.name, self.folder, self.manifest, self.settings) = (name, folder, manifest, settings)
    (self.executable, self.passed, self.runner) = (executable, passed, runner)
  }

  /// The run folder, for engines that plan here.
  public var runFolder: RunFolder { RunFolder(folder ?? "runs/" + name) }

  /// How many workers are placed.
  public var workers: Int { settings.workers ?? 1 }
}

/// An error of what was asked, not of what was met on the way: its description says what to ask for instead.
public protocol LaunchMisuse: Error, CustomStringConvertible {}

extension [String] {
  /// The command as a shell reads it.
  var quoted: String {
    map { word in
      let isPlain = word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_=./:%,@".contains($0)) }
      return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }.joined(separator: " ")
  }
}
