/// Which output of a network each image's class is.
struct ClassAssignment {
  /// The output of each image's class; -1 where it has none.
  var labels: [Int32]
  /// The outputs' names.
  var names: [String]
  /// One sentence that says how classes became outputs.
  var words: String

  /// Why a data set's classes are no outputs of a network.
  struct Obstacle: Error {
    let words: String
  }

  /// For a network of `outputs` outputs.
  ///
  /// - Throws: `Obstacle` where classes do not say which outputs they are.
  init(_ listing: ImageListing, outputs: Int) throws(Obstacle) {
    // The classes that have images, ascending.
    let used = Set(listing.labels.filter { $0 >= 0 }).sorted()
    let found = try Self.find(listing, used, outputs)
    labels = listing.labels.map { found.output[$0] ?? -1 }
    names = found.names
    words = found.words
    let without = labels.count { $0 < 0 }
    guard without < labels.count || labels.isEmpty else {
      throw Obstacle(words: "no image is in a folder of one of the network's classes")
    }
    if without > 0 {
      words += "; \(without) of \(labels.count) images are in folders without a class and are not scored"
    }
  }

  private typealias Found = (output: [Int32: Int32], names: [String], words: String)

  private static func find(
    _ listing: ImageListing, _ used: [Int32], _ outputs: Int
  ) throws(Obstacle) -> Found {
    let names = listing.classNames
    let same = Dictionary(used.map { ($0, $0) }) { first, _ in first }
    let imageNet = ImageNetOutputs(count: outputs)
    switch listing.rule {
    case .listed where names.count == outputs:
      return (same, names, "the manifest's list of \(outputs) class folders is the order of the outputs")
    case .wordNetIDs, .names, .listed:
      let known = used.count { ImageNetOutputs.index[name($0, names)] != nil }
      let byID = known > 0 && (names.count != outputs || 2 * known > used.count)
      if let imageNet, byID, listing.rule != .listed || names.allSatisfy({ ImageNetOutputs.index[$0] != nil }) {
        var output: [Int32: Int32] = [:]
        for label in used {
          output[label] = ImageNetOutputs.index[name(label, names)].map { $0 + imageNet.offset }
        }
        let words = "\(output.count) class folders are WordNet ids of ImageNet: its order of classes" + imageNet.remark
        return (output, imageNet.names, words)
      }
      return try inOrder(listing, used, outputs)
    case .numbers, .stated: return try byNumber(listing, used, outputs)
    case .leadingDigits:
      guard names.count == outputs else {
        throw Obstacle(words: counts(names.count, "numbered class folders", outputs))
      }
      return (same, names, "the two digits that start a class folder's name are its output")
    }
  }

  /// As many folders as outputs, in the order of their names.
  private static func inOrder(
    _ listing: ImageListing, _ used: [Int32], _ outputs: Int
  ) throws(Obstacle) -> Found {
    let names = listing.classNames
    switch listing.rule {
    case .wordNetIDs where used.count == outputs:
      let words =
        "\(outputs) class folders are WordNet ids: outputs in the order of their names, as ImageFolder has them"
      return (ranks(used), used.map { name($0, names) }, words)
    case .names where names.count == outputs:
      let words =
        "\(outputs) class folders: outputs in the order of their names, as ImageFolder has them" + unpadded(names)
      return (Dictionary(used.map { ($0, $0) }) { first, _ in first }, names, words)
    case .listed: throw Obstacle(words: counts(names.count, "class folders listed in the manifest", outputs))
    default:
      let count = listing.rule == .wordNetIDs ? used.count : names.count
      throw Obstacle(words: counts(count, "class folders" + examples(used, names), outputs))
    }
  }

