import Imaging

/// A benchmark's entry in a manifest as its file in the catalogue reads it. What is wrong with a value is thrown with file and
/// line.
public protocol ManifestKeys {
  /// What the archive calls the benchmark: the key `name`, or the kind's word.
  var name: String { get }
  /// The class folders' names in class-index order; none: told from the folders.
  var classes: [String] { get }
  /// Whether a key is there.
  func has(_ key: String) -> Bool
  /// A folder that exists, or an archive of one; an error where the key is missing.
  func folder(_ key: String) throws -> String
  /// A file that exists; nil where the key is missing.
  func file(_ key: String) throws -> String?
  /// A whole number; nil where the key is missing.
  func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int?
  /// Different whole numbers, at least one; nil where the key is missing.
  func integers(_ key: String, in range: ClosedRange<Int>) throws -> [Int]?
  /// A number from a range without its lower end; an error where the key is missing.
  func number(_ key: String, above low: Double, upTo high: Double) throws -> Double
  /// A number from a range without its lower end, which may be written as a fraction such as `8/255`; nil where the key is
  /// missing.
  func fraction(_ key: String, above low: Double, upTo high: Double) throws -> Double?
  /// Different numbers of that form, as they are written and as numbers, at least one; nil where the key is missing.
  func fractions(_ key: String, above low: Double, upTo high: Double) throws -> [(text: String, value: Double)]?
  /// A grid of patches, `14` or `4x8`; nil where the key is missing.
  func patchGrid(_ key: String) throws -> PatchGrid?
  /// Different grids, at least one; nil where the key is missing.
  func patchGrids(_ key: String) throws -> [PatchGrid]?
  /// A transformer that says which patches are salient; nil where the key is missing or says `gradient`.
  func saliencyNetwork(_ key: String) throws -> SaliencyNetwork?
  /// One of some words; nil where the key is missing.
  func word(_ key: String, known: [String]) throws -> String?
  /// Different words of some that are known, at least one; nil where the key is missing or says `all`.
  func words(_ key: String, known: [String]) throws -> [String]?
  /// The mappings below a key whose own keys are of some that are known; nil where the key is missing.
  ///
  /// - Parameter keys: those that each mapping takes.
  func mappings(_ key: String, known: [String], keys: [String]) throws -> [String: Self]?
  /// An error at a key's value; nil: at the entry.
  func failure(_ key: String?, _ problem: String) -> any Error
}

extension ManifestKeys {
  /// `root` for published files, `from` for clean images that are changed on the fly.
  func origin() throws -> ImageOrigin {
    switch (has("root"), has("from")) {
    case (true, false): .published(root: try folder("root"))
    case (false, true): .madeFrom(root: try folder("from"))
    default: throw failure(nil, "needs either root (published files) or from (clean images), not both")
    }
  }

  /// Yes or no; nil where the key is missing.
  func flag(_ key: String) throws -> Bool? { try word(key, known: ["true", "false"]).map { $0 == "true" } }

  /// One of an enumeration's words; nil where the key is missing.
  func word<Words: CaseIterable & RawRepresentable<String>>(_ key: String, of words: Words.Type) throws -> Words? {
    try word(key, known: words.allCases.map(\.rawValue)).flatMap(Words.init)
  }

  /// The folder of a cell of published files.
  func existingFolder(of cell: GridCell, in layout: PictureLayout, _ name: String) throws -> String {
    let folder = layout.folder(of: cell)
    guard !FileTree.isFolder(folder) else { return folder }
    do { try layout.checkArchives(of: cell) } catch { throw failure(nil, "\(error)") }
    throw failure(nil, "asks for \(name), but there is no folder \(folder)")
  }
}
