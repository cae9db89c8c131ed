/// What the classes of a data set were told from.
public enum ClassRule: String, Sendable, Hashable, Codable {
  /// Folders named by WordNet ids of ImageNet's 1,000 classes.
  case wordNetIDs
  /// Folders named by numbers.
  case numbers
  /// Folders of any names.
  case names
  /// The manifest's list of folders.
  case listed
  /// Class indices beside the images of a WebDataset.
  case stated
  /// The two digits that start the folders' names.
  case leadingDigits
}

/// How class folders become classes, before it is known how many outputs a network has.
struct FolderClasses {
  /// The classes' names.
  var names: [String]
  /// Each folder's place in the names; folders without one have no class.
  var index: [ExactText: Int32]
  var rule: ClassRule

  /// The two digits that start a folder's name are its class: `03_reptile` is 3.
  ///
  /// - Throws: `ListingError.unnumberedFolder` or `.twoFoldersOfOneClass`.
  static func numbered(_ found: Set<ExactText>) throws(ListingError) -> FolderClasses {
    var index: [ExactText: Int32] = [:]
    var folders: [Int: ExactText] = [:]
    for folder in found.sorted() {
      let digits = folder.text.prefix { $0 != "_" }
      guard digits.utf8.count == 2, let number = Self.number(String(digits)) else {
        throw .unnumberedFolder(folder.text)
      }
      if let other = folders[number] { throw .twoFoldersOfOneClass(other.text, folder.text) }
      folders[number] = folder
      index[folder] = Int32(number)
    }
    var names = (0...Int(index.values.max() ?? 0)).map(String.init)
    for (folder, number) in index { names[Int(number)] = String(folder.text.dropFirst(3)) }
    return FolderClasses(names: names, index: index, rule: .leadingDigits)
  }

  /// Folders that are class indices in decimal digits, at most six; the names of 1,000 classes are ImageNet's where none are
  /// given.
  static func stated(_ folders: Set<ExactText>, names: [String]) -> FolderClasses {
    let index = Dictionary(
      uniqueKeysWithValues: folders.compactMap { folder in Int32(folder.text).map { (folder, $0) } })
    let count = Int(index.values.max() ?? 0) + 1
    guard names.isEmpty else {
      return FolderClasses(names: names, index: index.filter { $0.value < names.count }, rule: .stated)
    }
    let isImageNet = count == ImageNetClasses.wordNetIDs.count
    return FolderClasses(
      names: isImageNet ? ImageNetClasses.wordNetIDs : (0..<count).map(String.init), index: index, rule: .stated)
  }

  /// The places in a list.
  static func listed(_ names: [String]) -> FolderClasses {
    FolderClasses(
      names: names, index: Dictionary(zip(names.map { ExactText($0) }, 0...)) { first, _ in first }, rule: .listed)
  }

  /// ImageNet's own index where every folder is one of its 1,000 WordNet ids; the numbers' order where every folder is a number,
  /// which is not that of their digits: 10 follows 9, not 1; otherwise the order of the names' bytes.
  ///
  /// - Throws: `ListingError.twoFoldersOfOneNumber`.
  static func told(from folders: Set<ExactText>) throws(ListingError) -> FolderClasses {
    if folders.allSatisfy({ ImageNetOutputs.index[$0.text] != nil }) {
      var classes = listed(ImageNetClasses.wordNetIDs)
      classes.rule = .wordNetIDs
      return classes
    }
    var sorted = folders.sorted()
    let numbers = Dictionary(sorted.map { ($0, number($0.text)) }) { first, _ in first }
    guard numbers.values.allSatisfy({ $0 != nil }) else {
      var classes = listed(sorted.map(\.text))
      classes.rule = .names
      return classes
    }
    sorted.sort { (numbers[$0] ?? 0) ?? 0 < (numbers[$1] ?? 0) ?? 0 }
    for (one, next) in zip(sorted, sorted.dropFirst()) where numbers[one] == numbers[next] {
      throw .twoFoldersOfOneNumber(one.text, next.text)
    }
    var classes = listed(sorted.map(\.text))
    classes.rule = .numbers
    return classes
  }

  /// The number that a name is, in decimal digits, leading zeros allowed.
  static func number(_ name: String) -> Int? {
    guard (1...18).contains(name.utf8.count), name.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return Int(name)
  }
}

/// The outputs of a network that answers with ImageNet's classes.
struct ImageNetOutputs {
  /// The place of each WordNet id among the 1,000 classes.
  static let index = Dictionary(zip(ImageNetClasses.wordNetIDs, Int32(0)...)) { first, _ in first }

  /// How many outputs stand before the classes: one for the background in networks of TensorFlow's.
  let offset: Int32

  /// The outputs of a network that has 1,000, or 1,001 with the background first; nil for others.
  init?(count: Int) {
    switch count {
    case ImageNetClasses.wordNetIDs.count: offset = 0
    case ImageNetClasses.wordNetIDs.count + 1: offset = 1
    default: return nil
    }
  }

  /// The outputs' names.
  var names: [String] { (offset > 0 ? ["background"] : []) + ImageNetClasses.wordNetIDs }
  /// What is said of it beside how classes were told.
  var remark: String { offset > 0 ? "; output 0 of 1,001 is taken as the background, as in TensorFlow's models" : "" }
}
