import Durable
import FlyingFox
import FlyingSocks
import Foundation
import Synchronization

/// Serves `/metrics` and `/healthz` over HTTP for as long as it lives.
///
/// Both only read. There is no encryption and nobody is asked who they are: listen where the monitoring alone reaches.
public final class MonitoringServer: Sendable {
  private let task: Task<Void, Never>
  /// Where to listen, from `ADDRESS:PORT` or `[ADDRESS]:PORT`; nil for text that says no such thing.
  public struct Place: Sendable, Equatable {
    let address: String
    let port: UInt16

    /// Reads the text of an option.
    public init?(_ text: String) {
      guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
        return nil
      }
      let address = text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
      guard !address.isEmpty else { return nil }
      self.address = address
      self.port = port
    }
  }

  /// Why it cannot listen.
  public struct CannotListen: Error, CustomStringConvertible {
    /// What was tried, and what came of it.
    public let description: String
  }

  /// Listens, and answers from then on.
  ///
  /// - Parameters:
  ///   - metrics: makes the page of `/metrics`; an error becomes status 500.
  ///   - isHealthy: whether `/healthz` has status 200, else 503.
  /// - Throws: `CannotListen`.
  public init(
    at place: Place, metrics: @escaping @Sendable () throws -> String, isHealthy: @escaping @Sendable () -> Bool
  ) throws {
    let address: any SocketAddress & Sendable
    do {
      address =
        place.address.contains(":")
        ? try sockaddr_in6.inet6(ip6: place.address, port: place.port)
        : try sockaddr_in.inet(ip4: place.address, port: place.port)
    } catch {
      throw CannotListen(description: "--metrics \(place.address) is no IP address")
    }
    let server = HTTPServer(address: address, timeout: 10, logger: .disabled)
    let failure = FirstError()
    let listening = DispatchSemaphore(value: 0)
    let executor = ThreadExecutor()
    // What the server does outside the executor, since not all of its tasks inherit that, waits in the threads of a
    // high priority and not behind whoever blocks those of the usual one.
    task = Task(executorPreference: executor, priority: .high) {
      await server.appendRoute("GET /metrics") { _ in
        do {
          return HTTPResponse(
            statusCode: .ok, headers: [.contentType: PrometheusText.mediaType], body: Data(try metrics().utf8))
        } catch {
          return HTTPResponse(statusCode: .internalServerError, body: Data("\(error.sentence)\n".utf8))
        }
      }
      await server.appendRoute("GET /healthz") { _ in
        let isHealthy = isHealthy()
        return HTTPResponse(
          statusCode: isHealthy ? .ok : .serviceUnavailable, headers: [.contentType: "text/plain"],
          body: Data((isHealthy ? "ok\n" : "the coordinator does not turn\n").utf8))
      }
      do { try await server.run() } catch {
        failure.keep(error)
        listening.signal()
      }
    }
    Task(executorPreference: executor, priority: .high) {
      do { try await server.waitUntilListening(timeout: 5) } catch { failure.keep(error) }
      listening.signal()
    }
    listening.wait()
    if let error = failure.error {
      task.cancel()
      throw CannotListen(
        description:
          "cannot listen at \(place.address):\(place.port) for --metrics: \(Self.reason(error))")
    }
  }

  private static func reason(_ error: any Error) -> String {
    if let reason = error as? SocketError, case .failed(_, let code, _) = reason { return FileError.reason(code) }
    return error.sentence
  }

  deinit { task.cancel() }
}

/// The first of several errors: that which the others follow from.
private final class FirstError: Sendable {
  private let first = Mutex<(any Error)?>(nil)

  var error: (any Error)? { first.withLock { $0 } }

  func keep(_ error: any Error) { first.withLock { $0 = $0 ?? error } }
}

/// A thread of its own, so that answers do not wait for whoever blocks those that all tasks share.
private final class ThreadExecutor: TaskExecutor {
  private let jobs = Mutex<[UnownedJob]>([])
  private let work = DispatchSemaphore(value: 0)

  init() {
    Thread.detachNewThread { [weak self, work] in
      while true {
        work.wait()
        guard let self else { return }
        while let job = self.jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
          job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
      }
    }
  }

  deinit { work.signal() }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
    work.signal()
  }
}
