/// JSON that is written as it is told: numbers by the ten thousand, for which an encoder of values takes too long.
struct JSONBytes {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  private mutating func begin(_ byte: UInt8) {
    separate()
    bytes.append(byte)
    needsComma = false
  }

  private mutating func end(_ byte: UInt8) {
    bytes.append(byte)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  mutating func object(_ body: (inout JSONBytes) -> Void) {
    begin(UInt8(ascii: "{"))
    body(&self)
    end(UInt8(ascii: "}"))
  }

  mutating func object(_ key: StaticString, _ body: (inout JSONBytes) -> Void) {
    self.key(key)
    object(body)
  }

  mutating func array<Element>(
    _ key: StaticString, _ values: some Sequence<Element>, _ each: (inout JSONBytes, Element) -> Void
  ) {
    self.key(key)
    begin(UInt8(ascii: "["))
    for value in values { each(&self, value) }
    end(UInt8(ascii: "]"))
  }

  mutating func array(_ key: StaticString, _ values: some Sequence<Int>) { array(key, values) { $0.value($1) } }

  mutating func array(_ key: StaticString, _ values: some Sequence<String>) { array(key, values) { $0.value($1) } }

  mutating func pair(_ key: StaticString, _ value: Int) {
    self.key(key)
    self.value(value)
  }

  /// To a thousandth; left out where it is no number, or none that a page would show.
  mutating func pair(_ key: StaticString, _ value: Double?) {
    guard let value, value.isFinite, abs(value) < 1e12 else { return }
    self.key(key)
    self.value(value)
  }

  /// Left out where there is none.
  mutating func pair(_ key: StaticString, _ value: String?) {
    guard let value else { return }
    self.key(key)
    self.value(value)
  }

  private mutating func key(_ key: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    key.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  mutating func value(_ number: Int) {
    separate()
    digits(number)
  }

  /// To a thousandth.
  mutating func value(_ number: Double) {
    separate()
    let thousandths = Int((number * 1_000).rounded())
    if thousandths < 0 { bytes.append(UInt8(ascii: "-")) }
    digits(abs(thousandths) / 1_000)
    let rest = abs(thousandths) % 1_000
    guard rest > 0 else { return }
    bytes.append(UInt8(ascii: "."))
    for divisor in [100, 10, 1] { bytes.append(UInt8(ascii: "0") + UInt8(rest / divisor % 10)) }
  }

  private mutating func digits(_ number: Int) {
    guard number >= 10 || number < 0 else { return bytes.append(UInt8(ascii: "0") + UInt8(number)) }
    if number < 0 { bytes.append(UInt8(ascii: "-")) }
    let start = bytes.count
    var rest = number.magnitude
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }

  /// What could end a line, or a script that it stands in, is written by number.
  mutating func value(_ text: String) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0..<0x20, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"), 0x7F:
        bytes += Array("\\u00".utf8) + [Self.hexadecimal(byte >> 4), Self.hexadecimal(byte & 15)]
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
  }
}
