import Durable
import Foundation
import NIOCore

/// What a live page's viewers are sent. A state is made at most once in so long, whoever asks, and is the same bytes for all.
package struct LiveFrames {
  private let source: LiveSource
  private let text: LiveText
  private let age: TimeAmount
  private var layout: LiveLayout?
  private var last: (moment: LiveMoment, tables: [[LiveLayout.Cell]], event: ByteBuffer, until: NIODeadline)?
  private var lastPage: ByteBuffer?

  /// The frames of a run.
  ///
  /// - Parameter age: how long a state is given again before it is made anew.
  package init(_ source: LiveSource, age: TimeAmount) {
    (self.source, text, self.age) = (source, LiveText(source: source), age)
  }

  /// What a viewer is sent first: when to come again if the connection ends, in milliseconds, what stays the same, and the state.
  package mutating func opening() -> ByteBuffer {
    var bytes = ByteBuffer(string: "retry: 2000\n\n")
    bytes.writeImmutableBuffer(Self.event("layout", text.layout(wholeLayout())))
    bytes.writeImmutableBuffer(state())
    return bytes
  }

  /// The run as it is, or was a little while ago.
  package mutating func state() -> ByteBuffer {
    if let last, .now() < last.until { return last.event }
    let layout = wholeLayout()
    let moment = source.moment()
    let tables = layout.filled(with: moment)
    let event = Self.event("state", text.state(moment, tables))
    last = (moment, tables, event, .now() + age)
    lastPage = nil
    return event
  }

  /// The next state is made anew.
  package mutating func renew() { last = nil }

  /// The page that opens the stream; for browsers without scripts it says the state itself.
  package mutating func page() -> ByteBuffer {
    _ = state()
    if let lastPage { return lastPage }
    let plain = last.map { LivePlain(text: text, layout: wholeLayout()).body($0.moment, $0.tables) } ?? ""
    // What others named is put in last, so that nothing of it is taken for a place to put something.
    let filled = LiveFiles.page.components(separatedBy: "{{PLAIN}}").map { part in
      part.replacing("{{VERSION}}", with: LivePlain.escaped(source.version))
        .replacing("{{RUN}}", with: LivePlain.escaped(source.plan.manifest.run))
    }
    let page = ByteBuffer(string: filled.joined(separator: plain))
    lastPage = page
    return page
  }

  private mutating func wholeLayout() -> LiveLayout {
    if let layout { return layout }
    let made = LiveLayout(plan: source.plan, tally: source.tally)
    layout = made
    return made
  }

  /// An event of a stream (WHATWG HTML, 9.2): its data has no line feed, since JSON writes that by name.
  static func event(_ name: String, _ data: [UInt8]) -> ByteBuffer {
    var bytes = ByteBuffer()
    bytes.reserveCapacity(data.count + 32)
    bytes.writeString("event: \(name)\ndata: ")
    bytes.writeBytes(data)
    bytes.writeString("\n\n")
    return bytes
  }
}

/// The page's own files.
enum LiveFiles {
  static let page = String(decoding: PackageResources.live_html, as: UTF8.self)
  static let style = ByteBuffer(bytes: PackageResources.live_css)
  static let script = ByteBuffer(bytes: PackageResources.live_js)

  /// A browser runs and fetches nothing but these, and shows the page in no other.
  static let headers = [
    (
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'"
    ), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-store"),
  ]
}
