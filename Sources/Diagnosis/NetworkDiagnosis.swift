import Archives
import Coordination
import Durable
import Foundation
import Kernels
import Messaging

extension Diagnosis {
  // MARK: The network

  static func network(port: UInt16?) -> [Finding] {
    let name = ProcessInfo.processInfo.hostName
    let addresses = Self.addresses(of: name)
    let reachable = addresses.filter { !$0.hasPrefix("127.") && $0 != "::1" }
    let host =
      reachable.isEmpty
      ? Finding(
        "network", "\(name) has no address that others can reach" + (addresses.isEmpty ? "" : " (\(addresses[0]))"),
        .warning,
        advice:
          "workers on other machines need one: gauntlet coordinate --listen tcp://ADDRESS:5757, or the name in DNS or /etc/hosts"
      )
      : Finding("network", "\(name), \(reachable.joined(separator: ", "))")
    return [host, listening(port: port)]
  }

  private static func addresses(of name: String) -> [String] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var found: [String] = []
    var next = list
    while let entry = next {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      if getnameinfo(
        entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
      {
        let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if !found.contains(address) { found.append(address) }
      }
      next = entry.pointee.ai_next
    }
    return found
  }

  private static func listening(port: UInt16?) -> Finding {
    let wanted = port ?? 0
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { if socket >= 0 { close(socket) } }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = wanted.bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard socket >= 0, status == 0, listen(socket, 1) == 0 else {
      return Finding(
        "listening", "\(port.map { "port \($0)" } ?? "no port"): \(FileError.reason(errno))", .problem,
        advice: "a coordinator cannot listen there; choose another port")
    }
    return Finding("listening", port.map { "port \($0) is free" } ?? "on a port that the system chooses")
  }

  // MARK: Archives and libraries

  static var confinement: Finding {
    do {
      _ = try ReaderProcess()
      return Finding("reading", "archives are read by a sandboxed process")
    } catch {
      return Finding(
        "reading", "\(error)", .problem,
        advice: "verify, report and inspect start a second gauntlet process; can the program be executed?")
    }
  }

  static var libraries: [Finding] {
    let versions = [
      ("HDF5", HDF5Library.version), ("ZeroMQ", ZeroMQLibrary.version), ("SQLite", LedgerLibrary.version),
      ("OpenBLAS", BLASLibrary.version),
    ]
    let curve =
      ZeroMQLibrary.hasCurve
      ? []
      : [
        Finding(
          "encryption", "this ZeroMQ lacks CURVE", .problem, advice: "install a libzmq that was built with libsodium")
      ]
    return [Finding("libraries", versions.map { "\($0) \($1)" }.joined(separator: ", "))] + curve
  }
}
