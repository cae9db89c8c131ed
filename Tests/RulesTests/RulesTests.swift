import Foundation
import TestSupport
import Testing

/// What CONTRIBUTING promises of the code, held by looking at its text. Each names the places that break it.
@Suite struct RulesTests {
  private static let sources = Result { try SourceFile.all(below: "Sources") }
  private static let tests = Result { try SourceFile.all(below: "Tests") }

  private func expectNone(_ places: [String], _ rule: Comment) {
    #expect(places.isEmpty, "\(rule): \(places.joined(separator: "\n"))")
  }

  // MARK: - Modules

  @Test("Arrows between modules point down, in the order of the table in architecture.md")
  func arrows() throws {
    let table = try Repository.text("docs/architecture.md").components(separatedBy: "\n## Modules\n").last ?? ""
    let rows = table.components(separatedBy: "\n## ")[0].split(separator: "\n").filter { $0.hasPrefix("| ") }
    var order: [String: Int] = [:]
    for (place, row) in rows.enumerated() {
      for module in row.split(separator: "|")[0].split(separator: ",") {
        order[module.trimmingCharacters(in: .whitespaces)] = place
      }
    }
    #expect(order.count > 30)
    var wrong: [String] = []
    for file in try Self.sources.get() {
      guard let own = order[file.module] else { continue }
      for (line, text) in file.code.enumerated() {
        let words = text.words
        guard words.contains("import"), let module = words.last, let other = order[String(module)], other >= own
        else { continue }
        wrong.append("\(file.place(line)): \(file.module) imports \(module)")
      }
    }
    expectNone(wrong, "these point up or sideways")
  }

  @Test("The command line parses and prints: it writes into no run folder")
  func commandLine() throws {
    let writing: Set<Substring> = [
      "writeAtomically", "createDirectory", "createFile", "removeItem", "unlink", "rename", "KeyStore", "RunLock",
      "StatusReport", "LaunchRecord", "LaunchLock", "forWritingTo", "takeUpSetAside", "mkdir", "Ledger",
    ]
    let places = try Self.sources.get().filter { $0.module == "gauntlet" }.flatMap { file in
      file.places { !writing.isDisjoint(with: $0.words) || $0.contains("DurableFile.write") }
    }
    expectNone(places, "this belongs into GauntletKit")
  }

  // MARK: - Tests

  @Test("No test sleeps; what cannot be signalled is looked for by `waitUntil`")
  func sleeps() throws {
    let words: Set<Substring> = ["sleep", "usleep", "nanosleep"]
    let places = try Self.tests.get().filter { $0.name != "Tests/TestSupport/Waiting.swift" }.flatMap { file in
      file.places { !words.isDisjoint(with: $0.words) }
    }
    expectNone(places, "these sleep")
  }

  @Test("No timing decides a test: none reads a clock that measures")
  func clocks() throws {
    let allowed = [
      // The time limit of looking.
      "Tests/TestSupport/Waiting.swift",
      // Times are arguments there.
      "Tests/CoordinationTests/SilentCoordinatorTests.swift",
      // Prints how long the simulation took, for the record.
      "Tests/SchedulingTests/SimulationTests.swift",
    ]
    let clocks: Set<Substring> = [
      "ContinuousClock", "SuspendingClock", "clock_gettime", "gettimeofday", "CFAbsoluteTimeGetCurrent", "measure",
      "timeIntervalSinceNow", "systemUptime",
    ]
    let places = try Self.tests.get().filter { !allowed.contains($0.name) }.flatMap { file in
      file.places { !clocks.isDisjoint(with: $0.words) }
    }
    expectNone(places, "these measure time")
  }

  @Test("No test has a time limit of its own: `hangLimit` is none that a slow machine could reach")
  func timeLimits() throws {
    let places = try Self.tests.get().filter { $0.name != "Tests/TestSupport/Waiting.swift" }.flatMap { file in
      file.places { $0.words.contains("timeLimit") }
    }
    expectNone(places, "use `hangLimit`")
  }

  // MARK: - Declarations

  @Test("Every public declaration says what it is")
  func documented() throws {
    expectNone(try Self.sources.get().flatMap { Declarations.undocumented(in: $0) }, "these have no comment")
  }

  @Test("No function outside kernels has four unlabelled parameters")
  func parameters() throws {
    let files = try Self.sources.get().filter { !$0.module.hasPrefix("Kernel") }
    expectNone(files.flatMap { Declarations.unlabelled(in: $0, atLeast: 4) }, "calls of these cannot be read")
  }

  @Test("Nothing ends the process on what input can reach: no `try!`, no forced cast or unwrapping, no `fatalError`")
  func crashes() throws {
    let places = try Self.sources.get().flatMap { $0.places { Declarations.mayCrash($0) } }
    expectNone(places, "these end the process")
  }

  // MARK: - Files

  @Test("Every source file declares something that another file names")
  func readFiles() throws {
    let files = try Self.sources.get()
    let tests = try Self.tests.get()
    var uses: [Substring: Set<String>] = [:]
    for file in files + tests {
      // Names in strings count: they may be interpolated.
      for word in Set(file.lines.lazy.filter { !$0.contains("///") }.flatMap(\.words)) {
        uses[word, default: []].insert(file.name)
      }
    }
    let unread = files.filter { file in
      // Whatever starts a program, and what a protocol of another module asks for, is called by nobody here.
      guard !file.code.contains(where: { $0.contains("@main") }) else { return false }
      return Declarations.names(in: file).allSatisfy { (uses[$0] ?? []).subtracting([file.name]).isEmpty }
    }
    expectNone(unread.map(\.name), "nobody uses these")
  }

  @Test("Every script is named by the Makefile, CI, a document, a test or another script")
  func readScripts() throws {
    let root = Repository.path + "/"
    func files(_ folder: String) throws -> [String] {
      try FileManager.default.subpathsOfDirectory(atPath: root + folder).map { folder + "/" + $0 }.filter { path in
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: root + path, isDirectory: &isFolder) && !isFolder.boolValue
          && !path.contains("__pycache__")
      }
    }
    let tools = try files("tools")
    #expect(tools.count > 20)
    let readers =
      ["Makefile", ".ci/run", "README.md", "CONTRIBUTING.md", "SECURITY.md", "Package.swift"]
      + (try files("docs") + files("Benchmarks") + files("cluster") + tools)
      + (try Self.tests.get().map(\.name))
    let texts = readers.compactMap { name in (try? Repository.text(name)).map { (name: name, text: $0) } }
    let unread = tools.filter { tool in
      let name = (tool as NSString).lastPathComponent
      let module = (name as NSString).deletingPathExtension
      return !texts.contains { reader in
        reader.name != tool
          && (reader.text.contains(name) || reader.text.contains("import \(module)")
            || reader.text.contains("from \(module) "))
      }
    }
    expectNone(unread, "nobody names these")
  }
}
