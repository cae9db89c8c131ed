import Durable
import Foundation
import Testing

@Suite struct PlainTextTests {
  @Test("Ordinary text of any language stays")
  func stays() {
    for text in ["", "imagenet-c/fog 3: 41.2 %", "Köln", "日本語", "עברית", "👩‍👩‍👧", "e\u{301}"] {
      #expect(text.plain == text && text.plainLines == text && text.plainJSON == text)
    }
  }

  @Test("Control codes, ends of lines and turns of direction are written out, also behind marks that join them")
  func writesOut() {
    #expect("a\u{1B}[31mb".plain == #"a\u{1B}[31mb"#)
    #expect("a\u{600}\u{1B}]0;x\u{7}".plain == "a\u{600}\\u{1B}]0;x\\u{7}")
    #expect("a\r\nb\u{85}c\u{2028}d".plain == #"a\u{D}\u{A}b\u{85}c\u{2028}d"#)
    #expect("gpj.\u{202E}exe\u{2066}\u{7F}\u{9B}".plain == #"gpj.\u{202E}exe\u{2066}\u{7F}\u{9B}"#)
    #expect("a\r\n\tb".plainLines == "a\\u{D}\n\tb")
  }

  @Test("All of what terminals act on is written out, and nothing else")
  func everyScalar() {
    let acting = (0...0x10_FFFF).compactMap { Unicode.Scalar($0 as UInt32) }.filter { scalar in
      String(Character(scalar)).plain.unicodeScalars.first != scalar
    }
    let controls = (0...0x10_FFFF).compactMap { Unicode.Scalar($0 as UInt32) }.filter {
      [.control, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
        || $0.properties.isBidiControl
    }
    #expect(Set(controls).isSubset(of: acting))
    #expect(Set(acting).subtracting(controls).allSatisfy { $0 == "\u{FEFF}" || (0xE0000...0xE007F).contains($0.value) })
  }

  @Test("JSON stays the same JSON")
  func json() throws {
    let text = "\u{9B}31m\u{202E}\u{E0041}\u{7F}\"\\\n"
    let encoded = String(decoding: try JSONEncoder().encode([text]), as: UTF8.self)
    let plain = encoded.plainJSON
    #expect(plain.unicodeScalars.allSatisfy { $0.isASCII })
    #expect(try JSONDecoder().decode([String].self, from: Data(plain.utf8)) == [text])
  }

  @Test("A text that is too long is cut between characters, and never within what stands for one")
  func cut() {
    #expect("0123456789".plain(atMost: 10) == "0123456789" && "0123456789x".plain(atMost: 10) == "012345 ...")
    let text = "ü\u{1B}ü東\u{1B}\u{1B}ü\u{1B}"
    let whole = text.plain
    for limit in 4..<40 {
      let found = text.plain(atMost: limit)
      #expect(found.utf8.count <= limit)
      #expect(
        whole.utf8.count <= limit ? found == whole : found.hasSuffix(" ...") && whole.hasPrefix(found.dropLast(4)))
      #expect(found.count { $0 == "{" } == found.count { $0 == "}" }, "\(found)")
    }
  }
}
