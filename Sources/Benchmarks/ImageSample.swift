import Tensors

/// A part of a benchmark's images, the same one whatever the run's seed: so many that are drawn, or those of a list.
public struct ImageSample: Sendable, Hashable, Codable {
  /// Images, at most.
  public let count: Int
  /// The images' paths, as far as they are told; nil: they are drawn.
  public let names: [String]?

  /// So many images.
  public init(_ count: Int) { (self.count, names) = (count, nil) }

  /// The images of a list, each by its path or the last parts of it, such as `ILSVRC2012_val_00000293.JPEG`.
  public init(names: [String]) { (count, self.names) = (names.count, names) }

  /// The lines of a list that are no comments, each once.
  public static func names(in text: String) -> [String] {
    var seen: Set<ExactText> = []
    return text.split(whereSeparator: \.isNewline).map { $0.trimmingPrefix { $0 == " " || $0 == "\t" } }
      .map { String($0.reversed().drop { $0 == " " || $0 == "\t" }.reversed()) }
      .filter { !$0.isEmpty && !$0.hasPrefix("#") && seen.insert(ExactText($0)).inserted }
  }

  /// The images that are taken, in their order. Drawn are as many of each class as of the others, or one more: of a class those
  /// whose paths have the smallest hashes. A larger sample holds a smaller one.
  package func drawn(of paths: [String]) -> [String] {
    if names != nil {
      let listed = listed
      return paths.filter { path in listed[Self.file(of: path)]?.contains { Self.isSame($0, path) } == true }
    }
    guard paths.count > count else { return paths }
    let hashes = paths.map { StableHash.of("sample\t" + $0) }
    func comesFirst(_ one: Int, _ other: Int) -> Bool {
      hashes[one] == hashes[other] ? one < other : hashes[one] < hashes[other]
    }
    var ranks = [Int](repeating: 0, count: paths.count)
    for images in Dictionary(grouping: paths.indices, by: { ExactText(paths[$0].firstPathPart.first) }).values {
      for (rank, image) in images.sorted(by: comesFirst).enumerated() { ranks[image] = rank }
    }
    let chosen = Set(
      paths.indices.sorted { ranks[$0] == ranks[$1] ? comesFirst($0, $1) : ranks[$0] < ranks[$1] }.prefix(count))
    return paths.indices.filter(chosen.contains).map { paths[$0] }
  }

  /// Names of the list that no image has.
  package func missing(of paths: [String]) -> [String] {
    guard let names else { return [] }
    let there = Dictionary(grouping: paths) { Self.file(of: $0) }
    return names.filter { name in there[Self.file(of: name)]?.contains { Self.isSame(name, $0) } != true }
  }

  /// The list's names, by the names of their files.
  private var listed: [ExactText: [String]] { Dictionary(grouping: names ?? []) { Self.file(of: $0) } }

  private static func file(of path: String) -> ExactText {
    ExactText(path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path)
  }

  /// Whether one path is the other, or the end of it: lists name images with or without their folders.
  private static func isSame(_ one: String, _ other: String) -> Bool {
    let (short, long) = one.utf8.count <= other.utf8.count ? (one, other) : (other, one)
    guard Array(long.utf8.suffix(short.utf8.count)) == Array(short.utf8) else { return false }
    let before = long.utf8.count - short.utf8.count
    return before == 0 || long.utf8.dropFirst(before - 1).first == UInt8(ascii: "/")
  }
}
