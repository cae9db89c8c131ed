/// A line of comma-separated values (RFC 4180, but for the end of the line).
public enum CSVLine {
  /// Fields with commas between them; those that hold commas, quotation marks or ends of lines are quoted.
  ///
  /// A spreadsheet takes a field that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula and computes
  /// it, so text that does gets an apostrophe before it; numbers stay as they are.
  public static func of(_ fields: [String]) -> String {
    fields.map { quoted(isFormula($0) ? "'" + $0 : $0) }.joined(separator: ",")
  }

  private static func isFormula(_ field: String) -> Bool {
    guard let first = field.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) else { return false }
    return Double(field) == nil
  }

  /// By scalars: a carriage return and a line feed are one character, as is a quotation mark with an accent.
  private static func quoted(_ field: String) -> String {
    let special = ",\"\r\n".unicodeScalars
    guard field.unicodeScalars.contains(where: { special.contains($0) }) else { return field }
    var text = String.UnicodeScalarView()
    for scalar in field.unicodeScalars { text.append(contentsOf: scalar == "\"" ? [scalar, scalar] : [scalar]) }
    return "\"" + String(text) + "\""
  }
}
