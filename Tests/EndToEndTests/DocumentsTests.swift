import Foundation
import TestSupport
import Testing

/// The documents and the package name what there is.
@Suite struct DocumentsTests {
  private static func text(_ path: String) throws -> String {
    try String(contentsOfFile: Repository.path + "/" + path, encoding: .utf8)
  }

  // MARK: - The reference

  private struct Tool: Decodable { let command: Command }

  private struct Command: Decodable {
    let commandName: String
    let subcommands: [Command]?
    let arguments: [Argument]?

    /// The options that its help shows, but for those of every command.
    var options: [String] {
      var found: [String] = []
      for argument in arguments ?? [] where argument.shouldDisplay {
        for name in argument.names ?? [] where name.kind == "long" { found.append(name.name) }
      }
      return found.filter { $0 != "help" && $0 != "version" }
    }
  }

  private struct Argument: Decodable {
    struct Name: Decodable {
      let kind: String
      let name: String
    }
    let names: [Name]?
    let shouldDisplay: Bool
  }

  @Test("Every option of every command stands in the command's section of the reference")
  func options() throws {
    let outcome = try CommandLineTool.run(["--experimental-dump-help"])
    let tool = try JSONDecoder().decode(Tool.self, from: Data(outcome.output.utf8)).command
    let sections = try Self.text("docs/reference.md").components(separatedBy: "\n### ")
    var count = 0
    func check(_ command: Command, _ path: [String]) throws {
      for below in command.subcommands ?? [] where below.commandName != "help" {
        try check(below, path + [below.commandName])
      }
      guard let first = path.first, !command.options.isEmpty else { return }
      let titles = ["gauntlet " + path.joined(separator: " "), "gauntlet " + first]
      let section = titles.lazy.compactMap { title in
        sections.first { $0.hasPrefix(title + " ") || $0.hasPrefix(title + "\n") }
      }.first
      for option in command.options {
        count += 1
        let word = try Regex("--\(option)(?![a-z-])")
        #expect(section?.contains(word) == true, "\(path.joined(separator: " ")): --\(option)")
      }
    }
    try check(tool, [])
    #expect(count > 60)
  }

  // MARK: - The package

  private struct Target {
    let name: String
    /// Where its files are, below the repository.
    let folder: String
    let dependencies: Set<String>
    let isTest: Bool
  }

  /// The modules of other packages, by what `Package.swift` calls them.
  private static let products = [
    "logging": "Logging", "protobuf": "SwiftProtobuf", "crypto": "Crypto", "Yams": "Yams", "GRDB": "GRDB",
    "nioCore": "NIOCore", "nioPosix": "NIOPosix", "nioHTTP1": "NIOHTTP1", "ArgumentParser": "ArgumentParser",
  ]

  /// Those that come with the toolchain.
  private static let usual: Set<String> = [
    "Foundation", "FoundationEssentials", "Synchronization", "Dispatch", "Glibc", "Musl", "Darwin", "Testing",
  ]

  private static func targets() throws -> [Target] {
    let package = try text("Package.swift")
    let start = try #require(package.firstRange(of: "targets: [\n    .system"))
    let end = try #require(package.firstRange(of: "swiftLanguageModes"))
    let text = package[start.lowerBound..<end.lowerBound]
    let heads = text.matches(
      of: #/(library|shim|tests|\.systemLibrary|\.target|\.executableTarget|\.testTarget)\(\s*(?:name: )?"([\w-]+)"/#)
    return heads.enumerated().map { place, head in
      let body = text[
        head.range.upperBound..<(place + 1 < heads.count ? heads[place + 1].range.lowerBound : text.endIndex)]
      let isTest = head.output.1.lowercased().contains("test")
      let name = String(head.output.2) + (head.output.1 == "tests" ? "Tests" : "")
      var words = Set(
        body.matches(of: #/"([\w-]+)"|\b(logging|protobuf|crypto|nio\w+)\b/#).map { match in
          String(match.output.1 ?? match.output.2 ?? "")
        })
      if head.output.1 == "tests" { words.formUnion([String(head.output.2), "TestSupport"]) }
      let path = body.firstMatch(of: #/path: "([\w/]+)"/#).map { String($0.output.1) }
      return Target(
        name: name, folder: path ?? (isTest ? "Tests/" : "Sources/") + name,
        dependencies: Set(words.map { products[$0] ?? $0 }), isTest: isTest)
    }
  }

  private static func imports(of target: Target) throws -> Set<String>? {
    let folder = Repository.path + "/" + target.folder
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
    guard !files.isEmpty else { return nil }
    let pattern = #/^(?:@\w+ |public |internal )*import (?:(?:struct|class|enum|func|protocol) )?(\w+)/#
    return try files.reduce(into: []) { found, file in
      let text = try String(contentsOfFile: folder + "/" + file, encoding: .utf8)
      found.formUnion(text.matches(of: pattern.anchorsMatchLineEndings()).map { String($0.output.1) })
    }
  }

  @Test("Every module that a target imports is declared in Package.swift, and none that it does not import")
  func imports() throws {
    let targets = try Self.targets()
    #expect(targets.count > 50)
    let known = Set(targets.map(\.name)).union(Self.products.values)
    for target in targets {
      guard let imports = try Self.imports(of: target) else { continue }
      let undeclared = imports.subtracting(target.dependencies).subtracting(Self.usual).subtracting([target.name])
      #expect(undeclared.isEmpty, "\(target.name) imports \(undeclared.sorted()) without a word in Package.swift")
      guard !target.isTest else { continue }
      let unused = target.dependencies.intersection(known).subtracting(imports).subtracting([target.name])
      #expect(unused.isEmpty, "\(target.name) declares \(unused.sorted()) and imports none of them")
    }
  }

  @Test("The table of modules has every target, and nothing else")
  func modules() throws {
    let text = try Self.text("docs/architecture.md").components(separatedBy: "\n## Modules\n").last ?? ""
    let rows = text.components(separatedBy: "\n## ")[0].split(separator: "\n").filter { $0.hasPrefix("| ") }
    let named = rows.dropFirst(2).flatMap { row in
      row.split(separator: "|")[0].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    // What tests alone link lies among them.
    let targets = try Self.targets().filter { !$0.isTest && !$0.folder.hasPrefix("Tests/") }.map(\.name)
    #expect(named.sorted() == targets.sorted())
  }

  // MARK: - The run folder

  @Test("Whatever lies in a run's folder is in the list of the run folder")
  func runFolder() throws {
    let text = try Self.text("docs/architecture.md").components(separatedBy: "\n## The run folder\n\n").last ?? ""
    let list = Set(text.components(separatedBy: "\n\n")[0].matches(of: #/[\w.-]+/#).map { String($0.output) })
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let folder = scratch.path + "/run"
    try #require(try CommandLineTool.run(["run", manifest, "--run", folder]).status == 0)
    try #require(try CommandLineTool.run(["launch", "--run", folder, "--engine", "local"]).status == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(names.count > 10)
    for name in names {
      #expect(list.contains(name.replacing(#/-(wal|shm)$/#, with: "")), "\(name)")
    }
  }
}