  /// Numbers are outputs, or, where they are too large, as many as there are outputs and in their order.
  private static func byNumber(
    _ listing: ImageListing, _ used: [Int32], _ outputs: Int
  ) throws(Obstacle) -> Found {
    let names = listing.classNames
    let isStated = listing.rule == .stated
    let what = isStated ? "class indices beside the images" : "class folders' names"
    let numbers = used.map { isStated ? Int($0) : FolderClasses.number(name($0, names)) ?? Int($0) }
    guard let least = numbers.min(), let largest = numbers.max() else {
      throw Obstacle(words: "no image has a class")
    }
    let plain = (0..<outputs).map(String.init)
    // Some of ImageNet's classes need not hold the first one. Only 1,000 says that the background is counted, too, or a list
    // of as many names as outputs.
    if let imageNet = ImageNetOutputs(count: outputs), imageNet.offset > 0, largest < outputs - 1,
      names.count != outputs
    {
      let output = zip(used, numbers).map { ($0, Int32($1) + imageNet.offset) }
      let doubt = least == 0 ? "" : "; if they count the background, list all 1,001 names with the key classes"
      return (
        Dictionary(output) { first, _ in first }, imageNet.names,
        "the \(what) are numbers, taken as ImageNet's classes from 0" + imageNet.remark + doubt
      )
    }
    let order = isStated ? "" : textOrder(names, of: numbers)
    if largest < outputs {
      let isImageNet = isStated && outputs == ImageNetClasses.wordNetIDs.count
      let isNamed = names.count == outputs && used == numbers.map { Int32($0) }
      return (
        Dictionary(zip(used, numbers.map { Int32($0) })) { first, _ in first },
        isNamed ? names : isImageNet ? ImageNetClasses.wordNetIDs : plain,
        "the \(what) are numbers, which are the outputs" + order
      )
    }
    guard !isStated, names.count == outputs else {
      throw Obstacle(
        words: "the \(what) are \(names.count) numbers up to \(largest), but the network has \(outputs) outputs")
    }
    return (
      Dictionary(used.map { ($0, $0) }) { first, _ in first }, names,
      "the class folders' names are numbers from \(least) to \(largest): outputs in the numbers' order" + order
    )
  }

  /// What is said where ImageFolder, which sorts names as text, has another order than their numbers'.
  private static func textOrder(_ names: [String], of numbers: [Int]) -> String {
    let sorted = names.filter { FolderClasses.number($0) != nil }.sorted { ExactText($0) < ExactText($1) }
    let values = sorted.compactMap(FolderClasses.number)
    guard let place = zip(values, values.dropFirst()).enumerated().first(where: { $1.0 > $1.1 })?.offset else {
      return ""
    }
    return "; ImageFolder sorts them as text, \(sorted[place + 1]) after \(sorted[place]): "
      + "for a network trained that way, list them in its order with the key classes"
  }

  /// What is said of names whose numbers are not in the order of the names, as `class10` before `class2`.
  private static func unpadded(_ names: [String]) -> String {
    func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    for (one, next) in zip(names, names.dropFirst()) {
      let (first, second) = (Array(one.utf8), Array(next.utf8))
      var start = zip(first, second).prefix { $0 == $1 }.count
      while start > 0, isDigit(first[start - 1]) { start -= 1 }
      let numbers = [first, second].compactMap {
        Int(String(decoding: $0[start...].prefix(while: isDigit), as: UTF8.self))
      }
      if numbers.count == 2, numbers[0] > numbers[1] { return ", which is that of text: \(one) before \(next)" }
    }
    return ""
  }

  private static func ranks(_ used: [Int32]) -> [Int32: Int32] {
    Dictionary(zip(used, Int32(0)...)) { first, _ in first }
  }

  private static func name(_ label: Int32, _ names: [String]) -> String {
    names.indices.contains(Int(label)) ? names[Int(label)] : ""
  }

  private static func counts(_ found: Int, _ what: String, _ outputs: Int) -> String {
    "the data set has \(found) \(what), the network \(outputs) outputs"
  }

  private static func examples(_ used: [Int32], _ names: [String]) -> String {
    let some = used.prefix(3).map { name($0, names) }.filter { !$0.isEmpty }.joined(separator: ", ")
    return some.isEmpty ? "" : " (\(some)\(used.count > 3 ? ", ..." : ""))"
  }
}
