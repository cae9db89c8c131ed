import Durable
import Testing

@Suite struct PrintableTextTests {
  @Test(
    "What a terminal would act on is shown as a number, everything else as it is",
    arguments: [
      ("red \u{1B}[31m\u{7}", "red \\u{1B}[31m\\u{7}"), ("one\ntwo\r\u{0}", "one\\u{A}two\\u{D}\\u{0}"),
      ("\u{7F}\u{80}\u{9F}\u{A0}", "\\u{7F}\\u{80}\\u{9F}\u{A0}"), ("gnp\u{202E}exe.", "gnp\\u{202E}exe."),
      ("\u{2066}a\u{2069}\u{2028}\u{2029}", "\\u{2066}a\\u{2069}\\u{2028}\\u{2029}"),
      ("\u{200F}\u{61C}", "\\u{200F}\\u{61C}"),
      // A carriage return before a line feed is one character of Swift's.
      ("\r\n", "\\u{D}\\u{A}"), ("Łódź 東京 e\u{301} \\u{1B}", "Łódź 東京 e\u{301} \\u{1B}"), ("", ""),
    ])
  func shown(text: String, expected: String) { #expect(printable(text) == expected) }

  @Test("A text that is too long is cut between characters, and never within what stands for one")
  func cut() {
    #expect(printable("0123456789", atMost: 10) == "0123456789")
    #expect(printable("0123456789x", atMost: 10) == "012345 ...")
    let text = "ü\u{1B}ü東\u{1B}\u{1B}ü\u{1B}"
    let whole = printable(text)
    for limit in 4..<40 {
      let found = printable(text, atMost: limit)
      #expect(found.utf8.count <= limit)
      #expect(
        whole.utf8.count <= limit ? found == whole : found.hasSuffix(" ...") && whole.hasPrefix(found.dropLast(4)))
      #expect(found.count { $0 == "{" } == found.count { $0 == "}" }, "\(found)")
    }
  }
}
