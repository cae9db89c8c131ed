/// Text that somebody else wrote, safe for a log, a terminal or one line of a report: control codes, line separators and
/// marks that change the direction of what follows are shown as `\u{1B}`, and what is too long is cut.
///
/// - Parameter limit: the most bytes of UTF-8 that it may take.
public func printable(_ text: some StringProtocol, atMost limit: Int = .max) -> String {
  let mark = " ..."
  var result = ""
  // Where the text is cut if it is too long.
  var end = result.endIndex
  var bytes = 0
  for scalar in text.unicodeScalars {
    let shown = scalar.isPrintable ? String(scalar) : "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    bytes += shown.utf8.count
    guard bytes <= limit else { return String(result[..<end]) + mark }
    result += shown
    if bytes <= limit - mark.utf8.count { end = result.endIndex }
  }
  return result
}

extension Unicode.Scalar {
  /// Whether a terminal shows it, or leaves it out, and does nothing else: no control code (C0, DEL, C1), no line or paragraph
  /// separator, no override, embedding, isolate or mark of direction.
  fileprivate var isPrintable: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x61C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: false
    default: true
    }
  }
}
