import Foundation
import Messaging
import Planning

/// Writes a run's coordinator and workers as objects of Kubernetes: `cluster/kubernetes/run.yaml`, filled in.
///
/// The pods see what the volumes hold, this machine need not: the coordinator plans the run there.
public struct KubernetesEngine: LaunchEngine {
  /// `kubernetes`.
  public static let name = "kubernetes"
  /// The pods see the run folder.
  public static let plansHere = false
  /// Objects are deleted with what holds them.
  public static let words = (job: "object", end: "kubectl delete")

  /// The folder of objects and keys on this machine.
  private let state: String
  private let workers: Int
  private let runner: CommandRunner
  private let name: String
  private let runFolder: String
  private let manifest: String
  private let settings: ClusterSettings
  private let keys: String
  private let passed: PassedOptions

  /// What a run on Kubernetes lacks.
  public enum Lack: LaunchMisuse, Equatable {
    /// An address to listen at was given.
    case serviceAddress
    /// The manifest is missing, or the run folder's path in the pods.
    case place
    /// The command line names no container image; what the manifest proposes.
    case image(proposed: String?)
    /// The run folder is not on any of the volumes.
    case runFolder(String)

    /// What to do.
    public var description: String {
      switch self {
      case .serviceAddress: "--listen does not apply to kubernetes, where a service exposes the coordinator's port 5757"
      case .place: "kubernetes needs the manifest and --run with the run folder's absolute path in the pods"
      case .image(nil): "kubernetes needs a container image; give --image"
      case .image(let image?):
        "the manifest names the container image \(image), a program with access to the run's keys and volumes; if you trust "
          + "it, give --image \(image)"
      case .runFolder(let path):
        "the run folder \(path) is not on any of the volumes; list one that holds it in the manifest's cluster section, "
          + "as in volumes: {my-claim: /runs}"
      }
    }
  }

  /// An engine for one run, whose name becomes a label: Kubernetes allows fewer characters, others become dashes. The run
  /// folder is its path in the pods, and the coordinator listens where the service expects it.
  ///
  /// - Throws: `Lack`, or `ManifestError` where the manifest cannot be read.
  public init(_ order: LaunchOrder) throws {
    guard order.passed.listen == nil else { throw Lack.serviceAddress }
    guard let folder = order.folder, folder.hasPrefix("/"), let manifest = order.manifest else { throw Lack.place }
    try self.init(order, runFolder: folder, manifest: ManifestReader(file: manifest).contents())
  }

  /// Of a manifest's text; objects and keys are written below `state`, `runs/NAME-kubernetes` otherwise.
  package init(_ order: LaunchOrder, runFolder: String, manifest: String, state: String? = nil) throws(Lack) {
    let settings = order.settings
    guard settings.image != nil else { throw .image(proposed: settings.proposedImage) }
    let isMounted = settings.volumes.contains { runFolder == $0.path || runFolder.hasPrefix($0.path + "/") }
    guard isMounted else { throw .runFolder(runFolder) }
    self.state = state ?? "runs/\(order.name)-kubernetes"
    name = Self.label(order.name)
    self.runFolder = runFolder
    self.manifest = manifest
    self.settings = settings
    keys = self.state + "/keys"
    passed = order.passed
    workers = max(1, order.workers)
    runner = order.runner
  }

  private var objects: String { state + "/run.yaml" }

  /// Writes the objects to a file, and the run's keys beside them if they are not there; says where.
  ///
  /// - Throws: an error of the key files or the disk.
  public func rehearse() throws -> [String] {
    let store = KeyStore(folder: keys)
    if !store.exists { try store.create() }
    try RunFolder.writeAtomically(Data(try render(workers: workers).utf8), to: objects)
    return ["objects: \(objects)  (with secret keys)"]
  }

  /// `kubectl apply` finds out by itself what is there.
  public func isCoordinated() -> Bool { false }

  /// Writes the objects and applies them; says how where there is no kubectl here.
  ///
  /// - Returns: nothing: Kubernetes keeps track of its objects.
  /// - Throws: `LaunchError.refused`, or what `rehearse` throws.
  public func launch(isCoordinated: Bool, tell: (String) -> Void) throws -> [LaunchRecord.Job] {
    try rehearse().forEach(tell)
    let outcome: CommandRunner.Outcome
    do {
      outcome = try runner.run(["kubectl", "apply", "--filename", objects])
    } catch LaunchError.noCommand {
      tell("kubectl is not installed here; elsewhere run: kubectl apply --filename \(objects)")
      return []
    }
    guard outcome.status == 0 else { throw LaunchError.refused(command: "kubectl", reason: outcome.errors) }
    tell(outcome.output)
    return []
  }

  /// Kubernetes says, not this program.
  public func state(of job: LaunchRecord.Job) -> LaunchedState { .unknown }

