import Durable
import NIOCore
import NIOHTTP1

/// What a request is answered with.
struct Page: Sendable {
  var status: HTTPResponseStatus
  var mediaType = "text/plain"
  var body: String
}

/// The pages by their paths.
///
/// The metrics of a second are made once: to make them reads the ledger, which those who ask thousands of times a second
/// would take from the coordinator.
struct Pages {
  private let metrics: @Sendable () throws -> String
  private let isHealthy: @Sendable () -> Bool
  private let age: TimeAmount
  private var lastMetrics: (page: Page, until: NIODeadline)?

  init(
    metrics: @escaping @Sendable () throws -> String, isHealthy: @escaping @Sendable () -> Bool, age: TimeAmount
  ) {
    self.metrics = metrics
    self.isHealthy = isHealthy
    self.age = age
  }

  /// The answer to GET or HEAD of a path; what stands after a question mark is passed over.
  mutating func page(_ uri: String) -> Page {
    switch uri.prefix(while: { $0 != "?" }) {
    case "/metrics": return metricsPage()
    case "/healthz":
      let isHealthy = isHealthy()
      return Page(
        status: isHealthy ? .ok : .serviceUnavailable, body: isHealthy ? "ok\n" : "the coordinator does not turn\n")
    default: return Page(status: .notFound, body: "there are /metrics and /healthz\n")
    }
  }

  private mutating func metricsPage() -> Page {
    if let last = lastMetrics, .now() < last.until { return last.page }
    let page: Page
    do {
      page = Page(status: .ok, mediaType: PrometheusText.mediaType, body: try metrics())
    } catch {
      page = Page(status: .internalServerError, body: "\(error.sentence)\n")
    }
    lastMetrics = (page, .now() + age)
    return page
  }
}
