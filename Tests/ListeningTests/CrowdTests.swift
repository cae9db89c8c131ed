import Foundation
import Listening
import NIOCore
import TestSupport
import Testing

@Suite struct CrowdTests {
  private func origin(_ address: String) throws -> Origin { Origin(try SocketAddress(ipAddress: address, port: 1)) }

  @Test("An origin is an IPv4 address, an IPv6 network of 64 bits, or this machine")
  func origins() throws {
    #expect(try origin("10.0.0.1") == origin("10.0.0.1"))
    #expect(try origin("10.0.0.1") != origin("10.0.0.2"))
    #expect(try origin("::ffff:10.0.0.1") == origin("10.0.0.1"))
    #expect(try origin("2001:db8::1") == origin("2001:db8::ffff:2"))
    #expect(try origin("2001:db8:0:1::1") != origin("2001:db8::1"))
    #expect(try Origin(nil) == Origin(SocketAddress(unixDomainSocketPath: "/x")))
  }

  @Test("The oldest of the origin that has the most goes, those that are vouched for last, those that are held never")
  func expendable() throws {
    let (many, few) = (try origin("10.0.0.1"), try origin("10.0.0.2"))
    var crowd = Crowd()
    #expect(crowd.mostExpendable() == nil)
    crowd.insert(1, from: few, at: .now())
    for number in 2...4 { crowd.insert(number, from: many, at: .now()) }
    #expect(crowd.count == 4 && crowd.mostExpendable() == 2)
    crowd.vouch(for: 2)
    #expect(crowd.mostExpendable() == 3)
    crowd.remove(3)
    crowd.remove(3)
    #expect(crowd.mostExpendable() == 4)
    crowd.vouch(for: 4)
    #expect(crowd.mostExpendable() == 2)
    crowd.hold(2)
    crowd.hold(4)
    #expect(crowd.mostExpendable() == 1)
    crowd.hold(1)
    #expect(crowd.mostExpendable() == nil)
    for number in [1, 2, 4] { crowd.remove(number) }
    #expect(crowd.count == 0)
  }

  @Test("Those that came before a time are late, but for those that are held")
  func late() {
    var crowd = Crowd()
    let start = NIODeadline.uptimeNanoseconds(1_000)
    for number in 0..<100 { crowd.insert(number, from: Origin(nil), at: start + .nanoseconds(Int64(number))) }
    for number in 0..<50 where number % 2 == 0 { crowd.remove(number) }
    crowd.hold(1)
    #expect(crowd.arrivals(before: start) == [])
    #expect(crowd.arrivals(before: start + .nanoseconds(8)) == [3, 5, 7])
    #expect(crowd.arrivals(before: start + .seconds(1)).count == 74)
  }
}

@Suite struct ListeningSocketTests {
  private func failure(_ host: String) -> ListeningSocket.Failure? {
    do throws(ListeningSocket.Failure) {
      _ = try ListeningSocket.tcp(host: host, port: 0)
      return nil
    } catch { return error }
  }

  @Test("IP addresses and network interfaces are listened at, host names are not")
  func hosts() throws {
    for host in ["127.0.0.1", "0.0.0.0", "*", "lo"] { #expect(failure(host) == nil, "\(host)") }
    for host in ["", "no-such-host", "127.0.0.1 "] { #expect(failure(host)?.code == EINVAL, "\(host)") }
    #expect(failure("192.0.2.1")?.code == EADDRNOTAVAIL)
  }

  @Test("A socket's file is replaced, any other is not")
  func files() throws {
    let folder = try ScratchFolder.fresh()
    for _ in 0..<2 { _ = try ListeningSocket.unix(path: folder + "/s") }
    try Data("mine".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
    #expect(throws: ListeningSocket.Failure.self) { _ = try ListeningSocket.unix(path: folder + "/file") }
    #expect(try String(contentsOfFile: folder + "/file", encoding: .utf8) == "mine")
    for path in ["", folder + "/none/s", folder + "/" + String(repeating: "x", count: 108)] {
      #expect(throws: ListeningSocket.Failure.self) { _ = try ListeningSocket.unix(path: path) }
    }
    let name = "@gauntlet-\(UUID().uuidString)"
    _ = try ListeningSocket.unix(path: name)
    #expect(!FileManager.default.fileExists(atPath: name))
  }
}