  /// Nothing is kept track of that could be ended.
  public func cancel(_ jobs: [LaunchRecord.Job]) {}

  /// A name as RFC 1123 has it, short enough for what is added to it.
  static func label(_ name: String) -> String {
    let allowed = name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
    let text = String(String(allowed).trimmingCharacters(in: CharacterSet(charactersIn: "-")).prefix(40))
    return "gauntlet-" + (text.isEmpty ? "run" : text.trimmingCharacters(in: CharacterSet(charactersIn: "-")))
  }

  /// The objects as YAML. It holds secret keys.
  ///
  /// - Throws: an error of the key files.
  package func render(workers: Int) throws -> String {
    let component = ["app.kubernetes.io/name": "gauntlet", "app.kubernetes.io/instance": name]
    func labels(_ part: String) throws -> String {
      try json(component.merging(["app.kubernetes.io/component": part]) { $1 })
    }
    let cpus = settings.cpus ?? 1
    let values: [String: String] = [
      "name": name, "namespace": try json(settings.namespace ?? "default"), "labels": try json(component),
      "coordinatorLabels": try labels("coordinator"), "workerLabels": try labels("worker"),
      "keys": try json(secrets()), "manifest": try json(manifest), "image": try json(settings.image ?? ""),
      "workers": String(workers),
      "coordinatorArguments": try json(
        [
          "coordinate", "/manifest/manifest.yaml", "--run", runFolder, "--keys", "/keys", "--keep-workers", "--listen",
          "tcp://0.0.0.0:5757",
        ] + passed.ofCoordinator),
      "workerArguments": try json([
        "work", "--connect", "tcp://\(name)-coordinator:5757", "--keys", "/keys/worker.bundle", "--streams", "\(cpus)",
        "--patience", "\(passed.patience ?? 3600)",
      ]),
      "workerResources": try json(["cpu": String(cpus), "memory": quantity]),
      "security": #"{"runAsNonRoot": true, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}"#,
      "coordinatorMounts": try json(mounts(readOnly: false) + [["name": "manifest", "mountPath": "/manifest"]]),
      "workerMounts": try json(mounts(readOnly: true)), "coordinatorVolumes": try volumes(withManifest: true),
      "workerVolumes": try volumes(withManifest: false),
    ]
    return Self.filled(String(decoding: PackageResources.run_yaml, as: UTF8.self), values)
  }

  /// A template with its braces filled in, once: what is filled in may hold braces of its own.
  static func filled(_ template: String, _ values: [String: String]) -> String {
    var result = ""
    var rest = template[...]
    while let start = rest.range(of: "{{"), let end = rest[start.upperBound...].range(of: "}}") {
      let key = String(rest[start.upperBound..<end.lowerBound])
      result += rest[..<start.lowerBound] + (values[key] ?? "{{\(key)}}")
      rest = rest[end.upperBound...]
    }
    return result + rest
  }

  /// Kubernetes writes powers of 1024 with an i.
  private var quantity: String { (settings.memory ?? "8G") + "i" }

  private func secrets() throws -> [String: String] {
    let files = [
      "server.key": "server.key", "worker.public": "authorized/worker.public", "worker.bundle": "worker.bundle",
    ]
    return try files.mapValues { file in
      try Data(contentsOf: URL(fileURLWithPath: keys + "/" + file)).base64EncodedString()
    }
  }

  /// Data and run folder; workers only read them.
  private func mounts(readOnly: Bool) -> [[String: JSONValue]] {
    settings.volumes.enumerated().map { index, volume in
      ["name": .text("volume-\(index)"), "mountPath": .text(volume.path), "readOnly": .flag(readOnly)]
    } + [["name": "keys", "mountPath": "/keys"]]
  }

  private func volumes(withManifest: Bool) throws -> String {
    var volumes: [[String: JSONValue]] = settings.volumes.enumerated().map { index, volume in
      ["name": .text("volume-\(index)"), "persistentVolumeClaim": .object(["claimName": .text(volume.claim)])]
    }
    volumes.append(["name": "secret", "secret": .object(["secretName": .text("\(name)-keys")])])
    volumes.append(["name": "keys", "emptyDir": .object(["medium": "Memory"])])
    if withManifest { volumes.append(["name": "manifest", "configMap": .object(["name": .text("\(name)-manifest")])]) }
    return try json(volumes)
  }

  /// JSON on one line, which is YAML, too.
  private func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

/// The little of JSON that volumes need.
private enum JSONValue: Encodable, ExpressibleByStringLiteral {
  case text(String)
  case flag(Bool)
  case object([String: JSONValue])

  init(stringLiteral value: String) { self = .text(value) }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .flag(let flag): try container.encode(flag)
    case .object(let object): try container.encode(object)
    }
  }
}
