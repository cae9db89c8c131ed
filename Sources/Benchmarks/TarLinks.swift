/// Symbolic links of a tar archive, which lead to files and folders of the same archive as they would after unpacking.
struct TarLinks {
  private var links: [(path: String, target: String)] = []
  /// How many times as many files as the archive holds, and how many more, links may lead to: links to folders of links
  /// double them.
  private static let limits = (times: 5, more: 50_000)

  /// Notes a link.
  mutating func add(_ path: String, target: String) { links.append((path, target)) }

  /// Enters what every link leads to. Links to files come first, since folders that are linked to may hold such.
  ///
  /// - Throws: `ListingError.damagedArchive` where links lead to too many files.
  func resolve(in index: inout TarIndex, _ archive: String) throws(ListingError) {
    let limit = index.files.count * Self.limits.times + Self.limits.more
    var waiting = links.filter { link in
      let isInside = TarIndex.path(link.path) != nil && Self.target(of: link) != nil
      if !isInside { index.leaveOut(link.path, "it is a link to \(link.target), which is not in the archive") }
      return isInside
    }
    while !waiting.isEmpty {
      let before = waiting.count
      waiting.removeAll { link in
        guard let target = Self.target(of: link), let entry = index.files[target] else { return false }
        index.add(link.path, entry)
        return true
      }
      if waiting.count < before { continue }
      // A folder without waiting links in it, if there is one.
      func isReady(_ link: (path: String, target: String)) -> Bool {
        Self.target(of: link).map { index.children[$0] != nil } ?? false
      }
      guard
        let next = waiting.firstIndex(where: { link in
          isReady(link) && !waiting.contains { $0.path.begins(with: (Self.target(of: link)?.text ?? "") + "/") }
        }) ?? waiting.firstIndex(where: isReady)
      else { break }
      let link = waiting.remove(at: next)
      if let target = Self.target(of: link), let path = TarIndex.path(link.path) {
        if (path.text + "/").begins(with: target.text + "/") || target.text.isEmpty {
          index.leaveOut(link.path, "it is a link to a folder above it")
        } else {
          try Self.enter(target.text, as: path.text, in: &index, archive, limit)
        }
      }
    }
    for link in waiting {
      index.leaveOut(link.path, "it is a link to \(link.target), which the archive does not hold")
    }
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

  private static func enter(
    _ folder: String, as path: String, in index: inout TarIndex, _ archive: String, _ limit: Int
  ) throws(ListingError) {
    for name in (index.children[ExactText(folder)] ?? []).sorted() {
      let (from, to) = (folder + "/" + name.text, path + "/" + name.text)
      if let entry = index.files[ExactText(from)] { index.add(to, entry) }
      guard index.files.count <= limit else {
        throw .damagedArchive(archive, reason: "its links lead to more than \(limit) files")
      }
      if index.children[ExactText(from)] != nil { try enter(from, as: to, in: &index, archive, limit) }
    }
  }
}
