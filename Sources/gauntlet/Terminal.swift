import Durable
import Foundation
import Logging
import Synchronization

/// Standard output and standard error as people meet them.
enum Terminal {
  /// One line on standard error, or one object where a daemon logs those.
  static func complain(_ text: String, level: Logger.Level = .notice) {
    if Logs.writesJSON { return Logs.writeObject(text, level: level) }
    draw((text.hasSuffix("\n") ? text : text + "\n").plainLines)
  }

  /// Text on standard error. What cannot be written there is lost: a log whose disk is full, or whose reader has gone, must
  /// not end what it tells of.
  static func draw(_ text: String) { _ = write(text, to: STDERR_FILENO) }

  /// Writes all of a text, at once where the system does; gives the `errno` of what went wrong, or 0.
  static func write(_ text: String, to descriptor: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count, let start = bytes.baseAddress {
        let count = Foundation.write(descriptor, start + done, bytes.count - done)
        if count < 0, errno == EINTR { continue }
        if count < 0, errno == EAGAIN {
          var isReady = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = poll(&isReady, 1, -1)
          continue
        }
        if count <= 0 { return count < 0 ? errno : ENOSPC }
        done += count
      }
      return 0
    }
  }

  /// Whether standard error is a terminal that a progress bar may be drawn on.
  static var showsProgressBar: Bool {
    isatty(STDERR_FILENO) == 1 && !Logs.writesJSON && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }

  /// Whether standard output takes colours: a terminal, and `NO_COLOR` unset or empty (no-color.org).
  static var takesColour: Bool {
    isatty(STDOUT_FILENO) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
  }

  /// Columns of standard output; 100 where it is no terminal.
  static var width: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
    return Int(size.ws_col)
  }

  /// `1.5 s`, `3 min 20 s`, `2 h 05 min`: a duration as people say it.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "unknown" }
    if seconds < 10 { return String(format: "%.1f s", seconds) }
    let whole = seconds < 1e15 ? Int(seconds.rounded()) : Int.max
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return String(format: "%d h %02d min", whole / 3600, whole % 3600 / 60)
  }
}

/// Progress of something that takes longer than two seconds: a bar on a terminal, a plain line now and then elsewhere.
final class ProgressLine: Sendable {
  private struct State {
    var lastPrinted: ContinuousClock.Instant?
    var isDrawn = false
  }

  private let title: String
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  init(_ title: String) {
    self.title = title
  }

  /// Tells how far it is, 0...1, with a remark such as a rate.
  func report(fraction: Double, remark: String) {
    let now = ContinuousClock.now
    let bar = Terminal.showsProgressBar
    state.withLock { state in
      let interval: Duration = bar ? .milliseconds(200) : .seconds(10)
      if now - (state.lastPrinted ?? start) < (state.lastPrinted == nil ? min(interval, .seconds(2)) : interval) {
        return
      }
      state.lastPrinted = now
      state.isDrawn = true
      let percent = String(format: "%3.0f %%", max(0, min(1, fraction)) * 100)
      if bar {
        let filled = Int(max(0, min(1, fraction)) * 30)
        let cells = String(repeating: "█", count: filled) + String(repeating: "·", count: 30 - filled)
        Terminal.draw("\r\u{1B}[K\(title.plain) \(cells) \(percent)  \(remark.plain)")
      } else {
        Terminal.complain("\(title): \(percent), \(remark)")
      }
    }
  }

  /// Clears the bar, so that what follows starts on a fresh line.
  func finish() {
    state.withLock { state in
      if state.isDrawn, Terminal.showsProgressBar { Terminal.draw("\r\u{1B}[K") }
      state.isDrawn = false
    }
  }
}
