/// Why messages cannot be exchanged, or keys cannot be used.
public enum MessagingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Another program listens at the address.
  case addressInUse(String)
  /// The address cannot be listened at or connected to.
  case badAddress(String, reason: String)
  /// The message is not one that the other side would believe.
  case invalidMessage(WireError)
  /// The endpoint was closed.
  case closed
  /// A file of keys cannot be used as it is, or cannot be written.
  case keyFile(String, reason: String)
  /// The folder holds keys already.
  case keysExist(String)
  /// A call of ZeroMQ or the system failed.
  case system(call: String, reason: String)

  /// One sentence that says what was found and what to do.
  public var description: String {
    switch self {
    case .addressInUse(let address):
      "address already in use: \(address); stop the other program or choose another address"
    case .badAddress(let address, let reason):
      "\(address) is not a usable address (\(reason)); give tcp://ADDRESS:PORT or ipc://PATH"
    case .invalidMessage(let error): "the message cannot be sent: \(error)"
    case .closed: "the endpoint was closed"
    case .keyFile(let path, let reason): "the key file \(path) \(reason)"
    case .keysExist(let folder):
      "\(folder) already holds keys; choose another folder, or remove this one to revoke them"
    case .system(let call, let reason): "\(call) failed: \(reason)"
    }
  }
}
