/// Text from others (names, paths, reasons, what a library says) as text: nothing in it moves a cursor, changes a colour,
/// turns the direction of reading or begins a line of its own.
extension StringProtocol {
  /// The text on one line: each scalar that acts on who shows it is written as `\u{1B}`.
  public var plain: String { shown(keepingLines: false) { "\\u{\(String($0.value, radix: 16, uppercase: true))}" } }

  /// As ``plain``; what takes more bytes of UTF-8 than `limit` is cut between characters, and says so.
  public func plain(atMost limit: Int) -> String {
    let text = plain
    guard text.utf8.count > limit else { return text }
    let mark = " ..."
    var (bytes, kept) = (0, String.UnicodeScalarView())
    for scalar in unicodeScalars {
      let word = String(scalar).plain
      bytes += word.utf8.count
      guard bytes + mark.utf8.count <= limit else { break }
      kept.append(contentsOf: word.unicodeScalars)
    }
    return String(kept) + mark
  }

  /// As ``plain``, but its line feeds and tabs stay.
  public var plainLines: String {
    shown(keepingLines: true) { "\\u{\(String($0.value, radix: 16, uppercase: true))}" }
  }

  /// The text as HTML has it, in elements and attributes. By scalars, as browsers read it: with a mark before it that joins what
  /// follows, `<` is no character of its own. What acts on who shows it stays; see ``plain`` and ``plainLines``.
  public var inHTML: String {
    var result = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// JSON with such scalars written as JSON does (`\u009B`); it stays the same JSON.
  public var plainJSON: String {
    shown(keepingLines: true) { scalar in
      UTF16.encode(scalar).map { units in units.map { "\\u" + $0.hexadecimal }.joined() } ?? ""
    }
  }

  private func shown(keepingLines: Bool, _ word: (Unicode.Scalar) -> String) -> String {
    let isToBeShown = { (scalar: Unicode.Scalar) in
      scalar.actsOnTerminals && !(keepingLines && (scalar == "\n" || scalar == "\t"))
    }
    guard unicodeScalars.contains(where: isToBeShown) else { return String(self) }
    var result = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      if isToBeShown(scalar) { result.append(contentsOf: word(scalar).unicodeScalars) } else { result.append(scalar) }
    }
    return String(result)
  }
}

extension Unicode.Scalar {
  /// Control codes (C0, DEL, C1), ends of lines and paragraphs, marks that turn the direction of reading (Unicode Standard
  /// Annex 9), the mark of byte order, and tags.
  fileprivate var actsOnTerminals: Bool {
    switch value {
    case 0x20...0x7E, 0xA0...0x61B: false
    case 0...0x1F, 0x7F...0x9F, 0x61C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF, 0xE0000...0xE007F: true
    default: false
    }
  }
}

extension UInt16 {
  fileprivate var hexadecimal: String {
    let digits = String(self, radix: 16, uppercase: true)
    return String(repeating: "0", count: 4 - digits.count) + digits
  }
}
