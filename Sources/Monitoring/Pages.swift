import Durable
import NIOCore
import NIOHTTP1

/// What a request is answered with.
struct Page: Sendable {
  var status: HTTPResponseStatus
  var mediaType = "text/plain"
  var body: ByteBuffer
  var headers: [(String, String)] = []

  init(
    _ status: HTTPResponseStatus, mediaType: String = "text/plain", _ body: ByteBuffer,
    headers: [(String, String)] = []
  ) {
    (self.status, self.mediaType, self.body, self.headers) = (status, mediaType, body, headers)
  }

  init(_ status: HTTPResponseStatus, mediaType: String = "text/plain", _ body: String) {
    self.init(status, mediaType: mediaType, ByteBuffer(string: body))
  }
}

/// What a server shows of a run.
package struct Contents: Sendable {
  /// Makes the page of `/metrics`; an error becomes status 500. nil: there is none.
  var metrics: (@Sendable () throws -> String)?
  /// The live page, and who may see it; nil: there is none.
  var live: (source: LiveSource, access: LiveAccess)?
  /// Whether `/healthz` has status 200, else 503.
  var isHealthy: @Sendable () -> Bool

  package init(
    metrics: (@Sendable () throws -> String)?, live: (source: LiveSource, access: LiveAccess)?,
    isHealthy: @escaping @Sendable () -> Bool
  ) {
    (self.metrics, self.live, self.isHealthy) = (metrics, live, isHealthy)
  }
}

/// The pages by their paths.
///
/// The metrics of a second are made once: to make them reads the ledger, which those who ask thousands of times a second
/// would take from the coordinator.
struct Pages {
  /// What a request gets.
  enum Answer {
    case page(Page)
    /// States of the run, as long as the viewer stays.
    case stream
  }

  private let contents: Contents
  private let age: TimeAmount
  private var lastMetrics: (page: Page, until: NIODeadline)?
  /// The live page's; nil where there is none.
  var frames: LiveFrames?

  init(_ contents: Contents, metricsAge: TimeAmount, frameAge: TimeAmount) {
    (self.contents, age) = (contents, metricsAge)
    frames = contents.live.map { LiveFrames($0.source, age: frameAge) }
  }

  /// The answer to GET or HEAD of a path; what stands after a question mark only says who asks.
  mutating func answer(_ uri: String, host: String?) -> Answer {
    let path = uri.prefix { $0 != "?" }
    switch path {
    case "/metrics" where contents.metrics != nil: return .page(metricsPage())
    case "/healthz":
      let isHealthy = contents.isHealthy()
      return .page(
        isHealthy ? Page(.ok, "ok\n") : Page(.serviceUnavailable, "the coordinator is not responding\n"))
    case "/", "/events", "/live.css", "/live.js": return live(path, uri, host)
    default: return .page(missing)
    }
  }

  private var missing: Page {
    let paths = (contents.live == nil ? [] : ["/"]) + (contents.metrics == nil ? [] : ["/metrics"]) + ["/healthz"]
    return Page(
      .notFound,
      paths.count == 1
        ? "not found; there is \(paths[0])\n" : "not found; there are \(paths.joined(separator: " and "))\n")
  }

  private mutating func live(_ path: Substring, _ uri: String, _ host: String?) -> Answer {
    guard let access = contents.live?.access else { return .page(missing) }
    // What everybody may read.
    if path == "/live.css" { return .page(file(LiveFiles.style, "text/css; charset=utf-8")) }
    if path == "/live.js" { return .page(file(LiveFiles.script, "text/javascript; charset=utf-8")) }
    switch access.refusal(uri: uri, host: host) {
    case .missing?:
      return .page(Page(.unauthorized, "this page needs a token; open the address that gauntlet printed\n"))
    case .wrong?: return .page(Page(.forbidden, "wrong token; gauntlet status prints the address\n"))
    case .foreign?: return .page(Page(.forbidden, "ask for this page by localhost or an IP address\n"))
    case nil: break
    }
    guard path == "/" else { return .stream }
    return .page(file(frames?.page() ?? ByteBuffer(), "text/html; charset=utf-8"))
  }

  private func file(_ body: ByteBuffer, _ mediaType: String) -> Page {
    Page(.ok, mediaType: mediaType, body, headers: LiveFiles.headers)
  }

  private mutating func metricsPage() -> Page {
    if let last = lastMetrics, .now() < last.until { return last.page }
    let page: Page
    do {
      page = Page(.ok, mediaType: PrometheusText.mediaType, try contents.metrics?() ?? "")
    } catch {
      page = Page(.internalServerError, "\(error.sentence)\n")
    }
    lastMetrics = (page, .now() + age)
    return page
  }
}
