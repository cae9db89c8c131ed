/// Symbolic links of a tar archive, which lead to files and folders of the same archive as they would after unpacking.
struct TarLinks {
  private var links: [(path: String, target: String)] = []

  /// Notes a link.
  mutating func add(_ path: String, target: String) { links.append((path, target)) }

  /// Enters what every link leads to. Links to files come first, since folders that are linked to may hold such.
  ///
  /// - Throws: `ListingError.damagedArchive` where links lead to too many files.
  func resolve(in index: inout TarIndex, _ archive: String) throws(ListingError) {
    guard !links.isEmpty else { return }
    var resolution = LinkResolution(of: index, archive: archive)
    for link in links { resolution.note(link) }
    try resolution.resolve()
    index = resolution.index
  }
}

/// Links on their way into an index. What a link waits for wakes it, so that no link looks at all others.
private struct LinkResolution {
  private struct Link {
    let path: ExactText
    let target: ExactText
    /// The target as the archive has it.
    let words: String
  }

  /// How many times as many files and folders as the archive holds, and how many more, links may lead to: links to folders of
  /// links double them.
  private static let limits = (times: 5, more: 50_000)

  private(set) var index: TarIndex
  private let archive: String
  private let limit: Int
  /// Files and folders that links led to so far.
  private var visits = 0
  private var links: [Link] = []
  private var isWaiting: [Bool] = []
  /// Links by what they lead to.
  private var byTarget: [ExactText: [Int]] = [:]
  /// Folders whose links were told that they are there.
  private var knownFolders: Set<ExactText> = []
  /// How many links that wait are below a folder.
  private var waitingBelow: [ExactText: Int] = [:]
  /// Links that may have become ready: to a file, to a folder without waiting links, to any folder. Each has a place up to
  /// which it was looked at.
  private var toFiles: [Int] = []
  private var toWholeFolders: [Int] = []
  private var toFolders: [Int] = []
  private var next = (files: 0, wholeFolders: 0, folders: 0)

  init(of index: TarIndex, archive: String) {
    self.index = index
    self.archive = archive
    limit = (index.files.count + index.children.count) * Self.limits.times + Self.limits.more
  }

  /// Takes up a link, or says why it leads nowhere.
  mutating func note(_ link: (path: String, target: String)) {
    guard let path = TarIndex.path(link.path), let target = Self.target(of: link) else {
      return index.leaveOut(link.path, "it is a link to \(link.target), which is not in the archive")
    }
    guard !target.text.isEmpty, !(path.text + "/").begins(with: target.text + "/") else {
      return index.leaveOut(link.path, "it is a link to a folder above it")
    }
    byTarget[target, default: []].append(links.count)
    links.append(Link(path: path, target: target, words: link.target))
    isWaiting.append(true)
    for folder in Self.folders(above: path) { waitingBelow[folder, default: 0] += 1 }
  }

  mutating func resolve() throws(ListingError) {
    for link in links.indices {
      if index.files[links[link].target] != nil { toFiles.append(link) }
      if index.children[links[link].target] != nil {
        knownFolders.insert(links[link].target)
        noteFolder(link)
      }
    }
    while let link = nextLink() {
      end(link)
      if let entry = index.files[links[link].target] {
        try enter(entry, as: links[link].path)
      } else {
        try enterFolder(links[link].target.text, as: links[link].path.text)
      }
    }
    for link in links.indices where isWaiting[link] {
      index.leaveOut(
        links[link].path.text, "it is a link to \(links[link].words), which is not in the archive")
    }
  }

  /// The next link that leads somewhere: to a file, else to a folder that has its own links, else to any folder.
  private mutating func nextLink() -> Int? {
    while next.files < toFiles.count {
      next.files += 1
      if isWaiting[toFiles[next.files - 1]] { return toFiles[next.files - 1] }
    }
    while next.wholeFolders < toWholeFolders.count {
      next.wholeFolders += 1
      if isWaiting[toWholeFolders[next.wholeFolders - 1]] { return toWholeFolders[next.wholeFolders - 1] }
    }
    while next.folders < toFolders.count {
      next.folders += 1
      if isWaiting[toFolders[next.folders - 1]] { return toFolders[next.folders - 1] }
    }
    return nil
  }

  private mutating func noteFolder(_ link: Int) {
    toFolders.append(link)
    if waitingBelow[links[link].target, default: 0] == 0 { toWholeFolders.append(link) }
  }

  /// A link waits no more, so that folders above it may have all their links.
  private mutating func end(_ link: Int) {
    isWaiting[link] = false
    for folder in Self.folders(above: links[link].path) {
      waitingBelow[folder, default: 0] -= 1
      guard waitingBelow[folder] == 0, index.children[folder] != nil, let known = byTarget[folder] else { continue }
      toWholeFolders += known.filter { isWaiting[$0] }
    }
  }

  private mutating func enter(_ entry: TarIndex.Entry, as path: ExactText) throws(ListingError) {
    try visit()
    index.add(path.text, entry)
    if let known = byTarget.removeValue(forKey: path) { toFiles += known.filter { isWaiting[$0] } }
    for folder in Self.folders(above: path) where knownFolders.insert(folder).inserted {
      for link in byTarget[folder] ?? [] where isWaiting[link] { noteFolder(link) }
    }
  }

  private mutating func enterFolder(_ folder: String, as path: String) throws(ListingError) {
    for name in (index.children[ExactText(folder)] ?? []).sorted() {
      let (from, to) = (folder + "/" + name.text, path + "/" + name.text)
      if let entry = index.files[ExactText(from)] { try enter(entry, as: ExactText(to)) }
      if index.children[ExactText(from)] != nil {
        try visit()
        try enterFolder(from, as: to)
      }
    }
  }

  private mutating func visit() throws(ListingError) {
    visits += 1
    guard visits <= limit else {
      throw .damagedArchive(archive, reason: "its links lead to more than \(limit) files and folders")
    }
  }

  /// The folders that a path lies in, without the archive itself.
  private static func folders(above path: ExactText) -> [ExactText] {
    let bytes = Array(path.text.utf8)
    return bytes.indices.filter { bytes[$0] == UInt8(ascii: "/") }
      .map { ExactText(String(decoding: bytes[..<$0], as: UTF8.self)) }
  }

  /// Where a link leads, from the archive's root; "" is the archive itself. nil outside of it.
  private static func target(of link: (path: String, target: String)) -> ExactText? {
    guard !link.target.begins(with: "/") else { return nil }
    var parts = Array(link.path.pathParts.filter { $0 != "." }.dropLast())
    for part in link.target.pathParts where part != "." {
      if part == ".." {
        if parts.popLast() == nil { return nil }
      } else {
        parts.append(part)
      }
    }
    return ExactText(parts.joined(separator: "/"))
  }
}
